// The head of a segment: who wrote it, and the interfaces of its packets (docs/segment-format.md,
// Head).
#pragma once

#include <cstdint>
#include <vector>

#include "base/capture_interface.h"
#include "base/result.h"
#include "storage/segment/format.h"
#include "storage/segment/range_reader.h"
#include "storage/segment/unit_walk.h"

namespace weir::storage::segment {

struct SegmentHead {
  Uuid segment{};
  HeadFacts facts;
  std::uint32_t unit_bytes = 0;
  std::uint32_t block_offset = 0;  // of the Head block
  std::vector<CaptureInterface> interfaces;

  // Of the head itself, where a walk begins.
  [[nodiscard]] UnitPlace place() const noexcept {
    return {.segment = segment, .offset = 0, .ordinal = 0, .block_offset = block_offset};
  }
};

// Reads and checks the whole unit. Errors, without the name of the file:
// UnknownFormat: no segment. Unsupported: one of a newer weir. Truncated: the file ends within the
// head (also when it is empty). Damaged: a segment whose head is not what was written.
Result<SegmentHead> read_head(const RangeReader& file);

}  // namespace weir::storage::segment
