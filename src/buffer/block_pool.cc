#include "buffer/block_pool.h"

#include <sys/mman.h>

#include <cerrno>
#include <string>

#include "base/assert.h"

namespace weir::buffer {
namespace {

// First touch costs microseconds a page: pay it here and not under traffic.
void touch_pages(std::uint8_t* base, std::size_t bytes) noexcept {
  if (madvise(base, bytes, MADV_POPULATE_WRITE) == 0) return;
  for (std::size_t at = 0; at < bytes; at += kBlockAlignment) base[at] = 0;  // kernels before 5.14
}

}  // namespace

Result<std::unique_ptr<BlockPool>> BlockPool::create(std::uint32_t count, std::size_t block_bytes,
                                                     Touch touch) {
  WEIR_ASSERT(count > 0 && block_bytes > 0 && block_bytes % kBlockAlignment == 0);
  const std::size_t bytes = count * block_bytes;
  void* const base =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    return system_error(errno, "allocate " + std::to_string(bytes) + " bytes of output blocks");
  }
  (void)madvise(base, bytes, MADV_HUGEPAGE);  // advice: works as well without
  auto* const first = static_cast<std::uint8_t*>(base);
  if (touch == Touch::Now) touch_pages(first, bytes);
  return std::unique_ptr<BlockPool>(new BlockPool(first, count, block_bytes));
}

BlockPool::BlockPool(std::uint8_t* base, std::uint32_t count, std::size_t block_bytes)
    : base_(base), block_bytes_(block_bytes), count_(count) {
  free_.reserve(count);
  for (std::uint32_t i = count; i > 0; --i) free_.push_back(base_ + (i - 1) * block_bytes_);
}

BlockPool::~BlockPool() {
  WEIR_ASSERT(free_.size() == count_);  // a block that outlives its pool would point into nothing
  munmap(base_, count_ * block_bytes_);
}

}  // namespace weir::buffer
