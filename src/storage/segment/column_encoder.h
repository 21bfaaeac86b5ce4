// Makes a column of an index page out of the keys that were collected for it: sorts them, merges
// equal ones and packs them. docs/segment-format.md, "Index page".
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "storage/segment/format.h"
#include "storage/segment/key_filter.h"

namespace weir::storage::segment {

// Fact sets have numbers of so many bits.
inline constexpr unsigned kSetBits = 18;
inline constexpr std::uint32_t kSetNumbers = std::uint32_t{1} << kSetBits;

// A key and the number of the fact set that it belongs to. Three widths: numbers of at most five
// bytes with the fact set in the low bits, ...
struct ShortFact {
  std::uint64_t key_and_set = 0;
};
// ... of eight ...
struct LongFact {
  std::uint64_t number = 0;
  std::uint64_t set = 0;
};
// ... and of IPv6 addresses and uids.
struct WideFact {
  IndexKey key;
  std::uint64_t set = 0;
};

constexpr ShortFact short_fact(std::uint64_t key, std::uint32_t set) noexcept {
  return {key << kSetBits | set};
}
constexpr IndexKey key_of(const ShortFact& fact) noexcept {
  return {.low = fact.key_and_set >> kSetBits};
}
constexpr IndexKey key_of(const LongFact& fact) noexcept { return {.low = fact.number}; }
constexpr IndexKey key_of(const WideFact& fact) noexcept { return fact.key; }
constexpr std::uint32_t set_of(const ShortFact& fact) noexcept {
  return static_cast<std::uint32_t>(fact.key_and_set) & (kSetNumbers - 1);
}
constexpr std::uint32_t set_of(const LongFact& fact) noexcept {
  return static_cast<std::uint32_t>(fact.set);
}
constexpr std::uint32_t set_of(const WideFact& fact) noexcept {
  return static_cast<std::uint32_t>(fact.set);
}
constexpr ShortFact with_set(const ShortFact& fact, std::uint32_t set) noexcept {
  return short_fact(fact.key_and_set >> kSetBits, set);
}
constexpr LongFact with_set(const LongFact& fact, std::uint32_t set) noexcept {
  return {.number = fact.number, .set = set};
}
constexpr WideFact with_set(const WideFact& fact, std::uint32_t set) noexcept {
  return {.key = fact.key, .set = set};
}

// Orders all facts by key, the first `sorted` of which are so already. `scratch`: as many as the
// others.
template <typename Fact>
void sort_and_merge(std::span<Fact> facts, std::size_t sorted, std::span<Fact> scratch) noexcept;

// Of all fact sets, by number.
struct SetsOfPage {
  std::span<const std::uint64_t> chunks;  // of the page; none: the set is not in it
  std::span<const std::uint64_t> told;    // a bit each: the filters have the keys of the set
};

struct EncodedColumn {
  std::uint32_t bytes = 0;
  std::uint32_t entries = 0;
};
// Packs sorted facts of a column into `to`: each key that is in a chunk once. The keys of sets that
// have not told the filter go into it, unless it is null. Nothing: no room; then the column must be
// left out, which is legitimate, and the filter has its keys all the same.
template <typename Fact>
std::optional<EncodedColumn> encode_column(std::span<const Fact> facts, const SetsOfPage& sets,
                                           Column column, std::span<std::uint8_t> to,
                                           KeyFilter* filter) noexcept;

}  // namespace weir::storage::segment
