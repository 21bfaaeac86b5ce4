// Brings a store into order that an engine has left without sealing its segments: each is cut
// behind its last whole unit, what no index page tells of is indexed, and a tail is written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace weir::output {

struct RecoveredSegment {
  std::string name;
  std::uint64_t packets = 0;
  std::uint64_t cut_bytes = 0;  // behind the last whole unit
  bool removed = false;         // it held no chunk
};

// "g.pcapng: sealed; it holds 120 packets, 8192 bytes of an incomplete end were cut off".
[[nodiscard]] std::string text_of(const RecoveredSegment& segment);

// One segment that has no tail. It is cut behind its last whole unit, or removed when it holds no
// chunk. Errors: those of SegmentFile::open(), and of the disk; then it is as it was, but for what
// was cut.
Result<RecoveredSegment> recover_segment(const std::string& path, const Clock& clock);

struct RecoveryReport {
  std::vector<RecoveredSegment> segments;
  // Segments that are not as they were written, with the reason. They are left alone.
  std::vector<std::string> damaged;
};

// The store is locked by the caller. A segment that cannot be sealed, for want of room or rights,
// is an error: nothing has been lost.
Result<RecoveryReport> recover_store(const std::string& path, const Clock& clock);

}  // namespace weir::output
