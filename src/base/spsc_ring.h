// A bounded ring between two threads: one fills its slots in place, one reads them there.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

#include "base/assert.h"

namespace weir {

// Exactly one producer and one consumer, which both end before the ring does. No lock; a system
// call only to wait, and to wake a thread that waits. Positions count slots modulo 2^31.
//
// A slot is not constructed: it holds what its last user left there, and before that anything. The
// producer fills all that the consumer reads. Slots that were never used cost no memory.
template <typename T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  static constexpr std::uint32_t kSlotsMax = 1u << 30;

  // `slots`: a power of two, at most kSlotsMax.
  explicit SpscRing(std::uint32_t slots) : mask_(slots - 1), slots_(allocate(slots)) {
    WEIR_ASSERT(std::has_single_bit(slots) && slots <= kSlotsMax);
  }
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  // The producer. A slot that was begun is handed over by end_push(), or begun again.
  [[nodiscard]] T* try_begin_push() noexcept {  // null: full
    if (room() == 0) return nullptr;
    return &slots_[producer_.next & mask_];
  }
  [[nodiscard]] T& begin_push() noexcept {
    wait_for_room();
    return slots_[producer_.next & mask_];
  }
  void end_push() noexcept {
    WEIR_DEBUG_ASSERT(producer_.next - producer_.other_seen <= mask_);
    producer_.next = after(producer_.next);
    tail_.move_to(producer_.next);
  }
  void wait_for_room() noexcept {
    while (room() == 0) head_.wait_while(producer_.other_seen);
  }
  // Nothing is pushed any more.
  void close() noexcept { tail_.move_to(producer_.next | kClosed); }

  // The consumer. The front stays until pop().
  [[nodiscard]] T* try_front() noexcept {  // null: empty
    if (filled() == 0) return nullptr;
    return &slots_[consumer_.next & mask_];
  }
  [[nodiscard]] T* front() noexcept {  // waits; null: empty and closed
    while (filled() == 0) {
      if ((consumer_.other_seen & kClosed) != 0) return nullptr;
      tail_.wait_while(consumer_.other_seen);
    }
    return &slots_[consumer_.next & mask_];
  }
  void pop() noexcept {
    WEIR_DEBUG_ASSERT(filled() != 0);
    consumer_.next = after(consumer_.next);
    head_.move_to(consumer_.next);
  }

  [[nodiscard]] std::uint32_t capacity() const noexcept { return mask_ + 1; }
  // Any thread; the two users know it exactly as far as it is their own doing.
  [[nodiscard]] std::uint32_t size() const noexcept {
    const std::uint32_t head = head_.position();  // first: the tail is never behind it
    return std::min(distance(head, tail_.position()), capacity());
  }

 private:
  static constexpr std::size_t kCacheLine = 64;
  // Above the positions, in the word that a waiting consumer looks at.
  static constexpr std::uint32_t kClosed = 1u << 31;

  static constexpr std::uint32_t after(std::uint32_t position) noexcept {
    return (position + 1) & ~kClosed;
  }
  static constexpr std::uint32_t distance(std::uint32_t from, std::uint32_t to) noexcept {
    return (to - from) & ~kClosed;
  }

  // A position that one thread moves on while the other reads it and may wait for it.
  //
  // Whether somebody waits stands here too, although libstdc++ counts the waiters: it does so in 16
  // counters for the whole process, chosen by address, and all positions, at the start of a cache
  // line each, share one of them. A thread that waits anywhere would cost all others a system call
  // a slot.
  class alignas(kCacheLine) Cursor {
   public:
    // All accesses are sequentially consistent: either move_to() sees `awaited_`, or the waiter
    // sees the new position; and users may build the same on top with a flag of their own.
    [[nodiscard]] std::uint32_t position() const noexcept { return position_.load(); }
    void move_to(std::uint32_t position) noexcept {
      position_.store(position);
      if (awaited_.load()) position_.notify_one();
    }
    void wait_while(std::uint32_t position) noexcept {
      awaited_.store(true);
      position_.wait(position);
      awaited_.store(false);
    }

   private:
    std::atomic<std::uint32_t> position_{0};
    std::atomic<bool> awaited_{false};
  };

  // What one of the two threads alone knows: its own position, and the other's as last read, so
  // that the other's cache line is fetched once a round and not once a slot.
  struct alignas(kCacheLine) User {
    std::uint32_t next = 0;
    std::uint32_t other_seen = 0;
  };

  [[nodiscard]] std::uint32_t room() noexcept {
    if (distance(producer_.other_seen, producer_.next) == capacity())
      producer_.other_seen = head_.position();
    return capacity() - distance(producer_.other_seen, producer_.next);
  }
  [[nodiscard]] std::uint32_t filled() noexcept {
    if (distance(consumer_.next, consumer_.other_seen) == 0)
      consumer_.other_seen = tail_.position();
    return distance(consumer_.next, consumer_.other_seen);
  }

  struct Free {
    void operator()(T* slots) const noexcept {
      ::operator delete(slots, std::align_val_t{alignof(T)});
    }
  };
  using Slots = std::unique_ptr<T[], Free>;
  // Storage from operator new holds objects of such types without a constructor being run.
  static Slots allocate(std::size_t slots) {
    return Slots(static_cast<T*>(::operator new(slots * sizeof(T), std::align_val_t{alignof(T)})));
  }

  const std::uint32_t mask_;
  const Slots slots_;
  User producer_;
  Cursor tail_;  // moved by the producer: behind the last slot that was handed over
  User consumer_;
  Cursor head_;  // moved by the consumer: the oldest slot
};

}  // namespace weir
