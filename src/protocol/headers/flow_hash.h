// One number for a flow: the same for both directions, and different, as far as 64 bits allow, for
// everything else.
//
// Only 64-bit multiplications, shifts and additions, so that a steering program in the kernel,
// which has no more than that, can compute the same number and send a flow's packets to the worker
// that owns its shard.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/packet_keys.h"

namespace weir::protocol {

// Until an engine hands in a random seed of its own, results must be the same in every run and on
// every machine, so the default is a constant. Whoever knows the seed can choose addresses that
// collide: structures that an attacker must not slow down need a secret one.
inline constexpr std::uint64_t kFlowHashSeed = 0x243f6a8885a308d3;  // the fraction of pi

namespace detail {

// The finaliser of splitmix64 (Stafford's variant 13): a bijection in which every bit depends on
// every bit.
constexpr std::uint64_t mix(std::uint64_t v) noexcept {
  v ^= v >> 30;
  v *= 0xbf58476d1ce4e5b9;
  v ^= v >> 27;
  v *= 0x94d049bb133111eb;
  return v ^ (v >> 31);
}

// Mixed to the end before the two are added: after one round less, pairs of neighbouring addresses
// have equal sums.
inline std::uint64_t hash_endpoint(const IpAddress& address, std::uint16_t port,
                                   std::uint64_t seed) noexcept {
  constexpr std::uint64_t kOdd1 = 0x9e3779b97f4a7c15;
  constexpr std::uint64_t kOdd2 = 0xd6e8feb86659fd93;
  const std::uint64_t network = load_le64(address.bytes.data());
  const std::uint64_t host = load_le64(address.bytes.data() + 8);
  // Injective for IPv4: the host word differs only in its upper half, the product of different
  // ports in its lower.
  return mix((network ^ seed) * kOdd1 + port * kOdd2 + host);
}

// Most packets have no gateway load balancer, and then the branch is never taken.
inline std::uint64_t hash_tenant(const TenantIdentity& tenant) noexcept {
  constexpr std::uint64_t kOdd3 = 0xa0761d6478bd642f;
  constexpr std::uint64_t kOdd4 = 0xe7037ed1a0b428db;
  const std::uint64_t labels =
      (std::uint64_t{tenant.vni} << 32) | (std::uint64_t{tenant.vlan} << 16) | tenant.inner_vlan;
  std::uint64_t hash = labels * kOdd3;
  if ((tenant.gwlb_endpoint | tenant.gwlb_attachment) != 0) [[unlikely]] {
    hash += mix(tenant.gwlb_endpoint * kOdd4 + tenant.gwlb_attachment);
  }
  return hash;
}

}  // namespace detail

inline std::uint64_t flow_hash(const PacketKeys& keys,
                               std::uint64_t seed = kFlowHashSeed) noexcept {
  if (keys.ip_version == 0) return 0;
  // The sum does not care which end is the source.
  const std::uint64_t ends = detail::hash_endpoint(keys.source, keys.source_port, seed) +
                             detail::hash_endpoint(keys.destination, keys.destination_port, seed);
  return detail::mix((ends ^ keys.ip_protocol) + detail::hash_tenant(keys.tenant));
}

}  // namespace weir::protocol
