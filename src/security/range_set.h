// Sets of whole numbers as ranges, for lists of addresses: made once, asked for every packet.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/prng.h"

namespace weir::security {

template <typename T>
struct Range {
  T first = 0;
  T last = 0;  // inclusive
};

// Immutable once made. T is an unsigned type; unsigned __int128 among them.
template <typename T>
class RangeSet {
 public:
  static constexpr T kLast = static_cast<T>(~T{0});

  // What an answer is good for: every number of `range` has the same one.
  struct Answer {
    Range<T> range{};
    bool inside = false;
    [[nodiscard]] bool covers(T value) const noexcept {
      return value >= range.first && value <= range.last;
    }
  };

  // Empty.
  RangeSet() = default;
  // In any order, also with overlaps.
  explicit RangeSet(std::vector<Range<T>> ranges) : ranges_(merged(std::move(ranges))) { index(); }
  static RangeSet everything() { return RangeSet(std::vector<Range<T>>{{0, kLast}}); }

  [[nodiscard]] RangeSet intersect(const RangeSet& other) const {
    std::vector<Range<T>> both;
    std::size_t a = 0;
    std::size_t b = 0;
    while (a < ranges_.size() && b < other.ranges_.size()) {
      const T first = std::max(ranges_[a].first, other.ranges_[b].first);
      const T last = std::min(ranges_[a].last, other.ranges_[b].last);
      if (first <= last) both.push_back({first, last});
      ranges_[a].last < other.ranges_[b].last ? ++a : ++b;
    }
    return RangeSet(std::move(both));
  }
  [[nodiscard]] RangeSet complement() const {
    std::vector<Range<T>> gaps;
    T next = 0;
    for (const Range<T>& range : ranges_) {
      if (range.first > next) gaps.push_back({next, static_cast<T>(range.first - 1)});
      if (range.last == kLast) return RangeSet(std::move(gaps));
      next = static_cast<T>(range.last + 1);
    }
    gaps.push_back({next, kLast});
    return RangeSet(std::move(gaps));
  }

  [[nodiscard]] bool is_everything() const noexcept {
    return ranges_.size() == 1 && ranges_[0].first == 0 && ranges_[0].last == kLast;
  }
  [[nodiscard]] const std::vector<Range<T>>& ranges() const noexcept { return ranges_; }

  [[nodiscard]] Answer find(T value) const noexcept {
    const std::size_t below = borders_not_above(value);
    Answer answer{.range = {0, kLast}, .inside = below % 2 == 1};
    if (below > 0) answer.range.first = borders_[below - 1];
    if (below < borders_.size()) answer.range.last = static_cast<T>(borders_[below] - 1);
    return answer;
  }
  [[nodiscard]] bool contains(T value) const noexcept { return borders_not_above(value) % 2 == 1; }

 private:
  static std::vector<Range<T>> merged(std::vector<Range<T>> ranges) {
    std::sort(ranges.begin(), ranges.end(),
              [](const Range<T>& a, const Range<T>& b) { return a.first < b.first; });
    std::vector<Range<T>> out;
    for (const Range<T>& range : ranges) {
      // Neighbours are one range.
      if (!out.empty() && (out.back().last == kLast || range.first <= out.back().last + 1)) {
        out.back().last = std::max(out.back().last, range.last);
      } else {
        out.push_back(range);
      }
    }
    return out;
  }

  // Where the set begins and ends in turn; and how many borders lie in front of each part of the
  // numbers between the first and the last border, so that few are looked at.
  void index() {
    for (const Range<T>& range : ranges_) {
      borders_.push_back(range.first);
      if (range.last != kLast) borders_.push_back(static_cast<T>(range.last + 1));
    }
    if (borders_.size() <= kLinearMax) return;
    const std::size_t parts = std::min(std::bit_ceil(borders_.size()) * 2, kPartsMax);
    const T span = static_cast<T>(borders_.back() - borders_.front());
    while (static_cast<T>(span >> shift_) >= parts) ++shift_;
    starts_.assign(parts + 1, static_cast<std::uint32_t>(borders_.size()));
    std::size_t part = 0;
    for (std::size_t i = 0; i < borders_.size(); ++i) {
      const auto at = static_cast<std::size_t>((borders_[i] - borders_.front()) >> shift_);
      while (part <= at) starts_[part++] = static_cast<std::uint32_t>(i);
    }
  }

  [[nodiscard]] std::size_t borders_not_above(T value) const noexcept {
    if (borders_.size() <= kLinearMax) {
      std::size_t count = 0;
      for (const T border : borders_) count += border <= value ? 1u : 0u;
      return count;
    }
    if (value < borders_.front()) return 0;
    if (value >= borders_.back()) return borders_.size();
    const auto part = static_cast<std::size_t>((value - borders_.front()) >> shift_);
    std::size_t low = starts_[part];
    std::size_t high = starts_[part + 1];
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      borders_[middle] <= value ? low = middle + 1 : high = middle;
    }
    return low;
  }

  static constexpr std::size_t kLinearMax = 8;
  static constexpr std::size_t kPartsMax = 65'536;

  std::vector<Range<T>> ranges_;  // disjoint, no two touch, ascending
  std::vector<T> borders_;
  std::vector<std::uint32_t> starts_;
  std::uint32_t shift_ = 0;
};

}  // namespace weir::security
