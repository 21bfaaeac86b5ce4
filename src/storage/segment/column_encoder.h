// Makes a column of an index page out of the keys that were collected for it: sorts them, merges
// equal ones and packs them. docs/segment-format.md, "Index page".
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "storage/segment/format.h"
#include "storage/segment/key_filter.h"

namespace weir::storage::segment {

// A key and the number of the fact set that it belongs to, below kFactSetsMax. Three widths:
// numbers of at most five bytes with the fact set in the low 16 bits, ...
struct ShortFact {
  std::uint64_t key_and_set = 0;
};
// ... of eight ...
struct LongFact {
  std::uint64_t number = 0;
  std::uint64_t set = 0;
};
// ... and IPv6 addresses.
struct WideFact {
  IndexKey address;
  std::uint64_t set = 0;
};

constexpr IndexKey key_of(const ShortFact& fact) noexcept {
  return {.low = fact.key_and_set >> 16};
}
constexpr IndexKey key_of(const LongFact& fact) noexcept { return {.low = fact.number}; }
constexpr IndexKey key_of(const WideFact& fact) noexcept { return fact.address; }
constexpr std::size_t set_of(const ShortFact& fact) noexcept { return fact.key_and_set & 0xffff; }
constexpr std::size_t set_of(const LongFact& fact) noexcept { return fact.set; }
constexpr std::size_t set_of(const WideFact& fact) noexcept { return fact.set; }

// By key. The answer is one of the two spans, which are of the same length.
std::span<ShortFact> sort_facts(std::span<ShortFact> facts, std::span<ShortFact> scratch) noexcept;
std::span<LongFact> sort_facts(std::span<LongFact> facts, std::span<LongFact> scratch) noexcept;
void sort_facts(std::span<WideFact> facts) noexcept;

struct EncodedColumn {
  std::uint32_t bytes = 0;
  std::uint32_t entries = 0;
};
// Packs sorted facts into `to`; sets[i]: the chunks of fact set i. Each key goes into `filter`
// once, unless that is null. Nothing: no room (the column must be left out then, which is
// legitimate; the filter may have keys of it, which is harmless).
template <typename Fact>
std::optional<EncodedColumn> encode_column(std::span<const Fact> facts,
                                           std::span<const std::uint64_t> sets,
                                           std::uint32_t key_bytes, std::span<std::uint8_t> to,
                                           KeyFilter* filter) noexcept;

}  // namespace weir::storage::segment
