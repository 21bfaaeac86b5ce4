// Uids: the same for the same flow, different for every other, written with 17 digits.
#include "protocol/deep/uid.h"

#include <algorithm>
#include <bit>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/prng.h"
#include "protocol/deep/flow_key.h"
#include "protocol/deep/uid_text.h"

namespace weir::protocol {
namespace {

constexpr Timestamp kFirst{1'700'000'000'123'456'789};
constexpr std::uint64_t kSeed = 3;

FlowKey key4(std::uint32_t low, std::uint32_t high, std::uint16_t low_port,
             std::uint16_t high_port) {
  FlowKey key{.low_port = low_port, .high_port = high_port, .ip_protocol = 6, .ip_version = 4};
  for (IpAddress* address : {&key.low, &key.high}) address->bytes[10] = address->bytes[11] = 0xff;
  store_be(key.low.bytes.data() + 12, low);
  store_be(key.high.bytes.data() + 12, high);
  return key;
}

TEST(Uid, IsWrittenAs17DigitsWithTheMostSignificantFirst) {
  EXPECT_EQ(text_of(Uid{{0, 0, 1}}).view(), "C00000000000000001");
  EXPECT_EQ(text_of(Uid{{0, 0, 61}}).view(), "C0000000000000000z");
  EXPECT_EQ(text_of(Uid{{0, 0, 62}}).view(), "C00000000000000010");
  EXPECT_EQ(text_of(Uid{{0, 0, 916132831}}).view(), "C000000000000zzzzz");
  EXPECT_EQ(text_of(Uid{{0, 0, 916132832}}).view(), "C00000000000100000");
  EXPECT_EQ(text_of(Uid{{1, 0, 0}}).view(), "C000000LygHa16AHYG");
  EXPECT_EQ(text_of(Uid{{0x01234567, 0x89abcdef, 0xfedcba98}}).view(), "C00SONE5v7pP37HWv2");
  EXPECT_EQ(text_of(Uid{{0xffffffff, 0xffffffff, 0xffffffff}}).view(), "C1f2SI9UJPXvb7vdJ1");
}

TEST(Uid, IsReadAsItIsWritten) {
  Prng random(1);
  for (int i = 0; i < 1000; ++i) {
    Uid uid;
    for (std::uint32_t& word : uid.words) word = static_cast<std::uint32_t>(random.next());
    ASSERT_EQ(parse_uid(text_of(uid).view()), uid);
  }
  EXPECT_EQ(parse_uid("C1f2SI9UJPXvb7vdJ1"), (Uid{{0xffffffff, 0xffffffff, 0xffffffff}}));
  EXPECT_EQ(start_of(Uid{{0x01234567, 0x89abcdef, 0xfedcba98}}), 0x0123456789ab);
  for (const char* text :
       {"", "C", "C1f2SI9UJPXvb7vdJ2", "Czzzzzzzzzzzzzzzzz", "C00000000000000000",
        "D0000000000000001z", "C0000000000000000-", "C000000000000000001", "C0000000000000001"}) {
    EXPECT_EQ(parse_uid(text), std::nullopt) << text;
  }
}

TEST(Uid, IsTheSameOnEveryMachine) {
  const FlowKey key = key4(0x0a000001, 0xc0a80001, 49152, 443);
  EXPECT_EQ(text_of(make_uid(key, kFirst, 0, 1)).view(), "C0AqC3XEmjqG8Ybq8t");
  EXPECT_EQ(text_of(make_uid(FlowKey{}, Timestamp{}, 0, 0)).view(), "C0bpVFgUeHhFSYzdDW");
}

TEST(Uid, EverythingThatNamesTheFlowCounts) {
  const FlowKey key = key4(0x0a000001, 0xc0a80001, 49152, 443);
  const Uid uid = make_uid(key, kFirst, 0, kSeed);
  EXPECT_EQ(make_uid(key, kFirst, 0, kSeed), uid);
  EXPECT_NE(make_uid(key, kFirst + Duration(1), 0, kSeed), uid);
  EXPECT_NE(make_uid(key, kFirst, 1, kSeed), uid);
  EXPECT_NE(make_uid(key, kFirst, 0, kSeed + 1), uid);
  for (std::size_t bit = 0; bit < 8 * sizeof(FlowKey); ++bit) {
    auto bytes = std::bit_cast<std::array<std::uint8_t, sizeof(FlowKey)>>(key);
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_NE(make_uid(std::bit_cast<FlowKey>(bytes), kFirst, 0, kSeed), uid) << "bit " << bit;
  }
}

// Of a million flows, here of a scan, chance gives one word in common to 116 pairs, and two to
// none.
TEST(Uid, AnyTwoOfItsWordsTellAMillionFlowsApart) {
  std::vector<Uid> uids;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    const FlowKey key =
        key4(0x0a000001, 0xc0a80000 + (i >> 10), 40000, static_cast<std::uint16_t>(i & 1023));
    uids.push_back(make_uid(key, kFirst + Duration(i / 8), 0, kSeed));
  }
  for (const auto& [one, other] : {std::pair{0, 1}, std::pair{1, 2}, std::pair{0, 2}}) {
    std::vector<std::uint64_t> parts;
    for (const Uid& uid : uids) {
      parts.push_back((std::uint64_t{uid.words[static_cast<std::size_t>(one)]} << 32) |
                      uid.words[static_cast<std::size_t>(other)]);
    }
    std::sort(parts.begin(), parts.end());
    EXPECT_EQ(std::adjacent_find(parts.begin(), parts.end()), parts.end())
        << "words " << one << " and " << other;
  }
}

// A scan within one nanosecond, again and again: each bit of the uid is set every other time.
TEST(Uid, ItsBitsAreSetAsOftenAsNot) {
  constexpr int kUids = 65'536;
  std::array<int, 96> set{};
  for (std::uint32_t i = 0; i < kUids; ++i) {
    const Uid uid =
        make_uid(key4(1, 2, 3, static_cast<std::uint16_t>(i & 255)), kFirst, i >> 8, kSeed);
    for (std::size_t bit = 0; bit < set.size(); ++bit) {
      set[bit] += static_cast<int>((uid.words[bit / 32] >> (bit % 32)) & 1);
    }
  }
  // One deviation is 128; of 96 bits the worst is 2 to 3 away.
  for (std::size_t bit = 0; bit < set.size(); ++bit) {
    EXPECT_NEAR(set[bit], kUids / 2.0, 6 * 128) << "bit " << bit;
  }
}

}  // namespace
}  // namespace weir::protocol
