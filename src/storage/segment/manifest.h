// What segments a store has and had, in DIR/weir-store.db (SQLite): so that nobody has to open a
// thousand files to know, and so that what was deleted is not forgotten. Segments themselves say
// all of it but the past: a manifest that is lost is made anew from them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "storage/segment/format.h"
#include "storage/segment/segment_life.h"
#include "storage/store_observer.h"

namespace weir::storage {
class Database;
class StoreFile;
}  // namespace weir::storage

namespace weir::storage::segment {

struct ManifestRow {
  std::uint64_t sequence = 0;  // of the segment in its store
  std::string file;            // in the directory
  std::uint32_t lane = 0;
  LifeState state = LifeState::Open;
  Timestamp begun;
  Timestamp ended;  // sealed, or deleted; 0: open
  TimeSpan times;   // of its packets
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;  // of the file
  std::uint64_t lost = 0;   // packets that are missing before ones of it
  std::string why;          // it was deleted, or is damaged
  friend bool operator==(const ManifestRow&, const ManifestRow&) = default;
};

// Of segments that are no longer there, so many of the newest are remembered.
inline constexpr std::uint64_t kPastRowsMax = 100'000;

// Any thread, one at a time. What put() has returned for survives a kill of the process. A damaged
// file is moved aside and a new one begun: the observer is told, and the rows are to be put again.
class Manifest {
 public:
  static Result<std::unique_ptr<Manifest>> open(const std::string& directory, const Clock& clock,
                                                StoreObserver* observer);
  ~Manifest();
  Manifest(const Manifest&) = delete;
  Manifest& operator=(const Manifest&) = delete;

  // By sequence number.
  Result<std::vector<ManifestRow>> rows();
  // New, or in the place of the one with its number. All or none.
  Result<void> put(const std::vector<ManifestRow>& rows);

 private:
  Manifest(std::unique_ptr<StoreFile> file, StoreObserver* observer);

  template <typename Body>
  auto guarded(std::string_view what, Body body);

  std::mutex mutex_;
  std::unique_ptr<StoreFile> file_;
  StoreObserver* observer_;
};

}  // namespace weir::storage::segment
