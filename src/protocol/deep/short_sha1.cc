#include "protocol/deep/short_sha1.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace weir::protocol {
namespace {

using Block = std::array<std::uint8_t, 64>;
using Schedule = std::array<std::uint32_t, 80>;
using State = std::array<std::uint32_t, 5>;

constexpr State kInitial = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};  // 5.3.1

// 5.1.1: the message, one bit, zeros, and the length in bits.
Block padded(Bytes message) noexcept {
  WEIR_DEBUG_ASSERT(message.size() <= kShortSha1BytesMax);
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

#ifdef __x86_64__

// Of four words each, the first of them on top.
struct ScheduleVectors {
  __m128i at[4];
};

// Twenty rounds of one function, four at a time. `words` are the last sixteen of the schedule; each
// step makes the four that come sixteen later.
template <int kFunction>
__attribute__((target("sha,sse4.1"))) inline void twenty_rounds_by_instruction(
    __m128i& abcd, __m128i& e, ScheduleVectors& words, int first_step) noexcept {
#pragma GCC unroll 5
  for (int i = 0; i < 5; ++i) {
    __m128i& now = words.at[(first_step + i) & 3];
    const __m128i& one = words.at[(first_step + i + 1) & 3];
    const __m128i& two = words.at[(first_step + i + 2) & 3];
    const __m128i& three = words.at[(first_step + i + 3) & 3];
    const __m128i before = abcd;
    // The first e of all is no rotated a.
    e = first_step + i == 0 ? _mm_add_epi32(e, now) : _mm_sha1nexte_epu32(e, now);
    abcd = _mm_sha1rnds4_epu32(abcd, e, kFunction);
    e = before;
    now = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32(now, one), two), three);
  }
}

__attribute__((target("sha,sse4.1"))) Sha1Digest short_sha1_by_instruction(Bytes message) noexcept {
  const Block block = padded(message);
  const __m128i swap = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
  ScheduleVectors words;
  for (std::size_t i = 0; i < 4; ++i) {
    const void* const at = block.data() + 16 * i;
    words.at[i] = _mm_shuffle_epi8(_mm_loadu_si128(static_cast<const __m128i*>(at)), swap);
  }
  const __m128i first_abcd =
      _mm_set_epi32(static_cast<int>(kInitial[0]), static_cast<int>(kInitial[1]),
                    static_cast<int>(kInitial[2]), static_cast<int>(kInitial[3]));
  const __m128i first_e = _mm_set_epi32(static_cast<int>(kInitial[4]), 0, 0, 0);
  __m128i abcd = first_abcd;
  __m128i e = first_e;
  twenty_rounds_by_instruction<0>(abcd, e, words, 0);
  twenty_rounds_by_instruction<1>(abcd, e, words, 5);
  twenty_rounds_by_instruction<2>(abcd, e, words, 10);
  twenty_rounds_by_instruction<3>(abcd, e, words, 15);
  abcd = _mm_shuffle_epi8(_mm_add_epi32(abcd, first_abcd), swap);
  e = _mm_sha1nexte_epu32(e, first_e);
  Sha1Digest digest;
  void* const first_four = digest.data();
  _mm_storeu_si128(static_cast<__m128i*>(first_four), abcd);
  store_be(digest.data() + 16, static_cast<std::uint32_t>(_mm_extract_epi32(e, 3)));
  return digest;
}

bool has_instruction() noexcept {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  constexpr unsigned kSha = 1u << 29;
  return (ebx & kSha) != 0 && __builtin_cpu_supports("sse4.1") != 0;
}

#endif

}  // namespace

Sha1Digest short_sha1(Bytes message) noexcept {
#ifdef __x86_64__
  static const bool kByInstruction = has_instruction();
  if (kByInstruction) return short_sha1_by_instruction(message);
#endif
  return short_sha1_portable(message);
}

Sha1Digest short_sha1_portable(Bytes message) noexcept {
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
