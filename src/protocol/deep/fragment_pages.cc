#include "protocol/deep/fragment_pages.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace weir::protocol {
namespace {

constexpr std::uint64_t ones(std::uint32_t count) noexcept {
  return count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

// The rare mixture: some of the bytes are here. Bit i of `present`: to[i] is.
void merge(std::uint8_t* to, Bytes from, std::uint64_t present, FragmentOverlap& overlap) noexcept {
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (((present >> i) & 1) == 0) {
      to[i] = from[i];
    } else if (to[i] == from[i]) {
      overlap.same = true;
    } else {
      overlap.different = true;
    }
  }
}

}  // namespace

void FragmentPage::store(std::uint32_t at, Bytes from, FragmentOverlap& overlap) noexcept {
  WEIR_DEBUG_ASSERT(at <= kBytes && from.size() <= kBytes - at);
  while (!from.empty()) {
    const std::uint32_t shift = at % kWordBits;
    const auto count =
        std::min<std::uint32_t>(kWordBits - shift, static_cast<std::uint32_t>(from.size()));
    std::uint64_t& word = present_[at / kWordBits];
    const std::uint64_t before = (word >> shift) & ones(count);
    if (before == 0) {
      std::memcpy(bytes_.data() + at, from.data(), count);
    } else {
      merge(bytes_.data() + at, from.first(count), before, overlap);
    }
    word |= ones(count) << shift;
    at += count;
    from = from.subspan(count);
  }
}

std::uint32_t FragmentPage::run_from(std::uint32_t at) const noexcept {
  const std::uint32_t start = at;
  while (at < kBytes) {
    const std::uint32_t shift = at % kWordBits;
    const auto run = static_cast<std::uint32_t>(std::countr_one(present_[at / kWordBits] >> shift));
    at += run;
    if (shift + run < kWordBits) break;
  }
  return at - start;
}

}  // namespace weir::protocol
