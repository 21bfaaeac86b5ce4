// Draws from the distributions that traffic follows, in integers only: libm differs between
// machines, and the same seed must give the same file everywhere. Logarithms are linear between
// powers of two; that bends the curves by a few per cent.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/prng.h"

namespace weir::traffic {

// -log2 of a uniform number in (0, 1], in 1/65536.
constexpr std::uint64_t draw_octaves_q16(Prng& prng) noexcept {
  const std::uint64_t value = prng.next() | 1;
  const auto leading = static_cast<unsigned>(std::countl_zero(value));
  // The leading one is shifted out; the 16 bits behind it stand for the fraction.
  const std::uint64_t fraction = leading == 63 ? 0 : (value << (leading + 1)) >> 48;
  return ((std::uint64_t{leading} + 1) << 16) - fraction;
}

// Exponential with this mean, below 2^40. The piecewise logarithm has mean 1.5 octaves, which
// scales it exactly.
constexpr std::int64_t draw_exponential(Prng& prng, std::int64_t mean) noexcept {
  return mean * static_cast<std::int64_t>(draw_octaves_q16(prng)) * 2 / (3 * 65536);
}

// Pareto with shape 1.2 from `least`, cut at `most`: many mice, few elephants.
constexpr std::uint32_t draw_heavy_tailed(Prng& prng, std::uint32_t least,
                                          std::uint32_t most) noexcept {
  const std::uint64_t octaves = std::min<std::uint64_t>(draw_octaves_q16(prng) * 5 / 6, 30u << 16);
  const std::uint64_t scale = 65536 + (octaves & 0xffff);
  const std::uint64_t value = (std::uint64_t{least} << (octaves >> 16)) * scale >> 16;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, most));
}

// A rank in [0, 2^bits - 1), uniform on a logarithmic scale (Zipf with exponent 1): rank 0 has a
// share of 1/bits.
constexpr std::uint32_t draw_rank(Prng& prng, unsigned bits) noexcept {
  const auto octave = static_cast<unsigned>(prng.below(bits));
  return static_cast<std::uint32_t>((1u << octave) - 1 + prng.below(1u << octave));
}

// Uniform in [least, most].
constexpr std::uint32_t draw_between(Prng& prng, std::uint32_t least, std::uint32_t most) noexcept {
  return static_cast<std::uint32_t>(least + prng.below(std::uint64_t{most} - least + 1));
}

}  // namespace weir::traffic
