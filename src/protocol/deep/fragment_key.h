// What makes fragments one datagram: who sends it to whom, its identification, the IP version, and
// the tenant that the addresses belong to. Not the IP protocol: fragments that disagree about it
// are one datagram, and weird.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/packet_keys.h"
#include "base/prng.h"

namespace weir::protocol {

struct alignas(8) FragmentKey {
  IpAddress source;
  IpAddress destination;
  TenantIdentity tenant;
  std::uint32_t id = 0;  // 16 bits in IPv4, 32 in IPv6
  std::uint32_t ip_version = 0;

  // Byte by byte: every byte has a meaning.
  friend bool operator==(const FragmentKey& a, const FragmentKey& b) noexcept {
    return std::memcmp(&a, &b, sizeof(FragmentKey)) == 0;
  }
};
static_assert(sizeof(FragmentKey) == 64);
static_assert(std::has_unique_object_representations_v<FragmentKey>);

// Multilinear hashing (Carter and Wegman 1979; in this form Lemire and Kaser 2014): for any two
// keys that are chosen without knowledge of the seed, the chance of equal hashes is 2^-32. A sender
// can't aim at one bucket.
class FragmentKeyHash {
 public:
  explicit FragmentKeyHash(std::uint64_t seed) noexcept {
    Prng random(seed);
    for (std::uint64_t& multiplier : multipliers_) multiplier = random.next();
    addend_ = random.next();
  }

  [[nodiscard]] std::uint32_t operator()(const FragmentKey& key) const noexcept {
    std::array<std::uint32_t, kWords> words;
    std::memcpy(words.data(), &key, sizeof key);
    std::uint64_t sum = addend_;
    for (std::size_t i = 0; i < kWords; ++i) sum += multipliers_[i] * words[i];
    return static_cast<std::uint32_t>(sum >> 32);
  }

 private:
  static constexpr std::size_t kWords = sizeof(FragmentKey) / sizeof(std::uint32_t);
  std::array<std::uint64_t, kWords> multipliers_{};
  std::uint64_t addend_ = 0;
};

}  // namespace weir::protocol
