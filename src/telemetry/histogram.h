// A histogram that one thread writes and any thread reads.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "base/assert.h"

namespace weir::telemetry {

// The upper ends of a histogram's buckets, inclusive and rising, in the unit that is observed:
// whole nanoseconds, bytes or packets. A last bucket without an end follows them. Constants: they
// outlive their histograms. Cost of find(): one table look-up and a comparison for each bound
// within the value's power of two.
class HistogramBounds {
 public:
  static constexpr std::size_t kBoundsMax = 24;

  // `decimals`: how many digits of a value stand behind the point in the metric's unit; 9 for
  // nanoseconds that are shown as seconds.
  constexpr HistogramBounds(std::initializer_list<std::uint64_t> upper, std::uint8_t decimals = 0)
      : size_(static_cast<std::uint8_t>(upper.size())), decimals_(decimals) {
    WEIR_ASSERT(upper.size() >= 1 && upper.size() <= kBoundsMax && decimals <= 18);
    std::size_t i = 0;
    for (const std::uint64_t bound : upper) {
      WEIR_ASSERT(i == 0 || upper_[i - 1] < bound);
      upper_[i++] = bound;
    }
    for (std::size_t width = 1; width < start_.size(); ++width) {
      const std::uint64_t smallest = std::uint64_t{1} << (width - 1);
      while (start_[width] < size_ && upper_[start_[width]] < smallest) ++start_[width];
    }
  }

  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr std::uint64_t upper(std::size_t i) const noexcept { return upper_[i]; }
  [[nodiscard]] constexpr unsigned decimals() const noexcept { return decimals_; }

  // The bucket that `value` belongs to; size() is the one without an end.
  [[nodiscard]] constexpr std::size_t find(std::uint64_t value) const noexcept {
    std::size_t i = start_[static_cast<std::size_t>(std::bit_width(value))];
    while (i < size_ && upper_[i] < value) ++i;
    return i;
  }

 private:
  std::array<std::uint64_t, kBoundsMax> upper_{};
  std::array<std::uint8_t, 65>
      start_{};  // by bit width of a value: the first bound it may be below
  std::uint8_t size_;
  std::uint8_t decimals_;
};

// Plain numbers of one moment.
struct HistogramSnapshot {
  const HistogramBounds* bounds = nullptr;
  std::array<std::uint64_t, HistogramBounds::kBoundsMax + 1>
      buckets{};  // each alone, not summed up
  std::uint64_t sum = 0;

  [[nodiscard]] std::uint64_t count() const noexcept {
    std::uint64_t total = 0;
    for (const std::uint64_t bucket : buckets) total += bucket;
    return total;
  }
  // Two histograms with the same bounds as one.
  HistogramSnapshot& operator+=(const HistogramSnapshot& other) noexcept {
    WEIR_ASSERT(bounds == other.bounds);
    for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
    sum += other.sum;
    return *this;
  }
};

// The single writer pays a bucket search and two plain load-add-stores; no locked instruction. The
// count of a snapshot is the sum of its buckets; its sum may be an observation ahead or behind.
// Never goes back.
class Histogram {
 public:
  explicit Histogram(const HistogramBounds& bounds) noexcept : bounds_(&bounds) {}
  Histogram(const Histogram&) = delete;
  Histogram& operator=(const Histogram&) = delete;

  void observe(std::uint64_t value) noexcept {
    add(buckets_[bounds_->find(value)], 1);
    add(sum_, value);
  }

  [[nodiscard]] const HistogramBounds& bounds() const noexcept { return *bounds_; }
  [[nodiscard]] HistogramSnapshot snapshot() const noexcept {
    HistogramSnapshot now{.bounds = bounds_, .sum = sum_.load(std::memory_order_relaxed)};
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      now.buckets[i] = buckets_[i].load(std::memory_order_relaxed);
    return now;
  }

 private:
  static void add(std::atomic<std::uint64_t>& to, std::uint64_t n) noexcept {
    to.store(to.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }

  const HistogramBounds* bounds_;
  std::array<std::atomic<std::uint64_t>, HistogramBounds::kBoundsMax + 1> buckets_{};
  std::atomic<std::uint64_t> sum_{0};
};

}  // namespace weir::telemetry
