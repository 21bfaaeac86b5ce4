#include "storage/posix_device.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::storage {

PosixDevice::PosixDevice(DirectFile file, std::uint32_t queue_depth) noexcept
    : file_(std::move(file)),
      queue_depth_(std::clamp<std::uint32_t>(queue_depth, 1, kQueueDepthMax)) {}

void PosixDevice::submit(const WriteOperation& operation) noexcept {
  WEIR_ASSERT(done_count_ < queue_depth_);
  const std::int64_t written =
      write_at(file_.fd(), operation.offset, {operation.data, operation.bytes});
  done_[done_count_++] = {operation.tag, static_cast<std::int32_t>(written)};
}

void PosixDevice::submit_sync(std::uint64_t tag) noexcept {
  WEIR_ASSERT(done_count_ < queue_depth_);
  const auto synced = file_.sync_data();
  done_[done_count_++] = {tag, synced ? 0 : -synced.error().sys_errno};
}

std::uint32_t PosixDevice::reap(std::span<WriteCompletion> completions, Reap) noexcept {
  const std::uint32_t count = std::min(done_count_, static_cast<std::uint32_t>(completions.size()));
  std::copy_n(done_.begin(), count, completions.begin());
  std::copy(done_.begin() + count, done_.begin() + done_count_, done_.begin());
  done_count_ -= count;
  return count;
}

}  // namespace weir::storage
