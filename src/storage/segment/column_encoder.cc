#include "storage/segment/column_encoder.h"

#include <algorithm>
#include <array>
#include <bit>
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

template <typename Fact>
std::uint32_t distinct_keys(std::span<const Fact> facts) noexcept {
  if (facts.empty()) return 0;
  std::uint32_t count = 1;
  for (std::size_t i = 1; i < facts.size(); ++i) {
    count += key_of(facts[i]) != key_of(facts[i - 1]) ? 1u : 0u;
  }
  return count;
}

}  // namespace

std::span<ShortFact> sort_facts(std::span<ShortFact> facts, std::span<ShortFact> scratch) noexcept {
  return radix_sort(facts, scratch, 16);
}
std::span<LongFact> sort_facts(std::span<LongFact> facts, std::span<LongFact> scratch) noexcept {
  return radix_sort(facts, scratch, 0);
}
void sort_facts(std::span<WideFact> facts) noexcept {
  std::sort(facts.begin(), facts.end(),
            [](const WideFact& a, const WideFact& b) { return a.address < b.address; });
}

template <typename Fact>
std::optional<EncodedColumn> encode_column(std::span<const Fact> facts,
                                           std::span<const std::uint64_t> sets,
                                           std::uint32_t key_bytes, std::span<std::uint8_t> to,
                                           KeyFilter* filter) noexcept {
  const std::uint32_t entries = distinct_keys(facts);
  const std::size_t table_bytes =
      std::size_t{group_count(entries)} * group_bytes(key_bytes) + kColumnHeadBytes;
  if (table_bytes > to.size()) return std::nullopt;
  std::uint8_t* group = to.data() + kColumnHeadBytes;
  std::uint8_t* const begin = to.data() + table_bytes;
  const std::uint8_t* const end = to.data() + to.size();
  std::uint8_t* at = begin;

  std::uint32_t entry = 0;
  IndexKey previous;
  for (std::size_t i = 0; i < facts.size(); ++entry) {
    const IndexKey key = key_of(facts[i]);
    std::uint64_t chunks = 0;
    for (; i < facts.size() && key_of(facts[i]) == key; ++i) chunks |= sets[set_of(facts[i])];
    if (filter != nullptr) filter->add(key);
    if (end - at < static_cast<std::ptrdiff_t>(kEntryBytesMax)) return std::nullopt;
    if (entry % kGroupEntries == 0) {
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
  }
  store_le(to.data(), entries);
  store_le(to.data() + 4, static_cast<std::uint16_t>(key_bytes));
  store_le(to.data() + 6, static_cast<std::uint16_t>(kGroupEntries));
  store_le(to.data() + 8, static_cast<std::uint32_t>(at - begin));
  return EncodedColumn{.bytes = static_cast<std::uint32_t>(at - to.data()), .entries = entries};
}

template std::optional<EncodedColumn> encode_column(std::span<const ShortFact>,
                                                    std::span<const std::uint64_t>, std::uint32_t,
                                                    std::span<std::uint8_t>, KeyFilter*) noexcept;
template std::optional<EncodedColumn> encode_column(std::span<const LongFact>,
                                                    std::span<const std::uint64_t>, std::uint32_t,
                                                    std::span<std::uint8_t>, KeyFilter*) noexcept;
template std::optional<EncodedColumn> encode_column(std::span<const WideFact>,
                                                    std::span<const std::uint64_t>, std::uint32_t,
                                                    std::span<std::uint8_t>, KeyFilter*) noexcept;

}  // namespace weir::storage::segment
