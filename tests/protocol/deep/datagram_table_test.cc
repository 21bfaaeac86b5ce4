#include "protocol/deep/datagram_table.h"

#include <cstring>
#include <vector>

#include <gtest/gtest.h>

namespace weir::protocol {
namespace {

TEST(DatagramTable, KeepsTheOrderInWhichDatagramsBegan) {
  DatagramTable table(4, 1);
  for (std::uint32_t id = 1; id <= 3; ++id) table.insert({.id = id}, {});
  table.erase(*table.find({.id = 2}));
  ASSERT_EQ(table.oldest()->key.id, 1u);
  EXPECT_EQ(table.after(*table.oldest())->key.id, 3u);
  table.erase(*table.oldest());
  EXPECT_EQ(table.oldest()->key.id, 3u);
  table.erase(*table.oldest());
  EXPECT_EQ(table.oldest(), nullptr);
  EXPECT_EQ(table.count(), 0u);
}

TEST(DatagramTable, EachByteOfAKeyTellsDatagramsApart) {
  DatagramTable table(2, 1);
  const FragmentKey key{.id = 7, .ip_version = 4};
  table.insert(key, {});
  for (std::size_t i = 0; i < sizeof key; ++i) {
    FragmentKey other = key;
    std::uint8_t bytes[sizeof key];
    std::memcpy(bytes, &key, sizeof key);
    bytes[i] ^= 1;
    std::memcpy(&other, bytes, sizeof key);
    EXPECT_EQ(table.find(other), nullptr) << i;
  }
  EXPECT_NE(table.find(key), nullptr);
}

TEST(DatagramTable, WhenFullTheOldestIsInTheWay) {
  DatagramTable table(2, 1);
  table.insert({.id = 1}, {});
  EXPECT_EQ(table.in_the_way_of({.id = 2}), nullptr);
  table.insert({.id = 2}, {});
  EXPECT_EQ(table.in_the_way_of({.id = 3})->key.id, 1u);
}

TEST(DatagramTable, ASenderWhoKnowsTheSeedFillsOneChainAndNoMore) {
  constexpr std::uint64_t kSeed = 5;
  constexpr std::uint32_t kDatagrams = 64;
  DatagramTable table(kDatagrams, kSeed);
  const FragmentKeyHash hash(kSeed);
  std::vector<FragmentKey> colliding;
  for (std::uint32_t id = 0; colliding.size() < 17; ++id) {
    if (const FragmentKey key{.id = id}; hash(key) % kDatagrams == 0) colliding.push_back(key);
  }
  for (std::size_t i = 0; i < 16; ++i) {
    ASSERT_EQ(table.in_the_way_of(colliding[i]), nullptr);
    table.insert(colliding[i], {});
  }
  PartialDatagram* other = table.in_the_way_of(colliding[16]);
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(other->key, colliding[0]);
  table.erase(*other);
  EXPECT_EQ(table.in_the_way_of(colliding[16]), nullptr);
}

}  // namespace
}  // namespace weir::protocol
