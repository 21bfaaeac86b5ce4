#include "protocol/deep/short_sha1.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"

namespace weir::protocol {
namespace {

using Block = std::array<std::uint8_t, 64>;
using Schedule = std::array<std::uint32_t, 80>;
using State = std::array<std::uint32_t, 5>;

constexpr State kInitial = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};  // 5.3.1

// 5.1.1: the message, one bit, zeros, and the length in bits.
Block padded(Bytes message) noexcept {
  Block block{};
  std::copy(message.begin(), message.end(), block.begin());
  block[message.size()] = 0x80;
  store_be(block.data() + 56, std::uint64_t{8 * message.size()});
  return block;
}

// 6.1.2, step 1.
Schedule schedule_of(const Block& block) noexcept {
  Schedule words;
  for (std::size_t t = 0; t < 16; ++t) words[t] = load_be32(block.data() + 4 * t);
  for (std::size_t t = 16; t < words.size(); ++t) {
    words[t] = std::rotl(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
  }
  return words;
}

// The functions of 4.1.1. Two are written so that they wait for fewer steps than in the standard.
constexpr auto kChoose = [](std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  return z ^ (x & (y ^ z));
};
constexpr auto kParity = [](std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  return x ^ y ^ z;
};
constexpr auto kMajority = [](std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  return (x & y) | (z & (x | y));
};

// 6.1.2, step 3: twenty rounds with one function and one constant. Instead of the values the names
// move on, and after five rounds stand where they stood.
template <typename Function>
void twenty_rounds(State& state, const std::uint32_t* words, Function function,
                   std::uint32_t constant) noexcept {
  auto [a, b, c, d, e] = state;
  const auto round = [&](std::uint32_t v, std::uint32_t& w, std::uint32_t x, std::uint32_t y,
                         std::uint32_t& z) {
    z += constant + *words++ + function(w, x, y) + std::rotl(v, 5);
    w = std::rotl(w, 30);
  };
  for (int fives = 0; fives < 4; ++fives) {
    round(a, b, c, d, e);
    round(e, a, b, c, d);
    round(d, e, a, b, c);
    round(c, d, e, a, b);
    round(b, c, d, e, a);
  }
  state = {a, b, c, d, e};
}

}  // namespace

Sha1Digest short_sha1(Bytes message) noexcept {
  WEIR_DEBUG_ASSERT(message.size() <= kShortSha1BytesMax);
  const Schedule words = schedule_of(padded(message));
  State state = kInitial;
  twenty_rounds(state, words.data(), kChoose, 0x5a827999);  // 4.2.1
  twenty_rounds(state, words.data() + 20, kParity, 0x6ed9eba1);
  twenty_rounds(state, words.data() + 40, kMajority, 0x8f1bbcdc);
  twenty_rounds(state, words.data() + 60, kParity, 0xca62c1d6);
  Sha1Digest digest;
  for (std::size_t i = 0; i < state.size(); ++i) {
    store_be(digest.data() + 4 * i, state[i] + kInitial[i]);
  }
  return digest;
}

}  // namespace weir::protocol
