#include "storage/report_queue.h"

#include <algorithm>
#include <array>
#include <limits>

#include "storage/row_digest.h"
#include "storage/sqlite.h"
#include "storage/store_file.h"

namespace weir::storage {
namespace {

constexpr std::array<std::string_view, 1> kTables = {
    "CREATE TABLE report(id INTEGER PRIMARY KEY, payload BLOB NOT NULL, "
    "digest INTEGER NOT NULL) STRICT"};

constexpr StoreSchema kSchema{.what = "queue of reports",
                              .application = 0x77656971,
                              .version = 1,
                              .tables = kTables,
                              .checked_table = ""};

std::uint64_t digest_of(std::uint64_t id, std::string_view payload) {
  return RowDigest().add(id).add(payload).value();
}

// What a deletion left unused goes back to the file system, a part at a time.
Result<void> shrink(Database& database) {
  return database.execute("PRAGMA incremental_vacuum(1024)");
}

}  // namespace

ReportQueue::ReportQueue(std::unique_ptr<StoreFile> file, const ReportQueueOptions& options)
    : options_(options), file_(std::move(file)) {}

ReportQueue::~ReportQueue() = default;

Result<ReportQueue::Opened> ReportQueue::open(const std::string& path,
                                              const ReportQueueOptions& options,
                                              const Clock& clock) {
  WEIR_TRY(auto file, StoreFile::open(path, kSchema, clock));
  std::unique_ptr<ReportQueue> queue(new ReportQueue(std::move(file), options));
  const auto count = [&](Database& database) { return queue->count(database); };
  if (auto counted = queue->file_->run(count); !counted) {
    return std::move(counted).error().with_context("open " + queue->file_->name());
  }
  std::string warning = queue->file_->take_warning();
  return Opened{.queue = std::move(queue), .warning = std::move(warning)};
}

template <typename Body>
auto ReportQueue::guarded(std::string_view what, Body body) {
  return in_turn(mutex_, *file_, options_.observer, what, std::move(body));
}

// What is in the file; after it was replaced, anew.
Result<void> ReportQueue::count(Database& database) {
  if (counted_ && replaced_ == file_->replaced()) return ok();
  WEIR_TRY(Statement sums, database.prepare("SELECT count(*), coalesce(sum(length(payload)), 0), "
                                            "coalesce(max(id), 0) FROM report"));
  WEIR_TRY([[maybe_unused]] const bool row, sums.step());
  const std::uint64_t last = sums.number(2);
  if (last >= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    database.mark_damaged();
    return Error{.code = ErrorCode::Damaged, .context = "the ids of the reports are impossible"};
  }
  status_.reports = sums.number(0);
  status_.bytes = sums.number(1) + status_.reports * kReportRowBytes;
  next_id_ = std::max(next_id_, last + 1);
  counted_ = true;
  replaced_ = file_->replaced();
  return ok();
}

Result<std::uint64_t> ReportQueue::push(std::string_view payload) {
  const std::uint64_t bytes = payload.size() + kReportRowBytes;
  if (bytes > options_.bytes_max) {
    return Error{.code = ErrorCode::Usage,
                 .context = "queue a report: it has " + std::to_string(payload.size()) +
                            " bytes, the queue takes " + std::to_string(options_.bytes_max) +
                            " in all (make it smaller)"};
  }
  return guarded("queue a report", [&](Database& database) -> Result<std::uint64_t> {
    WEIR_CHECK(count(database));
    WEIR_TRY(Transaction transaction, Transaction::begin(database, Durability::Process));
    WEIR_TRY(const Removed dropped, remove_for(database, bytes));
    WEIR_TRY(Statement insert,
             database.prepare("INSERT INTO report VALUES(?, CAST(? AS BLOB), ?)"));
    insert.bind(next_id_).bind(payload);
    WEIR_CHECK(insert.bind(digest_of(next_id_, payload)).run());
    WEIR_CHECK(transaction.commit());
    status_.reports = status_.reports + 1 - dropped.reports;
    status_.bytes = status_.bytes + bytes - dropped.bytes;
    status_.dropped += dropped.reports;
    return next_id_++;
  });
}

// The oldest reports, until the new one has room.
Result<ReportQueue::Removed> ReportQueue::remove_for(Database& database, std::uint64_t bytes) {
  Removed removed;
  if (status_.bytes + bytes <= options_.bytes_max) return removed;
  std::uint64_t last = 0;
  {
    WEIR_TRY(Statement oldest,
             database.prepare("SELECT id, length(payload) FROM report ORDER BY id"));
    while (status_.bytes - removed.bytes + bytes > options_.bytes_max) {
      WEIR_TRY(const bool row, oldest.step());
      if (!row) break;
      last = oldest.number(0);
      ++removed.reports;
      removed.bytes += oldest.number(1) + kReportRowBytes;
    }
  }
  WEIR_TRY(Statement remove, database.prepare("DELETE FROM report WHERE id <= ?"));
  WEIR_CHECK(remove.bind(last).run());
  return removed;
}

Result<std::vector<QueuedReport>> ReportQueue::front(std::size_t reports_max,
                                                     std::uint64_t bytes_max) {
  return guarded("read reports", [&](Database& database) -> Result<std::vector<QueuedReport>> {
    WEIR_CHECK(count(database));
    std::vector<QueuedReport> reports;
    std::vector<std::uint64_t> damaged;
    std::uint64_t bytes = 0;
    {
      WEIR_TRY(Statement row,
               database.prepare("SELECT id, payload, digest FROM report ORDER BY id"));
      while (reports.size() < reports_max) {
        WEIR_TRY(const bool more, row.step());
        if (!more) break;
        QueuedReport report{.id = row.number(0), .payload = row.text(1)};
        if (digest_of(report.id, report.payload) != row.number(2)) {
          damaged.push_back(report.id);
          continue;
        }
        bytes += report.payload.size();
        if (!reports.empty() && bytes > bytes_max) break;
        reports.push_back(std::move(report));
      }
    }
    for (const std::uint64_t id : damaged) WEIR_CHECK(remove_damaged(database, id));
    return reports;
  });
}

Result<void> ReportQueue::remove_damaged(Database& database, std::uint64_t id) {
  WEIR_TRY(Statement remove, database.prepare("DELETE FROM report WHERE id = ?"));
  WEIR_CHECK(remove.bind(id).run());
  file_->warn("report " + std::to_string(id) + " was damaged, removed");
  ++status_.damaged;
  counted_ = false;  // how many bytes it had been counted with is not known
  return ok();
}

Result<void> ReportQueue::pop(std::uint64_t id) {
  constexpr std::uint64_t kIdMax = std::numeric_limits<std::int64_t>::max();
  return guarded("remove reports", [&](Database& database) -> Result<void> {
    WEIR_CHECK(count(database));
    const std::uint64_t last = std::min(id, kIdMax);
    WEIR_TRY(Transaction transaction, Transaction::begin(database, Durability::Process));
    Removed removed;
    {
      WEIR_TRY(Statement sums,
               database.prepare("SELECT count(*), coalesce(sum(length(payload)), 0) FROM report "
                                "WHERE id <= ?"));
      WEIR_TRY([[maybe_unused]] const bool row, sums.bind(last).step());
      removed.reports = sums.number(0);
      removed.bytes = sums.number(1) + removed.reports * kReportRowBytes;
    }
    WEIR_TRY(Statement remove, database.prepare("DELETE FROM report WHERE id <= ?"));
    WEIR_CHECK(remove.bind(last).run());
    WEIR_CHECK(shrink(database));
    WEIR_CHECK(transaction.commit());
    status_.reports -= removed.reports;
    status_.bytes -= removed.bytes;
    return ok();
  });
}

ReportQueueStatus ReportQueue::status() {
  const std::lock_guard turn(mutex_);
  return status_;
}

}  // namespace weir::storage
