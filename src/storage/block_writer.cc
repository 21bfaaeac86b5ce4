#include "storage/block_writer.h"

#include <algorithm>
#include <cerrno>

#include "base/assert.h"

namespace weir::storage {
namespace {

// EAGAIN and EINTR are repeated so often without progress; then they are errors like others.
constexpr std::uint32_t kFruitlessMax = 64;
// Completions taken from the device at a time.
constexpr std::uint32_t kReapedMax = 16;
// The tag of a sync; those of writes are slots.
constexpr std::uint64_t kSyncTag = kQueueDepthMax;

}  // namespace

BlockWriter::~BlockWriter() { (void)drain(); }

void BlockWriter::submit(buffer::Block block, std::uint64_t offset, std::uint32_t skip,
                         std::uint32_t bytes) {
  WEIR_ASSERT(count_ < depth() && skip < bytes);
  WEIR_ASSERT((offset | skip | bytes) % kDirectAlignment == 0);
  const std::uint32_t slot = (first_ + count_) % kQueueDepthMax;
  ++count_;
  Pending& pending = ring_[slot];
  pending = Pending{};
  pending.block = std::move(block);
  pending.offset = offset;
  pending.done = skip;
  pending.bytes = bytes;
  start(slot);
}

void BlockWriter::start(std::uint32_t slot) noexcept {
  Pending& pending = ring_[slot];
  pending.direct = device_.direct();
  // A short direct write may end between two blocks of the disk: its last piece is written again.
  pending.resumed = pending.direct ? pending.done & ~(kDirectAlignment - 1) : pending.done;
  device_.submit({slot, pending.offset + pending.resumed, pending.block.data() + pending.resumed,
                  pending.bytes - pending.resumed});
}

// For a file that took O_DIRECT and then refuses a direct write (some FUSE and network file
// systems, odd devices). False when the write in flight was not direct: then there is nothing else
// to try.
bool BlockWriter::leave_direct(Pending& pending) noexcept {
  return pending.direct && (!device_.direct() || device_.leave_direct().ok());
}

bool BlockWriter::start_sync() {
  if (sync_in_flight_ || failure_) return false;
  sync_in_flight_ = true;
  syncing_ = written_;
  device_.submit_sync(kSyncTag);
  return true;
}

// A sync that fails says nothing of what is on the disk: it is not asked again.
void BlockWriter::settle_sync(std::int32_t result) noexcept {
  if (result == -EINTR || result == -EAGAIN) return device_.submit_sync(kSyncTag);
  sync_in_flight_ = false;
  if (result == 0) {
    synced_ = syncing_;
  } else if (!failure_) {
    failure_ = WriteFailure{.sys_errno = -result};
  }
}

void BlockWriter::settle(const WriteCompletion& completion) noexcept {
  if (completion.tag == kSyncTag) return settle_sync(completion.result);
  const auto slot = static_cast<std::uint32_t>(completion.tag);
  Pending& pending = ring_[slot];
  if (completion.result > 0) {
    const std::uint32_t reached = pending.resumed + static_cast<std::uint32_t>(completion.result);
    pending.fruitless = reached > pending.done ? 0 : pending.fruitless + 1;
    pending.done = std::max(pending.done, reached);
    pending.complete = pending.done == pending.bytes;
    if (pending.complete) return;
    // Cut twice at the same place, inside a disk block: only an unaligned write gets further, or
    // says why not.
    if (pending.fruitless > 0 && !leave_direct(pending)) pending.sys_errno = EIO;
  } else {
    const int error = completion.result == 0 ? EIO : -completion.result;
    const bool again = (error == EINTR || error == EAGAIN) && ++pending.fruitless <= kFruitlessMax;
    if (!again && !(error == EINVAL && leave_direct(pending))) pending.sys_errno = error;
  }
  if (pending.sys_errno == 0) {
    start(slot);
  } else {
    pending.complete = true;
  }
}

std::uint32_t BlockWriter::retire() noexcept {
  std::uint32_t retired = 0;
  while (count_ > 0 && !failure_ && ring_[first_].complete) {
    Pending& front = ring_[first_];
    if (front.sys_errno != 0) {
      failure_ = WriteFailure{.sys_errno = front.sys_errno,
                              .offset = front.offset + front.done,
                              .block = front.block.data(),
                              .block_offset = front.offset};
      break;
    }
    front.block.release();
    first_ = (first_ + 1) % kQueueDepthMax;
    --count_;
    ++retired;
    ++written_;
  }
  return retired;
}

std::uint32_t BlockWriter::collect(Reap mode) {
  std::array<WriteCompletion, kReapedMax> completions;
  if (device_.in_flight() > 0) {
    const std::uint32_t reaped = device_.reap(completions, mode);
    for (std::uint32_t i = 0; i < reaped; ++i) settle(completions[i]);
  }
  return retire();
}

std::uint32_t BlockWriter::drain() {
  std::uint32_t retired = 0;
  while (device_.in_flight() > 0) retired += collect(Reap::Wait);
  return retired + retire();
}

bool BlockWriter::write_tail(std::uint64_t offset, Bytes bytes) {
  WEIR_ASSERT(device_.in_flight() == 0 && !failure_);
  std::size_t done = 0;
  std::uint32_t fruitless = 0;
  while (done < bytes.size()) {
    const std::int64_t result = device_.write_tail(offset + done, bytes.subspan(done));
    if (result > 0) {
      done += static_cast<std::size_t>(result);
      fruitless = 0;
      continue;
    }
    const int error = result == 0 ? EIO : static_cast<int>(-result);
    if ((error == EINTR || error == EAGAIN) && ++fruitless <= kFruitlessMax) continue;
    failure_ = WriteFailure{
        .sys_errno = error, .offset = offset + done, .block = bytes.data(), .block_offset = offset};
    return false;
  }
  return true;
}

}  // namespace weir::storage
