// Puts a segment together: head, chunks, an index page when the index wants one, tail. What the
// directory will say is kept on the way.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/capture_interface.h"
#include "storage/segment/chunk_builder.h"
#include "storage/segment/directory.h"
#include "storage/segment/format.h"
#include "storage/segment/index_builder.h"
#include "storage/segment/page_filters.h"
#include "storage/segment/segment_writer.h"

namespace weir::storage::segment {

// The index of a lane, used for one segment after the other: what collects a page, room for one,
// and the filters of a segment.
struct LaneIndex {
  explicit LaneIndex(UidColumn uids)
      : builder(uids), page(std::make_unique_for_overwrite<std::uint8_t[]>(kUnitBytesMax)) {}

  IndexBuilder builder;
  PageFilters filters;
  std::unique_ptr<std::uint8_t[]> page;  // kUnitBytesMax; resident is what pages need

  [[nodiscard]] std::span<std::uint8_t> page_room() const noexcept {
    return {page.get(), kUnitBytesMax};
  }
};

// One thread owns it. After a failure of its writer all calls do nothing.
class SegmentAssembler {
 public:
  // `index` is borrowed, with no page begun.
  SegmentAssembler(std::unique_ptr<SegmentWriter> writer, const HeadFacts& head, LaneIndex& index)
      : writer_(std::move(writer)), head_(head), index_(&index) {
    directory_.segment = writer_->uuid();
  }

  void begin(std::span<const CaptureInterface> interfaces);
  // The index has been told its packets.
  void add(ChunkBuilder::Finished chunk);
  // `statistics`: whole Interface Statistics Blocks. The index has no page afterwards, and is free
  // for the next segment.
  void end(Bytes statistics, Timestamp now);

  [[nodiscard]] SegmentWriter& writer() noexcept { return *writer_; }
  [[nodiscard]] const SegmentWriter& writer() const noexcept { return *writer_; }
  // Ended, and all of it acknowledged but for the tail, which SegmentWriter::finish() writes.
  [[nodiscard]] bool complete() const noexcept {
    return ended_ && !writer_->failure() && writer_->idle() &&
           writer_->acknowledged().bytes == writer_->bytes();
  }
  [[nodiscard]] std::unique_ptr<SegmentWriter> release() noexcept { return std::move(writer_); }

  [[nodiscard]] const HeadFacts& head() const noexcept { return head_; }
  // Of its chunks so far.
  [[nodiscard]] const Directory& directory() const noexcept { return directory_; }

 private:
  void write_page();

  std::unique_ptr<SegmentWriter> writer_;
  HeadFacts head_;
  LaneIndex* index_;  // null once it has ended
  Directory directory_;
  std::uint32_t pages_first_chunk_ = 0;  // the first that no page tells of
  bool ended_ = false;
};

// The head unit of a segment: what begins its file.
void append_head(std::vector<std::uint8_t>& out, const UnitHeader& place, const HeadFacts& head,
                 std::span<const CaptureInterface> interfaces);

}  // namespace weir::storage::segment
