#include "storage/segment/segment_writer.h"

#include <algorithm>

#include "base/assert.h"
#include "storage/segment/chunk_builder.h"

namespace weir::storage::segment {
namespace {

// Blocks that are written but not yet known to be on the disk: one sync covers them all, so there
// may be more of them than blocks.
constexpr std::size_t kPiecesMax = 4096;

}  // namespace

SegmentWriter::SegmentWriter(std::unique_ptr<BlockDevice> device, buffer::BlockPool& pool,
                             const Uuid& uuid, Durability durability)
    : pool_(pool),
      device_(std::move(device)),
      writer_(std::in_place, *device_),
      uuid_(uuid),
      durability_(durability),
      pieces_(kPiecesMax) {
  WEIR_ASSERT(pool_.block_bytes() == kBlockBytes);
  WEIR_ASSERT(device_->queue_depth() > pool_.count());
}

void SegmentWriter::submit(buffer::Block block, std::uint32_t bytes, const Piece& piece) {
  while (submitted_pieces_ - acknowledged_pieces_ == kPiecesMax && !failure()) wait();
  if (failure()) return;
  pieces_[submitted_pieces_ % kPiecesMax] = piece;
  ++submitted_pieces_;
  writer_->submit(std::move(block), end_, 0, bytes);
  end_ += bytes;
}

void SegmentWriter::append(buffer::Block block, std::uint32_t unit_bytes, std::uint32_t packets) {
  submit(std::move(block), unit_bytes, {.end = end_ + unit_bytes, .packets = packets});
  ++next_ordinal_;
  poll();
}

bool SegmentWriter::append(Bytes unit) {
  WEIR_ASSERT(!unit.empty() && unit.size() % kUnitAlignment == 0);
  const std::uint64_t unit_end = end_ + unit.size();
  for (std::size_t done = 0; done < unit.size();) {
    buffer::Block block = pool_.try_acquire();
    while (!block && !failure()) {
      wait();
      block = pool_.try_acquire();
    }
    if (failure()) return false;
    const auto bytes =
        static_cast<std::uint32_t>(std::min<std::size_t>(kBlockBytes, unit.size() - done));
    std::copy_n(unit.data() + done, bytes, block.data());
    done += bytes;
    submit(std::move(block), bytes, {.end = done == unit.size() ? unit_end : 0, .packets = 0});
  }
  ++next_ordinal_;
  poll();
  return !failure();
}

void SegmentWriter::progress(std::uint32_t written) noexcept {
  if (durability_ == Durability::Chunk) {
    if (writer_->synced() < writer_->written()) (void)writer_->start_sync();
    acknowledge(writer_->synced());
  } else if (written > 0) {
    acknowledge(writer_->written());
  }
}

void SegmentWriter::acknowledge(std::uint64_t pieces) noexcept {
  for (; acknowledged_pieces_ < pieces; ++acknowledged_pieces_) {
    const Piece& piece = pieces_[acknowledged_pieces_ % kPiecesMax];
    if (piece.end != 0) acknowledged_.bytes = piece.end;
    acknowledged_.packets += piece.packets;
  }
}

void SegmentWriter::wait_until_written() {
  while (writer_->in_flight() > 0 && !failure()) wait();
}

void SegmentWriter::drain() {
  while (!idle()) {
    wait();
    // A sync that was under way does not cover what was written meanwhile.
    if (idle()) poll();
  }
}

Result<void> SegmentWriter::finish() {
  WEIR_ASSERT(idle() && !failure());
  if (durability_ != Durability::None) WEIR_CHECK(device_->sync_data());
  if (auto written = write_tail(); !written) {
    // What there is of it would only have to be cut off later.
    (void)device_->set_size(end_);
    (void)device_->close();
    return written;
  }
  WEIR_CHECK(device_->set_size(end_ + tail_.size()));
  if (durability_ != Durability::None) WEIR_CHECK(device_->sync_data());
  return device_->close();
}

Result<void> SegmentWriter::write_tail() {
  const bool written = tail_.empty() || writer_->write_tail(end_, tail_);
  const int sys_errno = written ? 0 : failure()->sys_errno;
  writer_.reset();
  return written ? ok() : system_error(sys_errno, "write the tail of " + path());
}

Result<void> SegmentWriter::cut() {
  WEIR_ASSERT(idle());
  writer_.reset();
  WEIR_CHECK(device_->set_size(acknowledged_.bytes));
  return device_->close();
}

}  // namespace weir::storage::segment
