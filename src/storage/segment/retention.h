// Which segments of a store are to be deleted: whole ones, the oldest first, as few as its bounds
// ask for. Only decides; output/segment_store.h deletes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace weir::storage::segment {

// 0: no bound.
struct RetentionBounds {
  std::uint64_t bytes_max = 0;       // of all segments
  Duration age_max{};                // since a segment was sealed
  std::uint64_t free_bytes_min = 0;  // on the file system
  [[nodiscard]] bool any() const noexcept {
    return bytes_max != 0 || age_max.count() != 0 || free_bytes_min != 0;
  }
  friend bool operator==(const RetentionBounds&, const RetentionBounds&) = default;
};

struct RetainedSegment {
  std::uint64_t disk_bytes = 0;  // that deleting it gives back
  Timestamp sealed;
  bool deletable = true;  // complete, and not pinned
};

enum class ExpiryReason : std::uint8_t { Age, Size, FreeSpace };
std::string_view name_of(ExpiryReason reason) noexcept;  // "age", "size", "free_space"

struct Expiry {
  std::size_t segment = 0;  // index
  ExpiryReason reason{};
};

struct RetentionPlan {
  std::vector<Expiry> expired;  // in the order in which they are deleted
  // What the bounds still ask for, when everything that may go is gone.
  std::uint64_t missing_bytes = 0;
};

// `segments`: all of the store, the oldest first. `free_bytes`: now. A clock that stands before the
// day on which a segment was sealed makes nothing old.
[[nodiscard]] RetentionPlan plan_retention(std::span<const RetainedSegment> segments,
                                           const RetentionBounds& bounds, Timestamp now,
                                           std::uint64_t free_bytes);

}  // namespace weir::storage::segment
