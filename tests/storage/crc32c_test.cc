#include "storage/crc32c.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"

namespace weir::storage {
namespace {

std::vector<std::uint8_t> random_bytes(std::uint64_t seed, std::size_t count) {
  Prng random(seed);
  std::vector<std::uint8_t> bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
  return bytes;
}

// Bit by bit, as it is defined.
std::uint32_t by_definition(Bytes bytes) {
  std::uint32_t crc = 0xffff'ffff;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f6'3b78 : 0);
  }
  return ~crc;
}

void expect_crc(const std::vector<std::uint8_t>& bytes, std::uint32_t expected) {
  EXPECT_EQ(crc32c(bytes), expected);
  EXPECT_EQ(crc32c_by_tables(bytes), expected);
  EXPECT_EQ(by_definition(bytes), expected);
}

// RFC 3720, appendix B.4.
TEST(Crc32c, IsThatOfTheExamplesOfIscsi) {
  expect_crc(std::vector<std::uint8_t>(32, 0x00), 0x8a91'36aa);
  expect_crc(std::vector<std::uint8_t>(32, 0xff), 0x62a8'ab43);
  std::vector<std::uint8_t> ascending(32);
  std::iota(ascending.begin(), ascending.end(), std::uint8_t{0});
  expect_crc(ascending, 0x46dd'794e);
  std::reverse(ascending.begin(), ascending.end());
  expect_crc(ascending, 0x113f'db5c);
  expect_crc({0x01, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
              0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
              0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
              0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
             0xd996'3a56);
}

TEST(Crc32c, OfNothingIsZeroAndOfNineDigitsWhatEverybodyHas) {
  expect_crc({}, 0);
  expect_crc({'1', '2', '3', '4', '5', '6', '7', '8', '9'}, 0xe306'9283);
}

// The fast way takes three lanes of 1 KiB at a time.
TEST(Crc32c, IsTheSameByTablesForEveryLengthAroundTheLanes) {
  const auto bytes = random_bytes(1, 6 * 1024 + 40);
  std::vector<std::size_t> lengths;
  for (std::size_t length = 0; length <= 80; ++length) lengths.push_back(length);
  for (std::size_t lane = 1; lane <= 6; ++lane) {
    for (std::size_t length = lane * 1024 - 20; length <= lane * 1024 + 20; ++length) {
      lengths.push_back(length);
    }
  }
  for (const std::size_t length : lengths) {
    const Bytes part = Bytes(bytes).first(length);
    const std::uint32_t expected = by_definition(part);
    ASSERT_EQ(crc32c(part), expected) << length;
    ASSERT_EQ(crc32c_by_tables(part), expected) << length;
  }
}

TEST(Crc32c, IsTheSameFromEveryAlignment) {
  const auto bytes = random_bytes(2, 4096 + 16);
  for (std::size_t at = 0; at < 16; ++at) {
    const Bytes part = Bytes(bytes).subspan(at, 4096);
    EXPECT_EQ(crc32c(part), by_definition(part)) << at;
  }
}

TEST(Crc32c, GoesOnWhereItEndedWhereverItIsSplit) {
  const auto bytes = random_bytes(3, 7000);
  const std::uint32_t whole = by_definition(bytes);
  for (std::size_t split = 0; split <= bytes.size(); split += split < 40 ? 1 : 97) {
    const Bytes front = Bytes(bytes).first(split);
    const Bytes back = Bytes(bytes).subspan(split);
    ASSERT_EQ(crc32c(back, crc32c(front)), whole) << split;
    ASSERT_EQ(crc32c_by_tables(back, crc32c_by_tables(front)), whole) << split;
    ASSERT_EQ(crc32c(back, crc32c_by_tables(front)), whole) << split;
  }
}

TEST(Crc32c, SaysHowItIsComputed) {
  const std::string_view way = crc32c_way();
  EXPECT_TRUE(way == "sse4.2" || way == "tables") << way;
}

}  // namespace
}  // namespace weir::storage
