// Writes blocks to a device, several at a time, and tells in order which are wholly in the file.
// Continues short writes, repeats interrupted ones, and leaves O_DIRECT on the same file when a
// write is refused for it. The first failure in file order is final: what lies before it is in the
// file, and nothing after it counts.
//
// One thread. Blocks go back to their pool when they are in the file; after a failure the block
// that failed is kept, so that the owner can see which of its records got through.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "buffer/block_pool.h"
#include "storage/block_device.h"

namespace weir::storage {

struct WriteFailure {
  int sys_errno = 0;
  std::uint64_t offset = 0;  // all bytes before it are in the file
  const std::uint8_t* block =
      nullptr;  // the memory that was being written, valid for the writer's life ...
  std::uint64_t block_offset = 0;  // ... and where it begins in the file
};

class BlockWriter {
 public:
  // The device must outlive the writer.
  explicit BlockWriter(BlockDevice& device) noexcept : device_(device) {}
  // Waits for what is in flight: its memory may be gone afterwards.
  ~BlockWriter();
  BlockWriter(const BlockWriter&) = delete;
  BlockWriter& operator=(const BlockWriter&) = delete;

  // Writes bytes [skip, bytes) of `block`, which begins at `offset` of the file; skip and bytes are
  // multiples of kDirectAlignment. Blocks are submitted in file order. Needs in_flight() < depth().
  void submit(buffer::Block block, std::uint64_t offset, std::uint32_t skip, std::uint32_t bytes);

  // How many further blocks, in the order of submission, are wholly in the file. Once failure() is
  // set it stays zero.
  std::uint32_t poll() { return collect(Reap::Poll); }
  std::uint32_t wait() {
    return collect(Reap::Wait);
  }  // for at least one completion, if anything is in flight
  // Waits for everything; returns as poll().
  std::uint32_t drain();

  // Asks for a sync of what is in the file so far: of all blocks that were reported. One at a time:
  // false while another is under way, or after a failure. Needs room in the device for one
  // operation more than blocks.
  bool start_sync();
  // Blocks since the begin, in order: wholly in the file; and on stable storage, as far as asked.
  [[nodiscard]] std::uint64_t written() const noexcept { return written_; }
  [[nodiscard]] std::uint64_t synced() const noexcept { return synced_; }

  // Writes bytes of any length at `offset`, through the page cache. drain() first. Returns false
  // and sets failure().
  bool write_tail(std::uint64_t offset, Bytes bytes);

  // Blocks whose end in the file was not yet reported by poll(), wait() or drain().
  [[nodiscard]] std::uint32_t in_flight() const noexcept { return count_; }
  [[nodiscard]] std::uint32_t depth() const noexcept { return device_.queue_depth(); }
  [[nodiscard]] const std::optional<WriteFailure>& failure() const noexcept { return failure_; }

 private:
  struct Pending {
    buffer::Block block;
    std::uint64_t offset = 0;   // of the block in the file
    std::uint32_t done = 0;     // bytes of the block that are in the file, from its start
    std::uint32_t resumed = 0;  // where the write in flight begins, in the block
    std::uint32_t bytes = 0;
    std::uint32_t fruitless = 0;  // completions in a row without a byte
    int sys_errno = 0;
    bool direct = false;  // how the write in flight was submitted
    bool complete = false;
  };

  std::uint32_t collect(Reap mode);
  void start(std::uint32_t slot) noexcept;
  void settle(const WriteCompletion& completion) noexcept;
  void settle_sync(std::int32_t result) noexcept;
  std::uint32_t retire() noexcept;
  bool leave_direct(Pending& pending) noexcept;

  BlockDevice& device_;
  std::array<Pending, kQueueDepthMax> ring_;  // slots [first_, first_ + count_), in file order
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t synced_ = 0;
  std::uint64_t syncing_ = 0;  // `written_` when the sync under way was asked for
  bool sync_in_flight_ = false;
  std::optional<WriteFailure> failure_;
};

}  // namespace weir::storage
