// Where the lanes of a store get their next segment from, and who ends those that are full: opening
// a file of a gigabyte and putting it on the disk takes longer than a worker can look away.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "base/time.h"
#include "storage/block_device.h"
#include "storage/segment/format.h"
#include "storage/segment/segment_writer.h"

namespace weir::output {

// A file for a segment, empty, with its name and room on the disk.
struct FreshSegment {
  std::unique_ptr<storage::BlockDevice> device;
  storage::segment::Uuid uuid{};
  std::uint64_t sequence = 0;
  Timestamp begun;
};

// What the segments of a lane are like.
struct SegmentFiles {
  std::uint64_t segment_bytes = 0;  // taken from the disk when a segment begins
  storage::segment::Durability durability = storage::segment::Durability::Segment;
  std::span<std::uint8_t> memory;  // where writes come from, for registration with the kernel
  std::uint32_t queue_depth = 0;   // operations at a time
};

// What became of a segment.
struct SealedSegment {
  std::uint64_t sequence = 0;
  Timestamp begun;
  std::uint64_t packets = 0;
  std::uint64_t lost = 0;  // that are missing before ones of it
  storage::segment::TimeSpan times;
};

class SegmentSupply {
 public:
  virtual ~SegmentSupply() = default;
  // A new lane: its number. A file for its first segment is made now. Errors: those of
  // storage::open_block_device().
  virtual Result<std::uint32_t> add_lane(const SegmentFiles& files) = 0;
  // For the lane that asks; called by its worker. Waits when the next one is not ready yet. Errors:
  // those of storage::open_block_device(); the first of seal().
  virtual Result<FreshSegment> take(std::uint32_t lane) = 0;
  // take() would not wait.
  [[nodiscard]] virtual bool ready(std::uint32_t lane) {
    (void)lane;
    return true;
  }
  // A segment that is complete, with nothing under way: it is finished in the background.
  virtual void seal(std::uint32_t lane, std::unique_ptr<storage::segment::SegmentWriter> writer,
                    const SealedSegment& segment) = 0;
  // A segment whose writing has failed, with nothing under way: it ends behind what was
  // acknowledged, and goes when that is nothing. An error: it is longer than that.
  virtual Result<void> give_up(std::unique_ptr<storage::segment::SegmentWriter> writer) = 0;
  // The lane takes no more. Waits until what it gave to be sealed is; the first error of that.
  virtual Result<void> close_lane(std::uint32_t lane) = 0;
};

}  // namespace weir::output
