// What a store has: its manifest, brought into agreement with its files, and kept within the bounds
// of its retention.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "output/store_room.h"
#include "storage/segment/expired_log.h"
#include "storage/segment/manifest.h"
#include "storage/segment/retention.h"
#include "storage/store_observer.h"

namespace weir::output {

struct ExpiredSegment {
  std::string file;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  storage::segment::ExpiryReason reason{};
};
// "20261121T200000Z_0000000042_0.pcapng: deleted for its age (1.0 GiB, 3731386 packets)".
[[nodiscard]] std::string text_of(const ExpiredSegment& segment);

// Called by any thread, with no lock held.
class StoreWatcher {
 public:
  virtual ~StoreWatcher() = default;
  virtual void segment_expired(const std::string& store, const ExpiredSegment& segment) = 0;
  // Trouble that ends nothing: nothing may be deleted although it should, the manifest cannot be
  // written. Told when it begins.
  virtual void store_in_trouble(const std::string& store, std::string_view sentence) = 0;
  // After each look at what is to be deleted.
  virtual void store_room(const std::string& store, const StoreRoom& room) = 0;
};

// Plain numbers of one moment.
struct StoreStatus {
  std::uint64_t segments = 0;    // that are there
  std::uint64_t bytes = 0;       // of the disk, that they take
  std::uint64_t free_bytes = 0;  // of the file system
  // More than the bounds allow, and nothing that may be deleted.
  std::uint64_t missing_bytes = 0;
  std::array<std::uint64_t, 3> expired{};        // since the start, by ExpiryReason
  std::array<std::uint64_t, 3> expired_bytes{};  // likewise
};

// Any thread.
class StoreCatalogue final : storage::StoreObserver {
 public:
  // The store is locked by the caller, and recovered. Segments that the manifest does not know, or
  // knows otherwise, are read. `watcher` may be null. Both are borrowed.
  static Result<std::unique_ptr<StoreCatalogue>> open(const std::string& path, const Clock& clock,
                                                      StoreWatcher* watcher);

  void set_bounds(const storage::segment::RetentionBounds& bounds);
  void begin(const storage::segment::ManifestRow& row);
  // An open one is complete.
  void seal(const storage::segment::ManifestRow& row);
  // Deletes what the bounds ask for: whole segments, the oldest first, no more than that.
  // `next_bytes`: what lanes will ask the disk for next.
  void keep(std::uint64_t next_bytes = 0);
  // What keep() would delete now. Error: the pins cannot be read.
  [[nodiscard]] Result<std::vector<ExpiredSegment>> would_expire() const;
  [[nodiscard]] StoreStatus status() const;
  // Of all segments that there are and were; 0: none.
  [[nodiscard]] std::uint64_t last_sequence() const noexcept { return last_sequence_; }
  [[nodiscard]] std::vector<storage::segment::ManifestRow> rows() const;

 private:
  using Row = storage::segment::ManifestRow;

  StoreCatalogue(std::string path, const Clock& clock, StoreWatcher* watcher)
      : path_(std::move(path)), clock_(clock), watcher_(watcher) {}
  void store_warning(std::string_view sentence) override;
  struct Plan {
    std::vector<Row> rows;  // of the store
    storage::segment::RetentionPlan plan;
    std::uint64_t yielding_bytes = 0;  // StoreRoom
  };
  Result<void> agree();
  [[nodiscard]] Result<Plan> plan() const;
  void put(const std::vector<Row>& rows);
  [[nodiscard]] std::uint64_t disk_bytes(const Row& row) const;
  void note_missing(const std::vector<Row>& rows);
  void note_deletions(const Plan& made);
  bool expire(Row& row, storage::segment::ExpiryReason reason);
  void tell_trouble(std::string_view kind, std::string_view sentence);
  [[nodiscard]] std::uint64_t free_bytes() const;

  const std::string path_;
  const Clock& clock_;
  StoreWatcher* const watcher_;
  std::unique_ptr<storage::segment::Manifest> manifest_;
  std::uint64_t last_sequence_ = 0;

  mutable std::mutex mutex_;               // guards what follows
  std::map<std::uint64_t, Row> segments_;  // that are there, by sequence number
  storage::segment::RetentionBounds bounds_;
  StoreStatus counted_;
  std::map<std::string, bool, std::less<>> troubles_;  // that go on

  std::mutex keeping_;  // one keep() at a time; guards what follows
  // Of segments that are still there: what is known to the file of deleted ones (expired_log.h) ...
  std::set<std::uint64_t> noted_;
  // ... and what it could not take yet of those that are not.
  std::vector<storage::segment::ExpiredRecord> unnoted_;
};

}  // namespace weir::output
