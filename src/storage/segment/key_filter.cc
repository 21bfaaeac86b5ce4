#include "storage/segment/key_filter.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"

namespace weir::storage::segment {

KeyFilter::KeyFilter(std::uint32_t bits_max)
    : bits_max_(bits_max),
      bits_(bits_max),
      words_(std::make_unique<std::uint64_t[]>(bits_max / 64)) {
  WEIR_ASSERT(std::has_single_bit(bits_max) && bits_max >= kFilterBitsMin &&
              bits_max <= kFilterBitsMax);
}

std::uint64_t KeyFilter::bits_set_if_folded() const noexcept {
  const std::size_t half = bits_ / 128;
  std::uint64_t set = 0;
  for (std::size_t i = 0; i < half; ++i) {
    set += static_cast<std::uint64_t>(std::popcount(words_[i] | words_[half + i]));
  }
  return set;
}

// A bit is taken modulo the size: bits that differ by half of it become one.
void KeyFilter::fold() noexcept {
  while (bits_ > kFilterBitsMin && bits_set_if_folded() * 5 <= std::uint64_t{bits_ / 2} * 2) {
    const std::size_t half = bits_ / 128;
    for (std::size_t i = 0; i < half; ++i) words_[i] |= words_[half + i];
    bits_ /= 2;
  }
}

void KeyFilter::clear() noexcept {
  bits_ = bits_max_;
  keys_ = 0;
  std::fill_n(words_.get(), bits_ / 64, std::uint64_t{0});
}

Bytes KeyFilter::bytes() const noexcept {
  // Little-endian words: bit b is bit b mod 8 of byte b / 8.
  const void* const words = words_.get();
  return {static_cast<const std::uint8_t*>(words), bits_ / 8};
}

std::optional<KeyFilterView> KeyFilterView::parse(Bytes bytes, std::uint32_t hashes) noexcept {
  const bool possible = std::has_single_bit(bytes.size()) && bytes.size() >= kFilterBitsMin / 8 &&
                        bytes.size() <= kFilterBitsMax / 8 && hashes >= 1 &&
                        hashes <= kFilterHashesMax;
  if (!possible) return std::nullopt;
  return KeyFilterView(bytes, hashes);
}

bool KeyFilterView::contains(const IndexKey& key) const noexcept {
  const std::uint64_t hash = filter_hash(key);
  const auto step = static_cast<std::uint32_t>(hash >> 32) | 1;
  auto bit = static_cast<std::uint32_t>(hash);
  for (std::uint32_t i = 0; i < hashes_; ++i, bit += step) {
    const std::size_t at = bit & (bytes_.size() * 8 - 1);
    if ((bytes_[at / 8] >> (at % 8) & 1) == 0) return false;
  }
  return true;
}

}  // namespace weir::storage::segment
