#include "storage/segment/manifest.h"

#include <array>
#include <optional>
#include <utility>

#include "storage/row_digest.h"
#include "storage/sqlite.h"
#include "storage/store_file.h"

namespace weir::storage::segment {
namespace {

constexpr std::array<std::string_view, 1> kTables = {
    "CREATE TABLE segment(sequence INTEGER PRIMARY KEY, file TEXT NOT NULL, lane INTEGER NOT NULL, "
    "state TEXT NOT NULL, begun INTEGER NOT NULL, ended INTEGER NOT NULL, first INTEGER NOT NULL, "
    "last INTEGER NOT NULL, packets INTEGER NOT NULL, bytes INTEGER NOT NULL, "
    "lost INTEGER NOT NULL, why TEXT NOT NULL, digest INTEGER NOT NULL) STRICT"};

constexpr StoreSchema kSchema{.what = "manifest",
                              .application = 0x7765696d,
                              .version = 1,
                              .tables = kTables,
                              .checked_table = ""};

constexpr std::string_view kColumns =
    "sequence, file, lane, state, begun, ended, first, last, packets, bytes, lost, why, digest";

std::uint64_t digest_of(const ManifestRow& row) {
  return RowDigest()
      .add(row.sequence)
      .add(std::string_view(row.file))
      .add(std::uint64_t{row.lane})
      .add(kLifeTable.name_of(row.state))
      .add(row.begun.ns)
      .add(row.ended.ns)
      .add(row.times.first.ns)
      .add(row.times.last.ns)
      .add(row.packets)
      .add(row.bytes)
      .add(row.lost)
      .add(std::string_view(row.why))
      .value();
}

std::optional<LifeState> state_of(std::string_view name) {
  for (const auto& row : kLifeStates) {
    if (row.name == name) return row.state;
  }
  return std::nullopt;
}

// Nothing: not what put() has written.
std::optional<ManifestRow> row_of(const Statement& found) {
  const auto state = state_of(found.text(3));
  if (!state) return std::nullopt;
  ManifestRow row{.sequence = found.number(0),
                  .file = found.text(1),
                  .lane = static_cast<std::uint32_t>(found.number(2)),
                  .state = *state,
                  .begun = {found.integer(4)},
                  .ended = {found.integer(5)},
                  .times = {.first = {found.integer(6)}, .last = {found.integer(7)}},
                  .packets = found.number(8),
                  .bytes = found.number(9),
                  .lost = found.number(10),
                  .why = found.text(11)};
  if (digest_of(row) != found.number(12)) return std::nullopt;
  return row;
}

Result<void> put_row(Statement& statement, const ManifestRow& row) {
  statement.bind(row.sequence)
      .bind(std::string_view(row.file))
      .bind(std::uint64_t{row.lane})
      .bind(kLifeTable.name_of(row.state))
      .bind(row.begun.ns)
      .bind(row.ended.ns)
      .bind(row.times.first.ns)
      .bind(row.times.last.ns)
      .bind(row.packets)
      .bind(row.bytes)
      .bind(row.lost)
      .bind(std::string_view(row.why))
      .bind(digest_of(row));
  return statement.run();
}

Result<void> forget_oldest(Database& database) {
  constexpr std::string_view kPast = "state IN ('expired', 'gone')";
  WEIR_TRY(const std::int64_t past,
           database.integer("SELECT count(*) FROM segment WHERE " + std::string(kPast)));
  if (static_cast<std::uint64_t>(past) <= kPastRowsMax) return ok();
  WEIR_TRY(Statement oldest,
           database.prepare("DELETE FROM segment WHERE sequence IN (SELECT sequence FROM segment "
                            "WHERE " +
                            std::string(kPast) + " ORDER BY sequence LIMIT ?)"));
  return oldest.bind(static_cast<std::uint64_t>(past) - kPastRowsMax).run();
}

}  // namespace

Manifest::Manifest(std::unique_ptr<StoreFile> file, StoreObserver* observer)
    : file_(std::move(file)), observer_(observer) {}

Manifest::~Manifest() = default;

Result<std::unique_ptr<Manifest>> Manifest::open(const std::string& directory, const Clock& clock,
                                                 StoreObserver* observer) {
  WEIR_TRY(auto file, StoreFile::open(directory + "/weir-store.db", kSchema, clock));
  const std::string warning = file->take_warning();
  if (!warning.empty() && observer != nullptr) observer->store_warning(warning);
  return std::unique_ptr<Manifest>(new Manifest(std::move(file), observer));
}

template <typename Body>
auto Manifest::guarded(std::string_view what, Body body) {
  return in_turn(mutex_, *file_, observer_, what, std::move(body));
}

Result<std::vector<ManifestRow>> Manifest::rows() {
  return guarded(
      "read the segments", [this](Database& database) -> Result<std::vector<ManifestRow>> {
        WEIR_TRY(Statement all, database.prepare("SELECT " + std::string(kColumns) +
                                                 " FROM segment ORDER BY sequence"));
        std::vector<ManifestRow> rows;
        std::uint64_t wrong = 0;
        for (;;) {
          WEIR_TRY(const bool more, all.step());
          if (!more) break;
          if (auto row = row_of(all)) {
            rows.push_back(std::move(*row));
          } else {
            ++wrong;
          }
        }
        if (wrong != 0) {
          file_->warn(file_->name() + ": " + std::to_string(wrong) +
                      " rows do not fit their checksums, and are made anew from the segments");
        }
        return rows;
      });
}

Result<void> Manifest::put(const std::vector<ManifestRow>& rows) {
  if (rows.empty()) return ok();
  return guarded("write the segments", [&](Database& database) -> Result<void> {
    WEIR_TRY(Transaction transaction, Transaction::begin(database, Durability::Process));
    {
      WEIR_TRY(Statement statement,
               database.prepare("INSERT OR REPLACE INTO segment(" + std::string(kColumns) +
                                ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
      for (const ManifestRow& row : rows) WEIR_CHECK(put_row(statement, row));
    }
    WEIR_CHECK(forget_oldest(database));
    return transaction.commit();
  });
}

}  // namespace weir::storage::segment
