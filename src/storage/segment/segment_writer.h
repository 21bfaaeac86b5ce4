// Writes the units of one segment to a device, several at a time, and says which of them are
// acknowledged: where the wanted durability has them, and all before them too.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "buffer/block_pool.h"
#include "storage/block_device.h"
#include "storage/block_writer.h"
#include "storage/segment/format.h"

namespace weir::storage::segment {

// When a chunk counts as stored.
enum class Durability : std::uint8_t {
  None,     // when the kernel has taken it; nothing is ever asked to be on the disk
  Chunk,    // when it is on the disk
  Segment,  // when the kernel has taken it; a segment is on the disk when it is sealed
};

// One thread owns it, its device and the pool.
class SegmentWriter {
 public:
  // `pool`: blocks of kBlockBytes, borrowed; it outlives the writer. The device takes as many
  // operations as the pool has blocks, and one more.
  SegmentWriter(std::unique_ptr<BlockDevice> device, buffer::BlockPool& pool, const Uuid& uuid,
                Durability durability);

  // For the unit that is appended next.
  [[nodiscard]] UnitHeader next_header(std::uint32_t unit_bytes,
                                       std::uint32_t block_offset = 0) const noexcept {
    return {.unit_bytes = unit_bytes,
            .segment = uuid_,
            .ordinal = next_ordinal_,
            .block_offset = block_offset,
            .file_offset = end_};
  }
  // A unit in a block. It is complete.
  void append(buffer::Block block, std::uint32_t unit_bytes, std::uint32_t packets);
  // A unit of any length, which is copied into blocks. Waits for them; false after a failure.
  bool append(Bytes unit);
  // The last unit: finish() writes it. Nothing is appended any more.
  void end_with(std::vector<std::uint8_t> tail) noexcept { tail_ = std::move(tail); }

  // What has been acknowledged, in order.
  struct Progress {
    std::uint64_t bytes = 0;
    std::uint64_t packets = 0;
  };
  void poll() { progress(writer_->poll()); }
  // For one operation at least, if any is under way.
  void wait() { progress(writer_->wait()); }
  // For all that was appended to be in the file; or for a failure.
  void wait_until_written();
  // For all, and their acknowledgement.
  void drain();
  [[nodiscard]] const Progress& acknowledged() const noexcept { return acknowledged_; }
  // Nothing is under way: only finish() is left.
  [[nodiscard]] bool idle() const noexcept { return device_->in_flight() == 0; }

  // Final. Nothing is acknowledged any more.
  [[nodiscard]] const std::optional<WriteFailure>& failure() const noexcept {
    return writer_->failure();
  }
  // Of the file so far, with what is under way, without the tail.
  [[nodiscard]] std::uint64_t bytes() const noexcept { return end_; }
  // What it will have when it is finished.
  [[nodiscard]] std::uint64_t file_bytes() const noexcept { return end_ + tail_.size(); }
  [[nodiscard]] std::uint64_t tail_bytes() const noexcept { return tail_.size(); }
  [[nodiscard]] const std::string& path() const noexcept { return device_->path(); }
  [[nodiscard]] std::string_view mode() const noexcept { return device_->mode(); }
  [[nodiscard]] const Uuid& uuid() const noexcept { return uuid_; }

  // Writes the tail when all before it is where it belongs (a tail says that it is there), gives
  // back room that was not used, puts the segment on the disk where that was asked for, and closes
  // it. idle(), without a failure. May take a while, and touches no block: another thread may call
  // it. After an error the segment has no tail, and is sealed by recovery.
  Result<void> finish();
  // Ends the file behind the last acknowledged unit, and closes it. idle().
  Result<void> cut();

 private:
  Result<void> write_tail();
  // A block under way. What it completes: 0 but for the last of a unit.
  struct Piece {
    std::uint64_t end = 0;
    std::uint64_t packets = 0;
  };
  void submit(buffer::Block block, std::uint32_t bytes, const Piece& piece);
  void progress(std::uint32_t written) noexcept;
  void acknowledge(std::uint64_t pieces) noexcept;

  buffer::BlockPool& pool_;
  std::unique_ptr<BlockDevice> device_;
  std::optional<BlockWriter> writer_;  // goes before the device is closed
  Uuid uuid_;
  Durability durability_;

  std::uint32_t next_ordinal_ = 0;
  std::uint64_t end_ = 0;
  std::vector<std::uint8_t> tail_;
  std::vector<Piece> pieces_;  // ring: those that are not acknowledged
  std::uint64_t acknowledged_pieces_ = 0;
  std::uint64_t submitted_pieces_ = 0;
  Progress acknowledged_;
};

}  // namespace weir::storage::segment
