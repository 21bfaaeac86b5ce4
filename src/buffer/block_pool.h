// A fixed set of equal memory blocks for output: taken, filled, written, given back. Nothing is
// allocated after create(); how many blocks are free is the credit that an output can grant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weir::buffer {

// Blocks start at multiples of this, as O_DIRECT asks.
inline constexpr std::size_t kBlockAlignment = 4096;

class BlockPool;

// When the memory of a pool becomes real: it costs a quarter of a millisecond for each MiB.
enum class Touch : std::uint8_t {
  Now,       // before there is traffic
  AsNeeded,  // for who can wait, and may not need it
};

// One block, on loan. Goes back to its pool when destroyed; the pool must outlive it.
class Block {
 public:
  Block() noexcept = default;
  Block(Block&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), data_(std::exchange(other.data_, nullptr)) {}
  Block& operator=(Block&& other) noexcept {
    if (this != &other) {
      release();
      pool_ = std::exchange(other.pool_, nullptr);
      data_ = std::exchange(other.data_, nullptr);
    }
    return *this;
  }
  ~Block() { release(); }

  explicit operator bool() const noexcept { return data_ != nullptr; }
  // BlockPool::block_bytes() long. The content is whatever the last user left.
  [[nodiscard]] std::uint8_t* data() const noexcept { return data_; }
  inline void release() noexcept;

 private:
  friend class BlockPool;
  Block(BlockPool* pool, std::uint8_t* data) noexcept : pool_(pool), data_(data) {}

  BlockPool* pool_ = nullptr;
  std::uint8_t* data_ = nullptr;
};

// One thread owns the pool and all its blocks.
class BlockPool {
 public:
  // Maps `count` blocks of `block_bytes` (a multiple of kBlockAlignment), in huge pages where the
  // kernel has some. Error: Resource.
  static Result<std::unique_ptr<BlockPool>> create(std::uint32_t count, std::size_t block_bytes,
                                                   Touch touch = Touch::Now);
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;
  ~BlockPool();

  // An empty Block when all are on loan.
  [[nodiscard]] Block try_acquire() noexcept {
    if (free_.empty()) return {};
    std::uint8_t* const data = free_.back();
    free_.pop_back();
    return Block(this, data);
  }

  [[nodiscard]] std::uint32_t free_count() const noexcept {
    return static_cast<std::uint32_t>(free_.size());
  }
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t block_bytes() const noexcept { return block_bytes_; }
  // All blocks in one span, for registration with io_uring.
  [[nodiscard]] std::span<std::uint8_t> memory() const noexcept {
    return {base_, count_ * block_bytes_};
  }

 private:
  friend class Block;
  BlockPool(std::uint8_t* base, std::uint32_t count, std::size_t block_bytes);
  void put_back(std::uint8_t* data) noexcept {
    free_.push_back(data);
  }  // capacity was reserved: no allocation

  std::uint8_t* base_;
  std::size_t block_bytes_;
  std::uint32_t count_;
  std::vector<std::uint8_t*>
      free_;  // last in, first out: the block that is still in the cache comes next
};

inline void Block::release() noexcept {
  if (data_ != nullptr) pool_->put_back(std::exchange(data_, nullptr));
  pool_ = nullptr;
}

}  // namespace weir::buffer
