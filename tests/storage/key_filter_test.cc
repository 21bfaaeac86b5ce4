// The filters of a segment's directory.
#include "storage/segment/key_filter.h"

#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"

namespace weir::storage::segment {
namespace {

std::vector<std::size_t> bits_of(Bytes bytes) {
  std::vector<std::size_t> bits;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    if ((bytes[bit / 8] >> (bit % 8) & 1) != 0) bits.push_back(bit);
  }
  return bits;
}

KeyFilterView view_of(const KeyFilter& filter) {
  return KeyFilterView::parse(filter.bytes(), kFilterHashes).value();
}

// By a program that follows docs/segment-format.md in another language.
TEST(KeyFilter, SetsTheBitsThatTheFormatNames) {
  KeyFilter ipv4(512);
  ipv4.add({.low = 0x0a000001});
  EXPECT_EQ(bits_of(ipv4.bytes()), (std::vector<std::size_t>{34, 278, 345, 412, 479}));
  KeyFilter ipv6(512);
  ipv6.add({.high = 0x20010db800000000, .low = 1});
  EXPECT_EQ(bits_of(ipv6.bytes()), (std::vector<std::size_t>{100, 262, 275, 437, 450}));
}

TEST(KeyFilter, KnowsEveryKeyAndOneForeignKeyInAHundredAfterItWasFolded) {
  for (const std::uint32_t keys : {100u, 1000u, 5000u, 30'000u}) {
    SCOPED_TRACE(keys);
    KeyFilter filter(1u << 20);
    for (std::uint32_t key = 0; key < keys; ++key) filter.add({.low = key});
    filter.fold();
    // Not much larger than ten bits a key ask for.
    EXPECT_LE(filter.bytes().size() * 8, 20u * keys);
    const KeyFilterView view = view_of(filter);
    for (std::uint32_t key = 0; key < keys; ++key) ASSERT_TRUE(view.contains({.low = key}));
    std::uint32_t wrong = 0;
    for (std::uint32_t key = 0; key < 10'000; ++key) {
      wrong += view.contains({.low = 1'000'000 + key}) ? 1u : 0u;
    }
    EXPECT_LE(wrong, 150u);
    EXPECT_EQ(filter.keys(), keys);
  }
}

TEST(KeyFilter, FoldsToTheSmallestSizeWhenItIsEmptyAndGrowsBackWhenItIsCleared) {
  KeyFilter filter(1u << 16);
  filter.fold();
  EXPECT_EQ(filter.bytes().size() * 8, kFilterBitsMin);
  EXPECT_FALSE(view_of(filter).contains({.low = 7}));
  filter.add({.low = 7});
  EXPECT_TRUE(view_of(filter).contains({.low = 7}));
  filter.clear();
  EXPECT_EQ(filter.bytes().size() * 8, 1u << 16);
  EXPECT_TRUE(bits_of(filter.bytes()).empty());
  EXPECT_EQ(filter.keys(), 0u);
}

TEST(KeyFilter, StaysAsLargeAsItIsWhenItIsFull) {
  KeyFilter filter(1024);
  for (std::uint32_t key = 0; key < 1000; ++key) filter.add({.low = key});
  filter.fold();
  EXPECT_EQ(filter.bytes().size() * 8, 1024u);
}

TEST(KeyFilterView, RefusesSizesAndHashesThatCannotBe) {
  const std::vector<std::uint8_t> bytes(256);
  const auto parses = [&](std::size_t size, std::uint32_t hashes) {
    return KeyFilterView::parse(Bytes(bytes).first(size), hashes).has_value();
  };
  EXPECT_TRUE(parses(64, 1));
  EXPECT_TRUE(parses(256, kFilterHashesMax));
  EXPECT_FALSE(parses(0, 5));
  EXPECT_FALSE(parses(32, 5));
  EXPECT_FALSE(parses(96, 5));
  EXPECT_FALSE(parses(64, 0));
  EXPECT_FALSE(parses(64, kFilterHashesMax + 1));
}

}  // namespace
}  // namespace weir::storage::segment
