// What a segment holds, as it says itself: of a sealed one from its directory, of an open one from
// the headers of its units. Checks no more than it reads; verify.h checks everything.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "storage/segment/content_check.h"
#include "storage/segment/segment_head.h"

namespace weir::storage::segment {

struct SegmentSummary {
  SegmentHead head;
  SegmentTotals totals;
  std::uint64_t file_bytes = 0;
  bool sealed = false;
  Timestamp sealed_at;  // when it was
  bool recovered = false;
  std::uint64_t cut_bytes = 0;
};

// Errors of SegmentFile::open(), and Damaged for a tail that is not what was written.
[[nodiscard]] Result<SegmentSummary> summarise_segment(const std::string& path);

}  // namespace weir::storage::segment
