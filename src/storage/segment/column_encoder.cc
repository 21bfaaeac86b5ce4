#include "storage/segment/column_encoder.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "storage/segment/column_layout.h"

namespace weir::storage::segment {
namespace {

constexpr std::uint64_t sort_word(const ShortFact& fact) noexcept { return fact.key_and_set; }
constexpr std::uint64_t sort_word(const LongFact& fact) noexcept { return fact.number; }

// Least significant digit first, stable; of the bits from `first_bit` on, only digits in which the
// keys differ.
template <typename Fact>
std::span<Fact> radix_sort(std::span<Fact> facts, std::span<Fact> scratch,
                           unsigned first_bit) noexcept {
  WEIR_ASSERT(scratch.size() == facts.size());
  constexpr unsigned kDigitBits = 8;
  constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;
  if (facts.empty()) return facts;
  std::uint64_t differing = 0;
  for (const Fact& fact : facts) differing |= sort_word(fact) ^ sort_word(facts.front());

  std::array<std::uint32_t, kDigits> places;
  for (unsigned shift = first_bit; shift < 64; shift += kDigitBits) {
    if ((differing >> shift & (kDigits - 1)) == 0) continue;
    places.fill(0);
    for (const Fact& fact : facts) ++places[sort_word(fact) >> shift & (kDigits - 1)];
    std::uint32_t sum = 0;
    for (std::uint32_t& place : places) sum += std::exchange(place, sum);
    for (const Fact& fact : facts) {
      scratch[places[sort_word(fact) >> shift & (kDigits - 1)]++] = fact;
    }
    std::swap(facts, scratch);
  }
  return facts;
}

// Writes eight bytes, however many it takes, so that nothing depends on their number: that would be
// foretold wrongly for every other key.
inline std::uint8_t* put_varint(std::uint8_t* at, std::uint64_t value) noexcept {
  constexpr std::uint64_t kContinued = 0x8080808080808080;
  constexpr unsigned kBits = 7;
  const unsigned bytes = (static_cast<unsigned>(std::bit_width(value | 1)) + kBits - 1) / kBits;
  if (bytes > 8) [[unlikely]] {
    for (; value >= 0x80; value >>= kBits) *at++ = static_cast<std::uint8_t>(value | 0x80);
    *at++ = static_cast<std::uint8_t>(value);
    return at;
  }
  // Halves move apart, then their halves, then those.
  value = (value & 0xfffffff) | (value & 0xfffffff0000000) << 4;
  value = (value & 0x3fff00003fff) | ((value & 0xfffc0000fffc000) << 2);
  value = (value & 0x7f007f007f007f) | ((value & 0x3f803f803f803f80) << 1);
  const std::uint64_t all_but_the_last = (std::uint64_t{1} << (8 * (bytes - 1))) - 1;
  store_le(at, value | (kContinued & all_but_the_last));
  return at + bytes;
}

inline std::uint8_t* put_chunks(std::uint8_t* at, std::uint64_t chunks) noexcept {
  const auto first = static_cast<unsigned>(std::countr_zero(chunks));
  const std::uint64_t more = chunks >> first >> 1;
  std::uint8_t* const end = put_varint(at + 1, more);
  *at = static_cast<std::uint8_t>(first | (more != 0 ? kMoreChunks : 0u));
  return more != 0 ? end : at + 1;
}

void put_key(std::uint8_t* at, const IndexKey& key, std::uint32_t key_bytes) noexcept {
  std::array<std::uint8_t, 16> whole;
  store_be(whole.data(), key.high);
  store_be(whole.data() + 8, key.low);
  std::copy(whole.end() - key_bytes, whole.end(), at);
}

// The answer is one of the two.
std::span<ShortFact> sort_facts(std::span<ShortFact> facts, std::span<ShortFact> scratch) noexcept {
  return radix_sort(facts, scratch, kSetBits);
}
std::span<LongFact> sort_facts(std::span<LongFact> facts, std::span<LongFact> scratch) noexcept {
  return radix_sort(facts, scratch, 0);
}
std::span<WideFact> sort_facts(std::span<WideFact> facts, std::span<WideFact>) noexcept {
  std::sort(facts.begin(), facts.end(),
            [](const WideFact& a, const WideFact& b) { return a.key < b.key; });
  return facts;
}

constexpr std::uint64_t order(const ShortFact& fact) noexcept { return fact.key_and_set; }
constexpr std::uint64_t order(const LongFact& fact) noexcept { return fact.number; }
constexpr IndexKey order(const WideFact& fact) noexcept { return fact.key; }

}  // namespace

// From the end on, so that what is in order moves within its own memory.
template <typename Fact>
void sort_and_merge(std::span<Fact> facts, std::size_t sorted, std::span<Fact> scratch) noexcept {
  const std::span<Fact> added = facts.subspan(sorted);
  if (added.empty()) return;
  const std::span<Fact> room = scratch.first(added.size());
  const std::span<Fact> in_order = sort_facts(added, room);
  if (sorted == 0) {
    if (in_order.data() != added.data()) std::copy(in_order.begin(), in_order.end(), added.begin());
    return;
  }
  if (in_order.data() != room.data()) std::copy(in_order.begin(), in_order.end(), room.begin());
  std::size_t old_left = sorted;
  std::size_t new_left = room.size();
  // Which of two is next is foretold wrongly as often as not: no branch depends on it.
  while (old_left > 0 && new_left > 0) {
    const Fact& old_last = facts[old_left - 1];
    const Fact& new_last = room[new_left - 1];
    const bool old_next = order(new_last) < order(old_last);
    facts[old_left + new_left - 1] = old_next ? old_last : new_last;
    old_left -= old_next ? 1u : 0u;
    new_left -= old_next ? 0u : 1u;
  }
  std::copy_n(room.begin(), new_left, facts.begin());
}

template void sort_and_merge(std::span<ShortFact>, std::size_t, std::span<ShortFact>) noexcept;
template void sort_and_merge(std::span<LongFact>, std::size_t, std::span<LongFact>) noexcept;
template void sort_and_merge(std::span<WideFact>, std::size_t, std::span<WideFact>) noexcept;

template <typename Fact>
std::optional<EncodedColumn> encode_column(std::span<const Fact> facts, const SetsOfPage& sets,
                                           Column column, std::span<std::uint8_t> to,
                                           KeyFilter* filter) noexcept {
  const std::uint32_t key_bytes = segment::key_bytes(column);
  // The table of groups comes first, and how long it is, is known last: the entries are moved to it
  // then.
  const auto entries_max = static_cast<std::uint32_t>(facts.size());
  const auto table_bytes = [&](std::uint32_t entries) noexcept {
    return std::size_t{group_count(entries)} * group_bytes(key_bytes) + kColumnHeadBytes;
  };
  bool has_room = table_bytes(entries_max) <= to.size();
  std::uint8_t* group = to.data() + kColumnHeadBytes;
  std::uint8_t* const begin = to.data() + (has_room ? table_bytes(entries_max) : 0);
  const std::uint8_t* const end = to.data() + to.size();
  std::uint8_t* at = begin;

  std::uint32_t entries = 0;
  IndexKey previous;
  for (std::size_t i = 0; i < facts.size();) {
    const IndexKey key = key_of(facts[i]);
    std::uint64_t chunks = 0;
    std::uint64_t told = 1;
    do {
      const std::uint32_t set = set_of(facts[i]);
      chunks |= sets.chunks[set];
      told &= sets.told[set / 64] >> (set % 64);
      ++i;
    } while (i < facts.size() && key_of(facts[i]) == key);
    if (chunks == 0) continue;
    // What is not in the filter is nowhere in the segment, also where a column is left out.
    if (filter != nullptr && told == 0) filter->add(filter_key(column, key));
    has_room = has_room && end - at >= static_cast<std::ptrdiff_t>(kEntryBytesMax);
    if (!has_room) continue;
    if (entries % kGroupEntries == 0) {
      put_key(group, key, key_bytes);
      store_le(group + key_bytes, static_cast<std::uint32_t>(at - begin));
      group += group_bytes(key_bytes);
    } else if (key_bytes <= kVarintKeyBytesMax) {
      at = put_varint(at, key.low - previous.low);
    } else {
      put_key(at, key, key_bytes);
      at += key_bytes;
    }
    at = put_chunks(at, chunks);
    previous = key;
    ++entries;
  }
  if (!has_room) return std::nullopt;
  const auto entry_bytes = static_cast<std::uint32_t>(at - begin);
  std::memmove(to.data() + table_bytes(entries), begin, entry_bytes);
  store_le(to.data(), entries);
  store_le(to.data() + 4, static_cast<std::uint16_t>(key_bytes));
  store_le(to.data() + 6, static_cast<std::uint16_t>(kGroupEntries));
  store_le(to.data() + 8, entry_bytes);
  return EncodedColumn{.bytes = static_cast<std::uint32_t>(table_bytes(entries)) + entry_bytes,
                       .entries = entries};
}

template std::optional<EncodedColumn> encode_column(std::span<const ShortFact>, const SetsOfPage&,
                                                    Column, std::span<std::uint8_t>,
                                                    KeyFilter*) noexcept;
template std::optional<EncodedColumn> encode_column(std::span<const LongFact>, const SetsOfPage&,
                                                    Column, std::span<std::uint8_t>,
                                                    KeyFilter*) noexcept;
template std::optional<EncodedColumn> encode_column(std::span<const WideFact>, const SetsOfPage&,
                                                    Column, std::span<std::uint8_t>,
                                                    KeyFilter*) noexcept;

}  // namespace weir::storage::segment
