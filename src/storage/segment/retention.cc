#include "storage/segment/retention.h"

#include <algorithm>

namespace weir::storage::segment {

std::string_view name_of(ExpiryReason reason) noexcept {
  switch (reason) {
    case ExpiryReason::Age:
      return "age";
    case ExpiryReason::Size:
      return "size";
    case ExpiryReason::FreeSpace:
      break;
  }
  return "free_space";
}

RetentionPlan plan_retention(std::span<const RetainedSegment> segments,
                             const RetentionBounds& bounds, Timestamp now,
                             std::uint64_t free_bytes) {
  std::uint64_t bytes = 0;
  for (const RetainedSegment& one : segments) bytes += one.disk_bytes;
  const auto above = [&] { return bounds.bytes_max != 0 && bytes > bounds.bytes_max; };
  const auto below = [&] { return free_bytes < bounds.free_bytes_min; };

  RetentionPlan plan;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const RetainedSegment& one = segments[i];
    if (!one.deletable) continue;
    const bool old = bounds.age_max.count() != 0 && now - one.sealed > bounds.age_max;
    if (!old && !above() && !below()) continue;
    plan.expired.push_back({i, old       ? ExpiryReason::Age
                               : above() ? ExpiryReason::Size
                                         : ExpiryReason::FreeSpace});
    bytes -= one.disk_bytes;
    free_bytes += one.disk_bytes;
  }
  if (above()) plan.missing_bytes = bytes - bounds.bytes_max;
  if (below())
    plan.missing_bytes = std::max(plan.missing_bytes, bounds.free_bytes_min - free_bytes);
  return plan;
}

}  // namespace weir::storage::segment
