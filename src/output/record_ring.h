// A stream of pcapng records on its way from an encoder to a descriptor, in one piece of memory
// that is used round and round. Byte x of the stream lies at (x - base) % capacity.
//
// One thread puts in, one takes out; they may be two (what one of them has done is seen by the
// other one in order), or take turns.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "base/assert.h"
#include "base/bytes.h"
#include "base/result.h"
#include "buffer/block_pool.h"
#include "output/pcapng_encoder.h"

namespace weir::output {

class RecordRing {
 public:
  // Behind the ring's memory: where a record that begins in it may end, to be copied to the front.
  // As much of the ring is free when a record begins.
  static constexpr std::uint64_t kSlackBytes = kWindowSlackBytes;

  // Of so many bytes at least, beside that slack. Error: Resource.
  static Result<std::unique_ptr<RecordRing>> create(std::uint64_t bytes) {
    const std::uint64_t capacity = align_up(bytes, buffer::kBlockAlignment) + kSlackBytes;
    WEIR_TRY(auto pool, buffer::BlockPool::create(1, capacity + kSlackBytes));
    return std::unique_ptr<RecordRing>(new RecordRing(std::move(pool), capacity));
  }

  // --- putting in

  // What can be put in before has_room() fails.
  [[nodiscard]] std::uint64_t free() const noexcept {
    const std::uint64_t used = end_.load(std::memory_order_relaxed) - begin_.load();
    return capacity_ - kSlackBytes - std::min(used, capacity_ - kSlackBytes);
  }
  [[nodiscard]] bool has_room() const noexcept { return free() > 0; }
  // How much of that is taken, 0 to 1. Any thread: both ends are of one moment, for what goes in
  // and out between two looks would be as much too many or too few.
  [[nodiscard]] double fill() const noexcept {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    do {
      begin = begin_.load();
      end = end_.load();
    } while (begin_.load() != begin);
    const std::uint64_t room = capacity_ - kSlackBytes;
    return static_cast<double>(std::min(end - begin, room)) / static_cast<double>(room);
  }
  // Where the next records go; empty without room. It ends before the room does where the memory
  // ends.
  [[nodiscard]] Window window() const noexcept {
    const std::uint64_t at = place(end_.load(std::memory_order_relaxed));
    const std::uint64_t room = std::min(capacity_ - at, free());
    return {memory_.data() + at, memory_.data() + at + room};
  }
  // What was put into the window.
  void take(const Window& window) noexcept {
    const std::uint64_t end = end_.load(std::memory_order_relaxed);
    const std::uint64_t at = place(end);
    const auto reached = static_cast<std::uint64_t>(window.at - memory_.data());
    if (reached > capacity_) {
      std::memcpy(memory_.data(), memory_.data() + capacity_, reached - capacity_);
    }
    end_.store(end + (reached - at));
  }

  // --- taking out

  [[nodiscard]] bool empty() const noexcept { return begin() == end(); }
  [[nodiscard]] std::uint64_t begin() const noexcept {
    return begin_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t end() const noexcept { return end_.load(); }
  // The oldest bytes, as far as they lie in one piece.
  [[nodiscard]] Bytes front() const noexcept {
    const std::uint64_t at = place(begin());
    return {memory_.data() + at, std::min(end() - begin(), capacity_ - at)};
  }
  // Where a record begins: its type and length lie there in one piece, and all of it if it is a
  // packet.
  [[nodiscard]] const std::uint8_t* record(std::uint64_t position) const noexcept {
    return memory_.data() + place(position);
  }
  void pop(std::uint64_t bytes) noexcept { begin_.store(begin() + bytes); }

  // --- both

  // Again from the front, which is still in the cache. empty(); nobody else puts in or takes out.
  void rewind() noexcept { base_ = end(); }

 private:
  RecordRing(std::unique_ptr<buffer::BlockPool> pool, std::uint64_t capacity)
      : pool_(std::move(pool)), memory_(pool_->try_acquire()), capacity_(capacity) {}

  [[nodiscard]] std::uint64_t place(std::uint64_t position) const noexcept {
    return (position - base_) % capacity_;
  }

  std::unique_ptr<buffer::BlockPool> pool_;  // of one block: the ring and room behind it
  buffer::Block memory_;
  std::uint64_t capacity_;
  std::uint64_t base_ = 0;
  std::atomic<std::uint64_t> begin_{0};
  std::atomic<std::uint64_t> end_{0};
};

}  // namespace weir::output
