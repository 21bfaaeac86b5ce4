// The hash of the flow table: evenly spread, whatever the keys look like.
#include "protocol/deep/key_hash.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace weir::protocol {
namespace {

constexpr std::uint64_t kSeed = 11;
using KeyBytes = std::array<std::uint8_t, sizeof(FlowKey)>;

FlowKey key4(std::uint32_t low, std::uint32_t high, std::uint16_t low_port,
             std::uint16_t high_port) {
  FlowKey key{.low_port = low_port, .high_port = high_port, .ip_protocol = 6, .ip_version = 4};
  for (IpAddress* address : {&key.low, &key.high}) address->bytes[10] = address->bytes[11] = 0xff;
  store_be(key.low.bytes.data() + 12, low);
  store_be(key.high.bytes.data() + 12, high);
  return key;
}

FlowKey random_key(Prng& prng) {
  std::array<std::uint64_t, 8> words{};
  for (std::uint64_t& word : words) word = prng.next();
  return std::bit_cast<FlowKey>(words);
}

FlowKey with_bit_flipped(const FlowKey& key, std::size_t bit) {
  auto bytes = std::bit_cast<KeyBytes>(key);
  bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  return std::bit_cast<FlowKey>(bytes);
}

TEST(KeyHash, IsTheSameOnEveryMachine) {
  EXPECT_EQ(key_hash(key4(0x0a000001, 0xc0a80001, 49152, 443), make_hash_secret(1)),
            6756649074384070346u);
}

TEST(KeyHash, OtherSecretsGiveOtherHashes) {
  const FlowKey key = key4(0x0a000001, 0xc0a80001, 49152, 443);
  EXPECT_NE(key_hash(key, make_hash_secret(1)), key_hash(key, make_hash_secret(2)));
  EXPECT_NE(key_hash(key, random_hash_secret()), key_hash(key, random_hash_secret()));
}

// Strict avalanche: over random keys each bit of the key changes each bit of the hash every other
// time. 4096 keys: one deviation is 1/128 of a change; of 32,768 pairs the worst is 4 to 5 away.
TEST(KeyHash, EveryBitOfTheKeyChangesHalfOfTheHash) {
  constexpr int kKeys = 4096;
  const HashSecret secret = make_hash_secret(kSeed);
  for (std::size_t bit = 0; bit < 8 * sizeof(FlowKey); ++bit) {
    Prng prng(kSeed + bit);
    std::array<int, 64> changes{};
    for (int i = 0; i < kKeys; ++i) {
      const FlowKey key = random_key(prng);
      const std::uint64_t changed =
          key_hash(key, secret) ^ key_hash(with_bit_flipped(key, bit), secret);
      for (std::size_t out = 0; out < 64; ++out)
        changes[out] += static_cast<int>((changed >> out) & 1);
    }
    for (std::size_t out = 0; out < 64; ++out) {
      ASSERT_NEAR(changes[out] / double{kKeys}, 0.5, 6.0 / 128) << "bit " << bit << " to " << out;
    }
  }
}

// One host asks every port of every neighbour.
std::vector<std::uint64_t> hashes_of_a_scan(const HashSecret& secret) {
  std::vector<std::uint64_t> hashes;
  for (std::uint32_t target = 0; target < 256; ++target) {
    for (std::uint16_t port = 0; port < 1024; ++port) {
      hashes.push_back(key_hash(key4(0x0a000001, 0xc0a80000 + target, 40000, port), secret));
    }
  }
  return hashes;
}

// Neighbouring clients with consecutive ports ask four servers.
std::vector<std::uint64_t> hashes_of_a_network(const HashSecret& secret) {
  std::vector<std::uint64_t> hashes;
  for (std::uint32_t client = 0; client < 512; ++client) {
    for (std::uint16_t i = 0; i < 512; ++i) {
      const auto port = static_cast<std::uint16_t>(49152 + i);
      hashes.push_back(
          key_hash(key4(0x0a000001 + client, 0xc0a80001 + (client & 3), port, 443), secret));
    }
  }
  return hashes;
}

// Both ends move together, and the tenants are numbered.
std::vector<std::uint64_t> hashes_of_sequences(const HashSecret& secret) {
  std::vector<std::uint64_t> hashes;
  for (std::uint32_t i = 0; i < 262'144; ++i) {
    FlowKey key = key4(0x0a000000 + i, 0x0a000001 + i, 5000, 5000);
    key.tenant.vni = i & 0xff;
    hashes.push_back(key_hash(key, secret));
  }
  return hashes;
}

// IPv6, where only the upper halves of the addresses differ.
std::vector<std::uint64_t> hashes_of_prefixes(const HashSecret& secret) {
  std::vector<std::uint64_t> hashes;
  for (std::uint32_t i = 0; i < 262'144; ++i) {
    FlowKey key{.low_port = 53, .high_port = 53, .ip_protocol = 17, .ip_version = 6};
    store_be(key.low.bytes.data(), 0x2001'0db8'0000'0000u + (i >> 9));
    store_be(key.high.bytes.data(), 0x2001'0db8'8000'0000u + (i & 511));
    hashes.push_back(key_hash(key, secret));
  }
  return hashes;
}

std::array<std::vector<std::uint64_t>, 4> hashes_of_all(std::uint64_t seed) {
  const HashSecret secret = make_hash_secret(seed);
  return {hashes_of_a_scan(secret), hashes_of_a_network(secret), hashes_of_sequences(secret),
          hashes_of_prefixes(secret)};
}

TEST(KeyHash, KeysInARowDoNotCollide) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (auto& hashes : hashes_of_all(seed)) {
      std::sort(hashes.begin(), hashes.end());
      EXPECT_EQ(std::adjacent_find(hashes.begin(), hashes.end()), hashes.end()) << "seed " << seed;
    }
  }
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

TEST(KeyHash, AnyBitsOfItSpreadEvenly) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (const auto& hashes : hashes_of_all(seed)) {
      for (const std::size_t buckets : {64u, 1024u, 16384u}) {
        for (const int shift : {0, 16, 32, 50}) {
          EXPECT_LT(std::abs(excess(hashes, buckets, shift)), 5)
              << "seed " << seed << ": " << buckets << " buckets, from bit " << shift;
        }
      }
    }
  }
}

}  // namespace
}  // namespace weir::protocol
