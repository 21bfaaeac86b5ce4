#include "base/bytes.h"

#include <array>

#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr std::array<std::uint8_t, 8> kEight = {1, 2, 3, 4, 5, 6, 7, 8};

TEST(Bytes, LoadsInTheStatedOrder) {
  EXPECT_EQ(load_be16(kEight.data()), 0x0102);
  EXPECT_EQ(load_be24(kEight.data()), 0x010203u);
  EXPECT_EQ(load_be32(kEight.data() + 1), 0x02030405u);
  EXPECT_EQ(load_be64(kEight.data()), 0x0102030405060708u);
  EXPECT_EQ(load_le16(kEight.data()), 0x0201);
  EXPECT_EQ(load<std::uint32_t>(kEight.data(), ByteOrder::Big), 0x01020304u);
  EXPECT_EQ(load<std::uint32_t>(kEight.data(), ByteOrder::Little), 0x04030201u);
}

TEST(Bytes, ReaderReadsFrontToBack) {
  ByteReader reader(kEight);
  EXPECT_EQ(reader.u8(), 1);
  EXPECT_EQ(reader.u16(), 0x0203);
  EXPECT_EQ(reader.u32(), 0x04050607u);
  EXPECT_EQ(reader.remaining(), 1u);
  EXPECT_FALSE(reader.failed());
}

TEST(Bytes, ReaderNeverLeavesItsSpan) {
  ByteReader reader(Bytes(kEight).first(3));
  EXPECT_EQ(reader.u32(), 0u);
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.position(), 0u);
  EXPECT_TRUE(reader.bytes(4).empty());
  EXPECT_EQ(reader.bytes(3).size(), 3u);
  EXPECT_TRUE(reader.failed()) << "a failure is remembered";
}

TEST(Bytes, AlignUpRoundsToTheNextMultiple) {
  EXPECT_EQ(align_up(0, 4096), 0u);
  EXPECT_EQ(align_up(1, 4096), 4096u);
  EXPECT_EQ(align_up(4096, 4096), 4096u);
}

}  // namespace
}  // namespace weir
