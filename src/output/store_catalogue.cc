#include "output/store_catalogue.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>
#include <utility>

#include "storage/segment/expired_log.h"
#include "storage/segment/pins.h"
#include "storage/segment/segment_summary.h"
#include "storage/segment/store_directory.h"

namespace weir::output {

namespace segment = storage::segment;

namespace {

using segment::LifeEvent;
using segment::LifeState;

constexpr std::uint64_t kStatBlockBytes = 512;  // stat(2)
// Of segments that are deleted while that cannot be written down.
constexpr std::size_t kUnnotedMax = 4096;

bool is_there(LifeState state) noexcept {
  return state == LifeState::Open || state == LifeState::Sealed || state == LifeState::Damaged;
}

// What a file says that the manifest does not know.
segment::ManifestRow read_row(const std::string& path, const segment::StoredSegment& one) {
  segment::ManifestRow row{.sequence = one.name.sequence,
                           .file = one.file,
                           .lane = one.name.lane,
                           .begun = one.name.begun};
  struct stat facts {};
  if (::stat((path + "/" + one.file).c_str(), &facts) == 0) {
    row.bytes = static_cast<std::uint64_t>(facts.st_size);
    row.ended = {facts.st_mtim.tv_sec * 1'000'000'000 + facts.st_mtim.tv_nsec};
  }
  const auto summary = segment::summarise_segment(path + "/" + one.file);
  if (!summary || !summary->sealed) {
    row.state = LifeState::Damaged;
    row.why = summary ? "it has no tail" : summary.error().context;
    return row;
  }
  row.state = LifeState::Sealed;
  row.begun = summary->head.facts.created;
  row.ended = summary->sealed_at;
  row.times = summary->totals.times;
  row.packets = summary->totals.packets;
  row.lost = summary->totals.lost;
  return row;
}

std::optional<std::uint64_t> size_of(const std::string& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(facts.st_size);
}

segment::ExpiredRecord record_of(const segment::ManifestRow& row, segment::DeletionReason reason,
                                 Timestamp now) {
  segment::ExpiredRecord record{
      .reason = reason, .counted = row.state == LifeState::Sealed, .deleted = now};
  record.name = segment::parse_segment_file_name(row.file).value_or(
      segment::SegmentName{.begun = row.begun, .sequence = row.sequence, .lane = row.lane});
  record.bytes = row.bytes;
  if (!record.counted) return record;
  record.times = row.times;
  record.packets = row.packets;
  record.lost = row.lost;
  return record;
}

std::string_view text_of(segment::ExpiryReason reason) noexcept {
  switch (reason) {
    case segment::ExpiryReason::Age:
      return "for its age";
    case segment::ExpiryReason::Size:
      return "for the size of the store";
    case segment::ExpiryReason::FreeSpace:
      break;
  }
  return "to keep space free";
}

}  // namespace

std::string text_of(const ExpiredSegment& segment) {
  return segment.file + ": deleted " + std::string(text_of(segment.reason)) + " (" +
         std::to_string(segment.bytes) + " bytes, " + std::to_string(segment.packets) + " packets)";
}

Result<std::unique_ptr<StoreCatalogue>> StoreCatalogue::open(const std::string& path,
                                                             const Clock& clock,
                                                             StoreWatcher* watcher) {
  std::unique_ptr<StoreCatalogue> catalogue(new StoreCatalogue(path, clock, watcher));
  WEIR_TRY(catalogue->manifest_, segment::Manifest::open(path, clock, catalogue.get()));
  WEIR_CHECK(catalogue->agree());
  return catalogue;
}

void StoreCatalogue::store_warning(std::string_view sentence) {
  if (watcher_ != nullptr) watcher_->store_in_trouble(path_, sentence);
}

// Files are right, the manifest follows.
Result<void> StoreCatalogue::agree() {
  WEIR_TRY(auto known, manifest_->rows());
  WEIR_TRY(const segment::StoreListing listing, segment::list_store(path_));
  std::map<std::uint64_t, Row> before;
  for (Row& row : known) before.emplace(row.sequence, std::move(row));
  if (!before.empty()) last_sequence_ = before.rbegin()->first;
  if (!listing.segments.empty()) {
    last_sequence_ = std::max(last_sequence_, listing.segments.back().name.sequence);
  }
  std::vector<Row> changed;
  for (const segment::StoredSegment& one : listing.segments) {
    const auto found = before.find(one.name.sequence);
    const bool same = found != before.end() && found->second.file == one.file &&
                      found->second.state == LifeState::Sealed &&
                      size_of(path_ + "/" + one.file) == found->second.bytes;
    Row row = same ? found->second : read_row(path_, one);
    // One that was gone and is there again begins anew.
    const bool goes_on = found != before.end() && is_there(found->second.state);
    row.state = after(goes_on ? found->second.state : LifeState::Open,
                      row.state == LifeState::Damaged ? LifeEvent::FindDamage : LifeEvent::Seal);
    if (found == before.end() || !(row == found->second)) changed.push_back(row);
    if (found != before.end()) before.erase(found);
    segments_.emplace(row.sequence, std::move(row));
  }
  std::vector<Row> missing;
  for (auto& [sequence, row] : before) {
    if (!is_there(row.state)) continue;
    if (row.state != LifeState::Open) missing.push_back(row);
    row.state = after(row.state, LifeEvent::Miss);
    row.ended = clock_.wall();
    row.why = "its file is not there";
    changed.push_back(row);
  }
  note_missing(missing);
  return manifest_->put(changed);
}

// Segments that somebody else has deleted, or we did and were killed before the manifest knew.
void StoreCatalogue::note_missing(const std::vector<Row>& rows) {
  if (rows.empty()) return;
  const auto known = segment::read_expired(path_);
  std::vector<segment::ExpiredRecord> records;
  for (const Row& row : rows) {
    const auto record = record_of(row, segment::DeletionReason::Others, clock_.wall());
    const bool noted =
        known && std::ranges::any_of(known->records, [&](const segment::ExpiredRecord& one) {
          return one.segments == 1 && one.name == record.name;
        });
    if (!noted) records.push_back(record);
  }
  const auto written = segment::append_expired(path_, records);
  tell_trouble("expired", written ? "" : written.error().context);
}

void StoreCatalogue::set_bounds(const segment::RetentionBounds& bounds) {
  const std::lock_guard lock(mutex_);
  bounds_ = bounds;
}

void StoreCatalogue::begin(const Row& row) {
  {
    const std::lock_guard lock(mutex_);
    // It may have been sealed before anybody came to write that it was begun.
    if (!segments_.emplace(row.sequence, row).second) return;
  }
  put({row});
}

void StoreCatalogue::seal(const Row& row) {
  Row sealed = row;
  sealed.state = after(LifeState::Open, LifeEvent::Seal);
  {
    const std::lock_guard lock(mutex_);
    segments_.insert_or_assign(sealed.sequence, sealed);
  }
  put({sealed});
}

void StoreCatalogue::put(const std::vector<Row>& rows) {
  if (rows.empty()) return;
  // A full disk is told by the lane that cannot write to it; the next start makes up for the row.
  const auto written = manifest_->put(rows);
  const bool told_by_others = !written && written.error().code == ErrorCode::NoSpace;
  if (!told_by_others) tell_trouble("manifest", written ? "" : written.error().context);
}

// Each kind once, while it goes on; an empty sentence: it is over.
void StoreCatalogue::tell_trouble(std::string_view kind, std::string_view sentence) {
  {
    const std::lock_guard lock(mutex_);
    bool& goes_on = troubles_[std::string(kind)];
    const bool told = std::exchange(goes_on, !sentence.empty());
    if (told || sentence.empty()) return;
  }
  if (watcher_ != nullptr) watcher_->store_in_trouble(path_, sentence);
}

// One that grows has room on the disk that it has not used yet.
std::uint64_t StoreCatalogue::disk_bytes(const Row& row) const {
  if (row.state != LifeState::Open) return row.bytes;
  struct stat facts {};
  if (::stat((path_ + "/" + row.file).c_str(), &facts) != 0) return row.bytes;
  return static_cast<std::uint64_t>(facts.st_blocks) * kStatBlockBytes;
}

std::uint64_t StoreCatalogue::free_bytes() const {
  struct statvfs facts {};
  if (::statvfs(path_.c_str(), &facts) != 0) return std::numeric_limits<std::uint64_t>::max();
  return std::uint64_t{facts.f_bavail} * facts.f_frsize;
}

Result<StoreCatalogue::Plan> StoreCatalogue::plan() const {
  Plan made;
  segment::RetentionBounds bounds;
  {
    const std::lock_guard lock(mutex_);
    bounds = bounds_;
    for (const auto& [sequence, row] : segments_) made.rows.push_back(row);
  }
  if (!bounds.any()) return made;
  WEIR_TRY(const auto pins, segment::read_pins(path_));
  std::vector<segment::RetainedSegment> retained;
  for (const Row& row : made.rows) {
    const bool pinned = std::any_of(pins.begin(), pins.end(),
                                    [&](const segment::Pin& pin) { return pin.covers(row.times); });
    retained.push_back({.disk_bytes = disk_bytes(row),
                        .sealed = row.ended,
                        .deletable = row.state != LifeState::Open && !pinned});
  }
  if (bounds.free_bytes_min != 0) {
    for (const auto& one : retained) made.yielding_bytes += one.deletable ? one.disk_bytes : 0;
  }
  made.plan = segment::plan_retention(retained, bounds, clock_.wall(), free_bytes());
  return made;
}

void StoreCatalogue::keep(std::uint64_t next_bytes) {
  const std::lock_guard turn(keeping_);
  auto made = plan();
  tell_trouble("pins", made ? "" : made.error().context + "; nothing is deleted meanwhile");
  if (!made) return;
  note_deletions(*made);
  std::vector<Row> past;
  for (const segment::Expiry& expiry : made->plan.expired) {
    Row& row = made->rows[expiry.segment];
    const std::uint64_t bytes = disk_bytes(row);
    if (!expire(row, expiry.reason)) break;
    noted_.erase(row.sequence);
    made->yielding_bytes -= std::min(made->yielding_bytes, bytes);
    past.push_back(row);
  }
  put(past);
  // On a full disk there is room now.
  note_deletions({});
  const std::uint64_t missing = made->plan.missing_bytes;
  {
    const std::lock_guard lock(mutex_);
    counted_.missing_bytes = missing;
  }
  tell_trouble("bounds", missing == 0
                             ? ""
                             : "store " + path_ + ": " + std::to_string(missing) +
                                   " bytes more than its bounds allow, and nothing that may be "
                                   "deleted (unpin something, or make room)");
  if (watcher_ == nullptr) return;
  watcher_->store_room(path_, {.next_bytes = next_bytes,
                               .free_bytes = free_bytes(),
                               .yielding_bytes = made->yielding_bytes,
                               .over_bytes = missing});
}

// What is going to be deleted, before it is, and what could not be written the last time. A disk
// that is full, or broken, does not keep anything from being deleted: that is what makes room.
void StoreCatalogue::note_deletions(const Plan& made) {
  for (const segment::Expiry& expiry : made.plan.expired) {
    const Row& row = made.rows[expiry.segment];
    if (!noted_.insert(row.sequence).second) continue;
    unnoted_.push_back(record_of(row, reason_of(expiry.reason), clock_.wall()));
  }
  const auto written = segment::append_expired(path_, unnoted_);
  const bool full = !written && written.error().code == ErrorCode::NoSpace;
  if (written) {
    unnoted_.clear();
  } else if (unnoted_.size() > kUnnotedMax) {
    unnoted_.erase(unnoted_.begin(), unnoted_.end() - kUnnotedMax);
  }
  if (!full) tell_trouble("expired", written ? "" : written.error().context);
}

Result<std::vector<ExpiredSegment>> StoreCatalogue::would_expire() const {
  WEIR_TRY(const Plan made, plan());
  std::vector<ExpiredSegment> expired;
  for (const segment::Expiry& expiry : made.plan.expired) {
    const Row& row = made.rows[expiry.segment];
    expired.push_back(
        {.file = row.file, .packets = row.packets, .bytes = row.bytes, .reason = expiry.reason});
  }
  return expired;
}

bool StoreCatalogue::expire(Row& row, segment::ExpiryReason reason) {
  const std::string file = path_ + "/" + row.file;
  const int error = ::unlink(file.c_str()) == 0 ? 0 : errno;
  const bool missing = error == ENOENT;
  const bool failed = error != 0 && !missing;
  tell_trouble("unlink", failed ? system_error(error, "delete " + file).context : "");
  if (failed) return false;
  row.state = after(row.state, missing ? LifeEvent::Miss : LifeEvent::Expire);
  row.ended = clock_.wall();
  row.why = missing ? "its file is not there" : std::string(name_of(reason));
  {
    const std::lock_guard lock(mutex_);
    segments_.erase(row.sequence);
    if (missing) return true;
    ++counted_.expired[static_cast<std::size_t>(reason)];
    counted_.expired_bytes[static_cast<std::size_t>(reason)] += row.bytes;
  }
  if (watcher_ != nullptr) {
    watcher_->segment_expired(
        path_, {.file = row.file, .packets = row.packets, .bytes = row.bytes, .reason = reason});
  }
  return true;
}

StoreStatus StoreCatalogue::status() const {
  StoreStatus status;
  std::vector<Row> rows = this->rows();
  {
    const std::lock_guard lock(mutex_);
    status = counted_;
  }
  status.segments = rows.size();
  for (const Row& row : rows) status.bytes += disk_bytes(row);
  status.free_bytes = free_bytes();
  return status;
}

std::vector<segment::ManifestRow> StoreCatalogue::rows() const {
  const std::lock_guard lock(mutex_);
  std::vector<Row> rows;
  for (const auto& [sequence, row] : segments_) rows.push_back(row);
  return rows;
}

}  // namespace weir::output
