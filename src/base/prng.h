// A small seeded generator (xoshiro256**, Blackman and Vigna 2018): the only randomness in weir
// besides the kernel's and OpenSSL's. Same seed, same numbers, on every machine.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace weir {

__extension__ using Uint128 = unsigned __int128;

class Prng {
 public:
  explicit constexpr Prng(std::uint64_t seed) noexcept {
    for (auto& word : state_) {  // splitmix64, as the authors advise
      seed += 0x9e3779b97f4a7c15;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }

  constexpr std::uint64_t next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  // Uniform in [0, bound), bound > 0 (the bias of the multiplication is below 2^-32 for bounds
  // below 2^32).
  constexpr std::uint64_t below(std::uint64_t bound) noexcept {
    return static_cast<std::uint64_t>((static_cast<Uint128>(next()) * bound) >> 64);
  }
  // True with probability `numerator` / `denominator`.
  constexpr bool chance(std::uint64_t numerator, std::uint64_t denominator) noexcept {
    return below(denominator) < numerator;
  }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace weir
