// pcap files, variant by variant.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "interface/file_reading.h"

namespace weir::test {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(PcapFile, ReadsALiteralFile) {
  const ByteVector file = {0xd4, 0xc3, 0xb2, 0xa1, 2, 0,   4,  0, 0, 0,    0,    0,    0,    0, 0,
                           0,    0xff, 0xff, 0,    0, 113, 0,  0, 0, 0x00, 0xf1, 0x53, 0x65, 7, 0,
                           0,    0,    3,    0,    0, 0,   60, 0, 0, 0,    0xaa, 0xbb, 0xcc};
  auto source = source_over({file});
  const Drained got = drain(*source);
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.packets.size(), 1u);
  const DrainedPacket& packet = got.packets[0];
  EXPECT_EQ(packet.frame, (ByteVector{0xaa, 0xbb, 0xcc}));
  EXPECT_EQ(packet.wire_bytes, 60u);
  EXPECT_EQ(packet.time_ns, 1'700'000'000 * kSecond + 7'000);
  EXPECT_TRUE(packet.has_time);
  EXPECT_EQ(packet.link_type, LinkType::LinuxSll);
  EXPECT_EQ(packet.options.size(), 0u);
  ASSERT_EQ(source->interfaces().count(), 1u);
  EXPECT_EQ(source->interfaces().at({0}), (CaptureInterface{.link_type = LinkType::LinuxSll,
                                                            .snaplen = 65535,
                                                            .fcs_bytes = 0,
                                                            .name = "",
                                                            .options = {}}));
  EXPECT_EQ(source->mode(), "file");
  EXPECT_TRUE(source->lossless());
}

struct Variant {
  const char* name;
  std::uint32_t magic;
  std::uint32_t fraction_ns;
  std::size_t header_extra;
  std::size_t record_extra;
};
class PcapVariant : public testing::TestWithParam<std::tuple<Variant, ByteOrder>> {};

TEST_P(PcapVariant, GivesItsPackets) {
  const auto& [variant, order] = GetParam();
  CaptureBytes file(order);
  file.pcap_header({.magic = variant.magic}).raw(ByteVector(variant.header_extra, 0x55));
  const ByteVector first = frame_of(61, 1);
  const ByteVector second = frame_of(0);
  file.record_header(10, 999, 61, 99).raw(ByteVector(variant.record_extra, 0x66)).raw(first);
  file.record_header(11, 1, 0, 80).raw(ByteVector(variant.record_extra, 0x66)).raw(second);

  for (const std::size_t portion : {std::size_t{1}, std::size_t{17}, SIZE_MAX}) {
    const Drained got = read_bytes(file.bytes(), portion);
    EXPECT_EQ(got.error, "");
    ASSERT_EQ(got.packets.size(), 2u);
    EXPECT_EQ(got.packets[0].frame, first);
    EXPECT_EQ(got.packets[0].time_ns, 10 * kSecond + 999 * std::int64_t{variant.fraction_ns});
    EXPECT_EQ(got.packets[0].wire_bytes, 99u);
    EXPECT_EQ(got.packets[1].frame, second);
    EXPECT_EQ(got.packets[1].time_ns, 11 * kSecond + std::int64_t{variant.fraction_ns});
  }
}
INSTANTIATE_TEST_SUITE_P(
    All, PcapVariant,
    testing::Combine(testing::Values(Variant{"Microseconds", 0xa1b2c3d4, 1000, 0, 0},
                                     Variant{"Nanoseconds", 0xa1b23c4d, 1, 0, 0},
                                     Variant{"Kuznetzov", 0xa1b2cd34, 1000, 0, 8},
                                     Variant{"IxiaHardware", 0x1c0001ac, 1, 4, 0},
                                     Variant{"IxiaSoftware", 0x1c0001ab, 1000, 4, 0}),
                     testing::Values(ByteOrder::Little, ByteOrder::Big)),
    [](const auto& instance) {
      return std::string(std::get<0>(instance.param).name) +
             (std::get<1>(instance.param) == ByteOrder::Little ? "Little" : "Big");
    });

// Before 2.3 the length on the wire came first; 2.3 was written both ways, so the smaller one is
// the captured one.
TEST(PcapFile, KnowsTheOrderOfLengthsOfOldVersions) {
  struct Row {
    std::uint16_t major, minor;
    std::uint32_t first, second;
  };
  for (const Row& row : {Row{2, 4, 20, 90}, Row{2, 3, 20, 90}, Row{2, 3, 90, 20}, Row{2, 2, 90, 20},
                         Row{2, 0, 90, 20}, Row{543, 0, 90, 20}}) {
    CaptureBytes file(ByteOrder::Big);
    file.pcap_header({.major = row.major, .minor = row.minor})
        .record_header(1, 2, row.first, row.second);
    file.raw(frame_of(20)).record(3, 4, frame_of(5));
    const Drained got = read_bytes(file.bytes());
    EXPECT_EQ(got.error, "") << row.major << "." << row.minor;
    ASSERT_EQ(got.packets.size(), 2u);
    EXPECT_EQ(got.packets[0].frame, frame_of(20));
    EXPECT_EQ(got.packets[0].wire_bytes, 90u);
  }
}

