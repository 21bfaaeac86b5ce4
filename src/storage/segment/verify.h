// Verifies a segment whole: every checksum, the row of units, and what units say of themselves and
// of each other. Reads every byte once, and behind damage looks for what is still good.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/segment/content_check.h"
#include "storage/segment/range_reader.h"
#include "storage/segment/segment_head.h"

namespace weir::storage::segment {

struct VerifyOptions {
  // The segment may lack its end: its writer is at work, or died. What follows the last good unit
  // of one that was not sealed is then no finding, unless it looks like a whole tail.
  bool torn_end_expected = false;
  // Of a writer at work: so many bytes before the end of the file may be on their way, in any
  // order.
  std::uint64_t in_flight_bytes = 0;
  std::uint32_t findings_max = 100;
};

enum class SegmentState : std::uint8_t {
  Sealed,   // and good
  Open,     // not sealed, good up to its end
  Damaged,  // there are findings
  Foreign,  // no segment, or one of a newer weir: nothing in it was looked at
};
std::string_view name_of(SegmentState state) noexcept;  // "sealed", "open", ...

struct SegmentReport {
  SegmentState state = SegmentState::Foreign;
  std::string why_foreign;          // of Foreign
  std::optional<SegmentHead> head;  // when that is good
  SegmentTotals totals;             // of all good units
  std::uint64_t file_bytes = 0;
  std::uint64_t torn_bytes = 0;  // behind the last good unit of one that was not sealed
  bool sealed = false;           // there is a tail
  bool recovered = false;        // it was sealed by recovery, ...
  std::uint64_t cut_bytes = 0;   // ... which cut off so many bytes
  std::vector<Finding> findings;
  std::uint64_t findings_left_out = 0;
};

// Nothing that a file holds makes it fail: that becomes a finding.
[[nodiscard]] SegmentReport verify_segment(const RangeReader& file, const VerifyOptions& options);
// An error: the file cannot be opened.
[[nodiscard]] Result<SegmentReport> verify_segment(const std::string& path,
                                                   const VerifyOptions& options);

}  // namespace weir::storage::segment
