// The Bloom filters of a segment's directory: whether a key occurs in the segment at all, so that
// most segments need not be opened further. docs/segment-format.md, "Tail".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "storage/segment/index_key.h"

namespace weir::storage::segment {

// With bits for a key, five bits set of ten: one foreign key in a hundred seems to be there. Seven
// would be little better (0.8 %), and cost two more cache misses for each key.
inline constexpr std::uint32_t kFilterHashes = 5;
inline constexpr std::uint32_t kFilterHashesMax = 16;  // that a reader takes
inline constexpr std::uint32_t kFilterBitsMin = 512;
inline constexpr std::uint32_t kFilterBitsMax = std::uint32_t{1} << 26;

// Of a key as the filter sees it. Public for other readers' tests.
[[nodiscard]] constexpr std::uint64_t filter_hash(const IndexKey& key) noexcept {
  std::uint64_t z = (key.high * 0x9e3779b97f4a7c15) ^ key.low;
  z ^= z >> 30;
  z *= 0xbf58476d1ce4e5b9;
  z ^= z >> 27;
  z *= 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// Filled while a segment is written, at a size for the most keys that it may get; folded to what
// they need when it is sealed. One thread; allocates in its constructor only.
class KeyFilter {
 public:
  // `bits_max`: a power of two, from kFilterBitsMin to kFilterBitsMax; twelve for a key are enough.
  explicit KeyFilter(std::uint32_t bits_max);

  void add(const IndexKey& key) noexcept {
    const std::uint64_t hash = filter_hash(key);
    const auto step = static_cast<std::uint32_t>(hash >> 32) | 1;
    auto bit = static_cast<std::uint32_t>(hash);
    for (std::uint32_t i = 0; i < kFilterHashes; ++i, bit += step) {
      const std::uint32_t at = bit & (bits_ - 1);
      words_[at / 64] |= std::uint64_t{1} << (at % 64);
    }
    ++keys_;
  }
  // Halves the filter as often as at most two of five bits are set afterwards (that is where one
  // foreign key in a hundred passes), but not below kFilterBitsMin. Then bytes() is what is
  // written.
  void fold() noexcept;
  // Empty, and of the size of construction.
  void clear() noexcept;

  [[nodiscard]] Bytes bytes() const noexcept;
  // Calls of add(): a key may count more than once.
  [[nodiscard]] std::uint32_t keys() const noexcept { return keys_; }

 private:
  [[nodiscard]] std::uint64_t bits_set_if_folded() const noexcept;

  std::uint32_t bits_max_;
  std::uint32_t bits_;
  std::uint32_t keys_ = 0;
  std::unique_ptr<std::uint64_t[]> words_;
};

// A filter in a file. Borrows its bytes.
class KeyFilterView {
 public:
  // Nothing: no power of two of bits from kFilterBitsMin to kFilterBitsMax, or no number of hashes
  // from 1 to kFilterHashesMax. Such a filter tells nothing: any key may be there.
  static std::optional<KeyFilterView> parse(Bytes bytes, std::uint32_t hashes) noexcept;

  // False: the key is nowhere in the segment, but for opaque chunks.
  [[nodiscard]] bool contains(const IndexKey& key) const noexcept;

 private:
  KeyFilterView(Bytes bytes, std::uint32_t hashes) noexcept : bytes_(bytes), hashes_(hashes) {}
  Bytes bytes_;
  std::uint32_t hashes_;
};

}  // namespace weir::storage::segment