TEST(PcapFile, RefusesVersionsThatNobodyDescribes) {
  for (const auto& [major, minor] :
       std::vector<std::pair<std::uint16_t, std::uint16_t>>{{1, 4}, {2, 5}, {3, 0}, {543, 1}}) {
    const Drained got =
        read_bytes(CaptureBytes().pcap_header({.major = major, .minor = minor}).bytes());
    EXPECT_EQ(got.code, ErrorCode::UnknownFormat);
    EXPECT_EQ(got.error, "f0: offset 4: pcap version " + std::to_string(major) + "." +
                             std::to_string(minor) + " (weir reads versions 2.0 to 2.4)");
  }
}

TEST(PcapFile, TakesTheFcsLengthOutOfTheLinkTypeWord) {
  struct Row {
    std::uint32_t word;
    std::uint8_t fcs_bytes;
  };
  for (const Row& row :
       {Row{0x00000001, 0}, Row{0x24000001, 4}, Row{0x14000001, 2}, Row{0x20000001, 0}}) {
    const ByteVector file = CaptureBytes().pcap_header({.link = row.word}).bytes();
    auto source = source_over({file});
    EXPECT_EQ(drain(*source).error, "");
    EXPECT_EQ(source->interfaces().at({0}).link_type, LinkType::Ethernet);
    EXPECT_EQ(source->interfaces().at({0}).fcs_bytes, row.fcs_bytes);
  }
}

TEST(PcapFile, TimesAreUnsignedAndFractionsMayExceedASecond) {
  const Drained got =
      read_bytes(CaptureBytes().pcap_header().record(0xffffffff, 2'000'001, frame_of(1)).bytes());
  ASSERT_EQ(got.packets.size(), 1u);
  EXPECT_EQ(got.packets[0].time_ns, 4'294'967'297 * kSecond + 1000);
}

TEST(PcapFile, APacketMayBeLongerThanTheSnapLengthButNotThanTheMaximum) {
  CaptureBytes file;
  file.pcap_header({.snaplen = 96})
      .record(1, 1, frame_of(kPacketBytesMax))
      .record_header(2, 2, kPacketBytesMax + 1, 60);
  file.raw(frame_of(100));
  const Drained got = read_bytes(file.bytes());
  ASSERT_EQ(got.packets.size(), 1u);
  EXPECT_EQ(got.packets[0].frame, frame_of(kPacketBytesMax));
  EXPECT_EQ(got.code, ErrorCode::Damaged);
  EXPECT_EQ(got.error,
            "f0: offset 262184: a packet record claims 262145 captured bytes (a packet has at most "
            "262144; the packets "
            "before it are good)");
}

TEST(PcapFile, ACutFileGivesItsWholePacketsThenOneError) {
  CaptureBytes whole;
  whole.pcap_header().record(1, 1, frame_of(30)).record(2, 2, frame_of(40));
  const std::size_t second = 24 + 16 + 30;
  for (std::size_t length = 1; length < whole.size(); ++length) {
    const ByteVector cut(whole.bytes().begin(),
                         whole.bytes().begin() + static_cast<std::ptrdiff_t>(length));
    const Drained got = read_bytes(cut, 13);
    EXPECT_EQ(got.packets.size(), length < second ? 0u : 1u) << length;
    if (length == 24 || length == second) {
      EXPECT_EQ(got.error, "") << length;
    } else {
      EXPECT_EQ(got.code, ErrorCode::Truncated) << length;
    }
  }
  const ByteVector cut(whole.bytes().begin(), whole.bytes().end() - 3);
  EXPECT_EQ(read_bytes(cut).error,
            "f0: offset 70: the file ends inside a packet record: 53 bytes of 56 (the file was cut "
            "short; the packets "
            "before it are good)");
}

// Larger than the buffer several times over, with packets across every border.
TEST(PcapFile, PacketsAcrossBufferBordersComeOutWhole) {
  CaptureBytes file;
  file.pcap_header();
  std::vector<std::size_t> sizes;
  for (std::size_t i = 0; i < 3000; ++i) {
    sizes.push_back(i % 250 == 249 ? 200'000 + i : 40 + i % 900);
    file.record(static_cast<std::uint32_t>(i), 0,
                frame_of(sizes.back(), static_cast<std::uint8_t>(i)));
  }
  for (const std::size_t portion : {std::size_t{4093}, std::size_t{65536}, SIZE_MAX}) {
    const Drained got = read_bytes(file.bytes(), portion);
    EXPECT_EQ(got.error, "");
    ASSERT_EQ(got.packets.size(), sizes.size());
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      ASSERT_EQ(got.packets[i].frame, frame_of(sizes[i], static_cast<std::uint8_t>(i))) << i;
      ASSERT_EQ(got.packets[i].time_ns, static_cast<std::int64_t>(i) * kSecond);
    }
  }
}

TEST(PcapFile, BatchesAreAsLongAsAskedFor) {
  CaptureBytes file;
  file.pcap_header();
  for (std::uint32_t i = 0; i < 100; ++i) file.record(i, 0, frame_of(60));
  auto source = source_over({file.bytes()});
  const Drained got = drain(*source, 7);
  EXPECT_EQ(got.packets.size(), 100u);
  EXPECT_EQ(got.batches, 15u);
}

}  // namespace
}  // namespace weir::test
