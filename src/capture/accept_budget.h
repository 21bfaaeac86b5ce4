// How many packets may still be accepted (-c), shared by the workers of a capture.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>

namespace weir::capture {

// Any thread. One atomic operation a batch, and none without a limit.
class AcceptBudget {
 public:
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

  // 0: no limit.
  explicit AcceptBudget(std::uint64_t packets_max) noexcept
      : left_(packets_max == 0 ? kUnlimited : packets_max) {}

  // A new bound, of which `used` has been taken. Packets that are being accepted meanwhile may come
  // on top.
  void reset(std::uint64_t packets_max, std::uint64_t used) noexcept {
    left_.store(packets_max == 0 ? kUnlimited : packets_max - std::min(packets_max, used),
                std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t left() const noexcept {
    return left_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool exhausted() const noexcept { return left() == 0; }

  // Takes `packets`, or as many as are left; returns how many.
  std::uint64_t take(std::uint64_t packets) noexcept {
    std::uint64_t left = left_.load(std::memory_order_relaxed);
    if (left == kUnlimited) return packets;
    while (!left_.compare_exchange_weak(left, left - std::min(left, packets),
                                        std::memory_order_relaxed)) {
    }
    return std::min(left, packets);
  }

 private:
  std::atomic<std::uint64_t> left_;
};

}  // namespace weir::capture
