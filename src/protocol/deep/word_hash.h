// Hashes of a fixed number of 64-bit words: what the flow table's hash and the uids are made of.
//
// The sum is NH of UMAC (RFC 4418 5.2.2) with words of 64 bits: two different inputs that do not
// depend on the secret have equal sums with a chance of at most 2^-64, whatever they look like.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/bytes.h"
#include "base/prng.h"
#include "protocol/deep/flow_key.h"

namespace weir::protocol {

// The 64 bytes of a key. Field by field, since g++ makes one load of each word, but a detour
// through the stack of one copy of all.
inline std::array<std::uint64_t, 8> words_of(const FlowKey& key) noexcept {
  const std::uint64_t ports = key.low_port | std::uint64_t{key.high_port} << 16;
  const std::uint64_t kind = key.ip_protocol | std::uint64_t{key.ip_version} << 8 |
                             std::uint64_t{key.one_way} << 16 | std::uint64_t{key.reserved} << 24;
  const std::uint64_t labels = key.tenant.vni | std::uint64_t{key.tenant.vlan} << 32 |
                               std::uint64_t{key.tenant.inner_vlan} << 48;
  return {load_le64(key.low.bytes.data()),
          load_le64(key.low.bytes.data() + 8),
          load_le64(key.high.bytes.data()),
          load_le64(key.high.bytes.data() + 8),
          ports | kind << 32,
          key.tenant.gwlb_endpoint,
          key.tenant.gwlb_attachment,
          labels};
}

// As many secret words as input words.
template <std::size_t kWords>
constexpr Uint128 keyed_sum(const std::array<std::uint64_t, kWords>& words,
                            const std::array<std::uint64_t, kWords>& secret) noexcept {
  static_assert(kWords % 2 == 0);
  // A fold, and no loop: g++ -O2 would not unroll it, and fetch the words through the stack.
  return [&]<std::size_t... kPair>(std::index_sequence<kPair...>) {
    return ((static_cast<Uint128>(words[2 * kPair] + secret[2 * kPair]) *
             (words[2 * kPair + 1] + secret[2 * kPair + 1])) +
            ...);
  }(std::make_index_sequence<kWords / 2>());
}

// All 128 bits of the product in 64.
constexpr std::uint64_t folded_product(std::uint64_t a, std::uint64_t b) noexcept {
  const Uint128 product = static_cast<Uint128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// A sum tells its inputs apart, but its bits are no better than those of a product. Here every bit
// comes to depend on every other, so that a table may take any of them.
constexpr std::uint64_t folded(Uint128 sum, std::uint64_t one, std::uint64_t other) noexcept {
  constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
  const auto low = static_cast<std::uint64_t>(sum);
  const auto high = static_cast<std::uint64_t>(sum >> 64);
  return folded_product(folded_product(low + one, high + other) ^ one, kOdd);
}

}  // namespace weir::protocol
