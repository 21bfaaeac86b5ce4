// The pcapng blocks that hold no packet.
#include "storage/pcapng/reader_blocks.h"

#include <vector>

#include <gtest/gtest.h>

namespace weir::storage::pcapng {
namespace {

using ByteVector = std::vector<std::uint8_t>;

TEST(SectionHeader, TellsItsByteOrderAndVersion) {
  ByteVector body = {0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 2, 0, 255, 255, 255, 255, 255, 255, 255, 255};
  const auto decode = [&] {
    return decode_section_header(
        std::span<const std::uint8_t, kSectionHeaderFixedBytes>(body.data(), body.size()));
  };
  ASSERT_TRUE(decode().has_value());
  EXPECT_EQ(decode()->order, ByteOrder::Little);
  EXPECT_EQ(decode()->version_major, 1);
  EXPECT_EQ(decode()->version_minor, 2);
  const ByteVector big = {0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 2};
  std::copy(big.begin(), big.end(), body.begin());
  ASSERT_TRUE(decode().has_value());
  EXPECT_EQ(decode()->order, ByteOrder::Big);
  EXPECT_EQ(decode()->version_major, 1);
  EXPECT_EQ(decode()->version_minor, 2);
  body[0] = 0x1b;
  EXPECT_FALSE(decode().has_value());
}

ByteVector interface_with(const ByteVector& options) {
  ByteVector body = {113, 0, 0, 0, 0, 1, 0, 0};
  body.insert(body.end(), options.begin(), options.end());
  return body;
}

TEST(InterfaceDescription, TakesOutWhatWeirInterpretsAndKeepsTheRest) {
  ByteVector body =
      interface_with({2,  0, 4, 0, 'l', 'o', 0, 0, 9, 0, 1, 0, 9,   0, 0, 0,  // name, tsresol
                      13, 0, 1, 0, 4,   0,   0, 0, 3, 0, 1, 0, 'd', 0, 0, 0,  // fcslen, description
                      0,  0, 0, 0});
  const auto found = decode_interface_description(body, ByteOrder::Little);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->interface, (CaptureInterface{.link_type = LinkType::LinuxSll,
                                                .snaplen = 256,
                                                .fcs_bytes = 4,
                                                .name = "lo",
                                                .options = {3, 0, 1, 0, 'd', 0, 0, 0}}));
  EXPECT_EQ(found->time_scale.to_timestamp(5).ns, 5);
}

// The draft counts bits, Wireshark bytes.
TEST(InterfaceDescription, UnderstandsFcsLengthsInBitsAndInBytes) {
  for (const auto& [written, bytes] : std::vector<std::pair<std::uint8_t, std::uint8_t>>{
           {0, 0}, {2, 2}, {4, 4}, {16, 2}, {32, 4}}) {
    ByteVector body = interface_with({13, 0, 1, 0, written, 0, 0, 0});
    EXPECT_EQ(decode_interface_description(body, ByteOrder::Little)->interface.fcs_bytes, bytes);
  }
}

TEST(InterfaceDescription, IsRefusedWhenItsTimesCannotBeKnown) {
  for (const ByteVector& options :
       {ByteVector{9, 0, 2, 0, 6, 6, 0, 0},       // if_tsresol of two bytes
        ByteVector{14, 0, 4, 0, 1, 0, 0, 0},      // if_tsoffset of four
        ByteVector{3, 0, 9, 0, 'x', 0, 0, 0}}) {  // an option beyond the block
    ByteVector body = interface_with(options);
    EXPECT_FALSE(decode_interface_description(body, ByteOrder::Little).has_value());
  }
  ByteVector body = {1, 0, 0, 0};
  EXPECT_FALSE(decode_interface_description(body, ByteOrder::Little).has_value());
}

TEST(SideBlocks, ThatBreakTheirLayoutAreRefused) {
  ByteVector statistics(8);
  EXPECT_FALSE(
      normalise_interface_statistics(statistics, ByteOrder::Little, {0}, TimeScale()).has_value());
  ByteVector names = {1, 0, 8, 0, 10, 0, 0, 1, 'a', 'b', 'c', 0};  // no end record
  EXPECT_FALSE(normalise_name_resolution(names, ByteOrder::Little).has_value());
  ByteVector secrets = {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 'a', 'b', 'c', 'd'};
  EXPECT_FALSE(normalise_decryption_secrets(secrets, ByteOrder::Little).has_value());
  ByteVector custom;
  EXPECT_FALSE(normalise_custom(custom, ByteOrder::Little).has_value());
}

}  // namespace
}  // namespace weir::storage::pcapng
