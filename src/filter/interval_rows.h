// Intervals of an axis and, for each, a row of bits: which rules have a value there.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weir::filter {

// A row has up to 256 words of 64 bits and keeps those that are not zero.
inline constexpr std::uint32_t kRowWordsMax = 256;
inline constexpr std::uint32_t kRowBitsMax = kRowWordsMax * 64;
inline constexpr std::uint32_t kRowMapMax = kRowWordsMax / 64;

// Number of ones; the compiler's own calls a function where it may not use POPCNT.
constexpr std::uint32_t count_ones(std::uint64_t v) noexcept {
  v -= v >> 1 & 0x5555555555555555;
  v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
  v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
  return static_cast<std::uint32_t>(v * 0x0101010101010101 >> 56);
}

// Rows, one behind the other, so that a short row is one cache line. A row is named by where it
// begins: first its map, `map_words` words, with bit w set when word w is not zero; then those
// words.
struct RuleRows {
  static constexpr std::uint32_t kEmpty = 0;  // a row without bits

  std::uint32_t map_words = 1;
  std::vector<std::uint64_t> data;  // one word more than the rows have

  [[nodiscard]] std::uint64_t map(std::uint32_t row, std::uint32_t part) const noexcept {
    return data[row + part];
  }
  // Without a branch, which would be hard to predict: what stands where the word would be, if there
  // is no such word, is masked.
  [[nodiscard]] std::uint64_t word(std::uint32_t row, std::uint32_t index) const noexcept {
    const std::uint64_t part = map(row, index / 64);
    const std::uint64_t there = part >> (index % 64) & 1;
    std::uint32_t before = count_ones(part & ((std::uint64_t{1} << (index % 64)) - 1));
    for (std::uint32_t i = 0; i < index / 64; ++i) before += count_ones(map(row, i));
    return data[row + map_words + before] & (0 - there);
  }
};

// Which row a key has: sorted beginnings of intervals, searched without branches and several keys
// at a time, so that the waits for memory overlap.
template <typename Key>
struct IntervalIndex {
  std::vector<Key> starts;  // starts[0] == 0, unless there are no intervals at all
  std::vector<std::uint32_t> rows;

  [[nodiscard]] bool empty() const noexcept { return starts.empty(); }

  // found[i] = row of keys[i]. Not empty.
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
    std::array<const Key*, kCount> at;  // NOLINT(*-member-init)
    at.fill(starts.data());
    for (std::size_t left = starts.size(); left > 1;) {
      const std::size_t half = left / 2;
#pragma GCC unroll 8
      for (std::size_t j = 0; j < kCount; ++j) {
        // A mask, not a choice: nobody can predict it.
        at[j] += half & (0 - static_cast<std::size_t>(at[j][half] <= keys[j]));
      }
      left -= half;
    }
    for (std::size_t j = 0; j < kCount; ++j) {
      found[j] = rows[static_cast<std::size_t>(at[j] - starts.data())];
    }
  }
};

}  // namespace weir::filter
