// Intervals of an axis and, for each, a row of bits: which rules have a value there.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/prng.h"

namespace weir::filter {

inline constexpr std::uint32_t kRulesPerChunk = 256;

// Bits of 256 rules.
struct alignas(32) RuleChunk {
  std::array<std::uint64_t, 4> words{};

  void set(std::uint32_t bit) noexcept { words[bit / 64] |= std::uint64_t{1} << (bit % 64); }
  void flip(std::uint32_t bit) noexcept { words[bit / 64] ^= std::uint64_t{1} << (bit % 64); }
  [[nodiscard]] bool has(std::uint32_t bit) const noexcept {
    return (words[bit / 64] >> (bit % 64) & 1) != 0;
  }
  [[nodiscard]] bool empty() const noexcept {
    return (words[0] | words[1] | words[2] | words[3]) == 0;
  }
  friend bool operator==(const RuleChunk&, const RuleChunk&) = default;
};
static_assert(sizeof(RuleChunk) == 32);

// Rows of up to 64 chunks, of which they keep those that are not empty.
struct RuleRows {
  struct Row {
    std::uint64_t chunks = 0;  // bit c: chunk c is not empty
    std::uint32_t first = 0;   // where its chunks begin, in ascending order
  };
  std::vector<Row> rows;  // row 0 is empty
  std::vector<RuleChunk> chunks;
};

// Number of ones; the compiler's own calls a function where it may not use POPCNT.
constexpr std::uint32_t count_ones(std::uint64_t v) noexcept {
  v -= v >> 1 & 0x5555555555555555;
  v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
  v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
  return static_cast<std::uint32_t>(v * 0x0101010101010101 >> 56);
}

// Which row a key has: sorted beginnings of intervals, searched without branches and several keys
// at a time, so that the waits for memory overlap.
template <typename Key>
struct IntervalIndex {
  std::vector<Key> starts;  // starts[0] == 0, unless there are no intervals at all
  std::vector<std::uint32_t> rows;

  [[nodiscard]] bool empty() const noexcept { return starts.empty(); }

  // found[i] = row of keys[i].
  void find(std::span<const Key> keys, std::uint32_t* found) const noexcept {
    constexpr std::size_t kTogether = 8;
    std::size_t i = 0;
    for (; i + kTogether <= keys.size(); i += kTogether) {
      find_together<kTogether>(&keys[i], found + i);
    }
    for (; i < keys.size(); ++i) find_together<1>(&keys[i], found + i);
  }

 private:
  template <std::size_t kCount>
  void find_together(const Key* keys, std::uint32_t* found) const noexcept {
    std::array<std::size_t, kCount> at{};
    for (std::size_t left = starts.size(); left > 1;) {
      const std::size_t half = left / 2;
      for (std::size_t j = 0; j < kCount; ++j) {
        // A product, not a choice: nobody can predict it.
        at[j] += half * static_cast<std::size_t>(starts[at[j] + half] <= keys[j]);
      }
      left -= half;
    }
    for (std::size_t j = 0; j < kCount; ++j) found[j] = rows[at[j]];
  }
};

}  // namespace weir::filter
