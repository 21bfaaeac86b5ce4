// The flow hash: one number for both directions, evenly spread over whatever takes some of its
// bits.
#include "protocol/headers/flow_hash.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"

namespace weir::protocol {
namespace {

PacketKeys keys4(std::uint32_t source, std::uint32_t destination, std::uint16_t source_port,
                 std::uint16_t destination_port) {
  PacketKeys keys;
  keys.ip_version = 4;
  keys.ip_protocol = 6;
  for (IpAddress* address : {&keys.source, &keys.destination})
    address->bytes[10] = address->bytes[11] = 0xff;
  store_be(keys.source.bytes.data() + 12, source);
  store_be(keys.destination.bytes.data() + 12, destination);
  keys.source_port = source_port;
  keys.destination_port = destination_port;
  return keys;
}

PacketKeys reversed(const PacketKeys& keys) {
  PacketKeys other = keys;
  std::swap(other.source, other.destination);
  std::swap(other.source_port, other.destination_port);
  return other;
}

PacketKeys random_keys(Prng& prng) {
  PacketKeys keys;
  keys.ip_version = 6;
  keys.ip_protocol = static_cast<std::uint8_t>(prng.next());
  for (std::uint8_t& byte : keys.source.bytes) byte = static_cast<std::uint8_t>(prng.next());
  for (std::uint8_t& byte : keys.destination.bytes) byte = static_cast<std::uint8_t>(prng.next());
  keys.source_port = static_cast<std::uint16_t>(prng.next());
  keys.destination_port = static_cast<std::uint16_t>(prng.next());
  keys.tenant.vni = static_cast<std::uint32_t>(prng.below(1 << 24));
  return keys;
}

TEST(FlowHash, BothDirectionsHaveOneNumber) {
  Prng prng(3);
  for (int i = 0; i < 1000; ++i) {
    const PacketKeys keys = random_keys(prng);
    ASSERT_EQ(flow_hash(keys), flow_hash(reversed(keys)));
  }
}

TEST(FlowHash, AddressAndPortBelongTogether) {
  const PacketKeys keys = keys4(0x0a000001, 0x0a000002, 1000, 2000);
  EXPECT_NE(flow_hash(keys), flow_hash(keys4(0x0a000001, 0x0a000002, 2000, 1000)));
}

TEST(FlowHash, EveryPartOfTheKeyCounts) {
  const PacketKeys keys = keys4(0x0a000001, 0x0a000002, 1000, 2000);
  std::vector<PacketKeys> others(8, keys);
  others[0].source.bytes[15] ^= 1;
  others[1].destination.bytes[0] ^= 1;
  others[2].source_port ^= 1;
  others[3].ip_protocol = 17;
  others[4].tenant.vlan = 5;
  others[5].tenant.inner_vlan = 5;
  others[6].tenant.vni = 5;
  others[7].tenant.gwlb_endpoint = 5;
  others.push_back(keys);
  others.back().tenant.gwlb_attachment = 5;
  for (const PacketKeys& other : others) EXPECT_NE(flow_hash(keys), flow_hash(other));
}

TEST(FlowHash, AnotherSeedIsAnotherHash) {
  const PacketKeys keys = keys4(0x0a000001, 0x0a000002, 1000, 2000);
  EXPECT_NE(flow_hash(keys, 1), flow_hash(keys, 2));
}

TEST(FlowHash, WithoutIpItIsZero) { EXPECT_EQ(flow_hash(PacketKeys{}), 0u); }

// As real networks are: neighbouring addresses, consecutive ports, few servers.
std::vector<std::uint64_t> hashes_of_a_network() {
  std::vector<std::uint64_t> hashes;
  for (std::uint32_t client = 0; client < 512; ++client) {
    for (std::uint16_t port = 0; port < 512; ++port) {
      const auto ephemeral = static_cast<std::uint16_t>(49152 + port);
      hashes.push_back(
          flow_hash(keys4(0x0a000001 + client, 0xc0a80001 + (client & 3), ephemeral, 443)));
    }
  }
  return hashes;
}

// Everyone in a network talks to everyone else: where sums of the ends could meet.
std::vector<std::uint64_t> hashes_of_a_mesh() {
  std::vector<std::uint64_t> hashes;
  for (std::uint32_t one = 0; one < 724; ++one) {
    for (std::uint32_t other = 0; other < one; ++other) {
      hashes.push_back(flow_hash(keys4(0x0a000001 + one, 0x0a000001 + other, 7946, 7946)));
    }
  }
  return hashes;
}

// Addresses that differ by one in both ends at once, and tenants numbered in sequence.
std::vector<std::uint64_t> hashes_of_sequences() {
  std::vector<std::uint64_t> hashes;
  for (std::uint32_t i = 0; i < 262'144; ++i) {
    PacketKeys keys = keys4(0x0a000000 + i, 0x0a000001 + i, 5000, 5000);
    keys.tenant.vni = i & 0xff;
    hashes.push_back(flow_hash(keys));
  }
  return hashes;
}

// Pearson's chi-squared against equal buckets, in standard deviations from what chance gives.
double excess(const std::vector<std::uint64_t>& hashes, std::size_t buckets, int shift) {
  std::vector<double> counts(buckets);
  for (const std::uint64_t hash : hashes) ++counts[(hash >> shift) % buckets];
  const double expected = static_cast<double>(hashes.size()) / static_cast<double>(buckets);
  double chi2 = 0;
  for (const double count : counts) chi2 += (count - expected) * (count - expected) / expected;
  const double freedom = static_cast<double>(buckets - 1);
  return (chi2 - freedom) / std::sqrt(2 * freedom);
}

TEST(FlowHash, AnyBitsOfItSpreadEvenly) {
  for (const auto& hashes : {hashes_of_a_network(), hashes_of_a_mesh(), hashes_of_sequences()}) {
    for (const std::size_t buckets : {64u, 1024u, 16384u}) {
      for (const int shift : {0, 16, 32, 50}) {
        if (buckets - 1 > ~std::uint64_t{0} >> shift) continue;
        EXPECT_LT(std::abs(excess(hashes, buckets, shift)), 5)
            << buckets << " buckets, from bit " << shift;
      }
    }
  }
}

TEST(FlowHash, DifferentFlowsDoNotCollide) {
  for (auto hashes : {hashes_of_a_network(), hashes_of_a_mesh(), hashes_of_sequences()}) {
    std::sort(hashes.begin(), hashes.end());
    EXPECT_EQ(std::adjacent_find(hashes.begin(), hashes.end()), hashes.end());
  }
}

}  // namespace
}  // namespace weir::protocol
