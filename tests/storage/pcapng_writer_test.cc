// What the encoder writes, byte by byte and through an independent reader.
#include <gtest/gtest.h>

#include "base/prng.h"
#include "storage/pcapng/writer.h"
#include "support/pcapng_walker.h"

namespace weir::storage::pcapng {
namespace {

using Buffer = std::vector<std::uint8_t>;

const SectionIdentity kNobody{};

Packet make_packet(const std::string& data, std::int64_t ns = 0) {
  return {.data = reinterpret_cast<const std::uint8_t*>(data.data()),
          .time = {ns},
          .captured_bytes = static_cast<std::uint32_t>(data.size()),
          .wire_bytes = static_cast<std::uint32_t>(data.size())};
}

// One TLV, padded.
Buffer option(std::uint16_t code, std::string_view value) {
  Buffer out(4 + align_up(value.size(), 4));
  store_le(out.data(), code);
  store_le(out.data() + 2, static_cast<std::uint16_t>(value.size()));
  std::copy(value.begin(), value.end(), out.begin() + 4);
  return out;
}

Buffer operator+(Buffer a, const Buffer& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A file with one Ethernet interface of that snaplen and what `write` puts behind it.
template <typename Write>
test::WalkedFile walk(std::uint32_t snaplen, Write write) {
  Buffer file;
  append_section_header(file, kNobody, {});
  append_interface_description(file, {.snaplen = snaplen});
  Buffer packets(1 << 20, 0xee);
  const auto end = write(packets.data());
  file.insert(file.end(), packets.data(), end);
  return test::walk_pcapng(file);
}

TEST(PcapngWriter, WritesAnEnhancedPacketByteByByte) {
  const std::string frame = "abcde";
  Packet packet = make_packet(frame, 0x0102030405060708);
  packet.wire_bytes = 1500;
  Buffer out(64, 0xee);
  const std::uint8_t* const end = write_enhanced_packet(out.data(), packet, 3);
  out.resize(static_cast<std::size_t>(end - out.data()));
  const Buffer expected = {6,   0,   0,   0,   40,  0, 0, 0, 3,  0, 0,    0, 4, 3,
                           2,   1,   8,   7,   6,   5, 5, 0, 0,  0, 0xdc, 5, 0, 0,
                           'a', 'b', 'c', 'd', 'e', 0, 0, 0, 40, 0, 0,    0};
  EXPECT_EQ(out, expected);
}

TEST(PcapngWriter, WritesFramesOfEveryLengthAndOptionsOfEveryLength) {
  Prng random(1);
  for (std::size_t length = 0; length < 70; ++length) {
    for (std::size_t comment = 0; comment < 9; ++comment) {
      std::string frame(length, 'f');
      for (char& c : frame) c = static_cast<char>(random.next());
      const Buffer options =
          comment == 0 ? Buffer{} : option(option::kComment, std::string(comment, 'c'));
      Packet packet = make_packet(frame, static_cast<std::int64_t>(random.next() >> 1));
      packet.options = options.data();
      packet.options_bytes = static_cast<std::uint32_t>(options.size());
      const auto file =
          walk(0, [&](std::uint8_t* at) { return write_enhanced_packet(at, packet, 0); });
      ASSERT_EQ(file.error, "") << length << " " << comment;
      ASSERT_EQ(file.packets.size(), 1U);
      EXPECT_EQ(file.packets[0].data, frame);
      EXPECT_EQ(file.packets[0].time, static_cast<std::uint64_t>(packet.time.ns));
      ASSERT_EQ(file.packets[0].options.size(), comment == 0 ? 0U : 1U);
      if (comment != 0) {
        EXPECT_EQ(file.packets[0].options[0].value, std::string(comment, 'c'));
      }
    }
  }
}

TEST(PcapngWriter, TheLargestPacketFitsTheStatedBound) {
  const std::string frame(kPacketBytesMax - 1, 'x');
  const Buffer options(kPacketOptionsBytesMax, 0);
  Packet packet = make_packet(frame);
  packet.options = options.data();
  packet.options_bytes = kPacketOptionsBytesMax;
  Buffer out(kPacketRecordBytesMax);
  EXPECT_LE(write_enhanced_packet(out.data(), packet, 0) - out.data(),
            std::ptrdiff_t{kPacketRecordBytesMax});
}

TEST(PcapngWriter, APacketWithoutTimeIsSimpleOnlyWhereThatSaysTheTruth) {
  const std::string frame(100, 'x');
  Packet packet = make_packet(frame);
  packet.has_time = false;
  EXPECT_TRUE(fits_simple_packet(packet, 0, 0));
  EXPECT_TRUE(fits_simple_packet(packet, 0, 100));
  EXPECT_FALSE(fits_simple_packet(packet, 1, 0)) << "readers take interface 0";
  EXPECT_FALSE(fits_simple_packet(packet, 0, 99)) << "readers would expect 99 bytes";
  packet.wire_bytes = 1500;
  EXPECT_TRUE(fits_simple_packet(packet, 0, 100));
  EXPECT_FALSE(fits_simple_packet(packet, 0, 0));
  EXPECT_FALSE(fits_simple_packet(packet, 0, 1500));
  packet.wire_bytes = 50;  // fewer than captured: an odd file
  EXPECT_FALSE(fits_simple_packet(packet, 0, 100));
  packet.wire_bytes = 100;
  packet.options_bytes = 4;
  EXPECT_FALSE(fits_simple_packet(packet, 0, 0));
  packet.options_bytes = 0;
  packet.has_time = true;
  EXPECT_FALSE(fits_simple_packet(packet, 0, 0));
}

TEST(PcapngWriter, WritesSimplePacketsOfEveryLength) {
  for (std::size_t length = 0; length < 20; ++length) {
    const std::string frame(length, 's');
    Packet packet = make_packet(frame);
    packet.has_time = false;
    packet.wire_bytes = 20;
    const auto snaplen = static_cast<std::uint32_t>(length == 0 ? 0 : length);
    if (length == 0) packet.wire_bytes = 0;
    ASSERT_TRUE(fits_simple_packet(packet, 0, snaplen));
    const auto file =
        walk(snaplen, [&](std::uint8_t* at) { return write_simple_packet(at, packet); });
    ASSERT_EQ(file.error, "") << length;
    ASSERT_EQ(file.packets.size(), 1U);
    EXPECT_EQ(file.packets[0].block_type, 3U);
    EXPECT_EQ(file.packets[0].data, frame);
    EXPECT_EQ(file.packets[0].wire, packet.wire_bytes);
  }
}

TEST(PcapngWriter, ASectionSaysWhoWroteIt) {
  Buffer out;
  append_section_header(out, {.hardware = "h", .os = "o", .application = "weir 1"}, {});
  const auto file = test::walk_pcapng(out);
  ASSERT_EQ(file.error, "");
  const std::vector<test::WalkedOption> expected = {{2, "h"}, {3, "o"}, {4, "weir 1"}};
  EXPECT_EQ(file.sections.at(0).options, expected);
  EXPECT_EQ(local_identity().application.substr(0, 5), "weir ");
  EXPECT_FALSE(local_identity().os.empty());
}

TEST(PcapngWriter, TheOptionsOfAnInputsSectionComeFirstAndWin) {
  const Buffer given =
      option(1, "a comment") + option(3, "OldOS") + option(1, "another") + option(0, "");
  Buffer out;
  append_section_header(out, {.hardware = "h", .os = "o", .application = "a"}, given);
  const auto file = test::walk_pcapng(out);
  ASSERT_EQ(file.error, "");
  const std::vector<test::WalkedOption> expected = {
      {1, "a comment"}, {3, "OldOS"}, {1, "another"}, {2, "h"}, {4, "a"}};
  EXPECT_EQ(file.sections.at(0).options, expected);
}

TEST(PcapngWriter, MalformedOptionsOfAnInputEndTheList) {
  Buffer given = option(1, "good");
  given.insert(given.end(), {1, 0, 200, 0, 'x'});  // claims 200 bytes, has one
  Buffer out;
  append_section_header(out, kNobody, given);
  const auto file = test::walk_pcapng(out);
  ASSERT_EQ(file.error, "");
  EXPECT_EQ(file.sections.at(0).options, (std::vector<test::WalkedOption>{{1, "good"}}));
}

TEST(PcapngWriter, AnInterfaceKeepsItsOptionsAndCountsInNanoseconds) {
  CaptureInterface interface {
    .link_type = LinkType::LinuxSll2, .snaplen = 96, .fcs_bytes = 4, .name = "eth0"
  };
  interface.options = option(3, "uplink") + option(11, std::string("\0tcp", 4));
  Buffer out;
  append_section_header(out, kNobody, {});
  append_interface_description(out, interface);
  const auto file = test::walk_pcapng(out);
  ASSERT_EQ(file.error, "");
  const auto& found = file.sections.at(0).interfaces.at(0);
  EXPECT_EQ(found.link_type, 276);
  EXPECT_EQ(found.snaplen, 96U);
  const std::vector<test::WalkedOption> expected = {
      {2, "eth0"}, {9, "\x09"}, {13, "\x04"}, {3, "uplink"}, {11, std::string("\0tcp", 4)}};
  EXPECT_EQ(found.options, expected);
}

TEST(PcapngWriter, SideBlocksKeepTheirBodyAndStatisticsGetTheOutputsInterface) {
  const Buffer names(10, 'n');
  const Buffer statistics = {9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8};
  Buffer out;
  append_section_header(out, kNobody, {});
  append_side_block(out, {.type = 4, .body = names}, 7);
  append_side_block(out, {.type = 5, .body = statistics}, 2);
  append_side_block(out, {.type = 0x0bad, .body = {}}, 7);
  const auto file = test::walk_pcapng(out);
  ASSERT_EQ(file.error, "");
  ASSERT_EQ(file.others.size(), 3U);
  EXPECT_EQ(file.others[0].body, std::string(10, 'n') + std::string(2, '\0'));
  EXPECT_EQ(file.others[1].type, 5U);
  EXPECT_EQ(file.others[1].body, std::string("\2\0\0\0\1\2\3\4\5\6\7\10", 12));
  EXPECT_EQ(file.others[2].body, "");
}

TEST(PcapngWriter, LossOptionsStandBehindThePacketsOwnAndAddUp) {
  Buffer out;
  append_loss_options(out, {}, 0x0102, "why");
  EXPECT_EQ(out, option(option::kEpbDropcount, std::string_view("\2\1\0\0\0\0\0\0", 8)) +
                     option(option::kComment, "why"));
  const Buffer own = option(option::kEpbDropcount, std::string_view("\5\0\0\0\0\0\0\0", 8)) +
                     option(option::kEpbFlags, std::string_view("\1\0\0\0", 4));
  out.clear();
  append_loss_options(out, own, 3, "x");
  EXPECT_EQ(out, option(option::kEpbFlags, std::string_view("\1\0\0\0", 4)) +
                     option(option::kEpbDropcount, std::string_view("\10\0\0\0\0\0\0\0", 8)) +
                     option(option::kComment, "x"));
  const Buffer most(kPacketOptionsBytesMax, 0);
  out.clear();
  append_loss_options(out, Bytes(most), 3, std::string(kLossCommentBytesMax, 'c'));
  EXPECT_LE(out.size(), kPacketOptionsBytesMax + kLossOptionsBytesMax);
}

TEST(PcapngWriter, KnowsBeforehandHowLongAPacketsRecordIs) {
  Buffer record(1000);
  for (std::uint32_t length = 0; length < 70; ++length) {
    for (std::uint32_t options = 0; options < 24; options += 4) {
      const std::string frame(length, 'x');
      const Buffer bytes(options);
      Packet packet = make_packet(frame);
      packet.options = bytes.data();
      packet.options_bytes = options;
      const auto* const end = write_enhanced_packet(record.data(), packet, 0);
      ASSERT_EQ(enhanced_packet_bytes(length, options), end - record.data());
    }
  }
}

TEST(PcapngWriter, InterfaceStatisticsHoldAllCounts) {
  Buffer out;
  const InterfaceStatistics statistics{.start = {0x0000'0001'0000'0002},
                                       .end = {0x0000'0003'0000'0004},
                                       .received = 5,
                                       .upstream = 6,
                                       .accepted = 7,
                                       .dropped = 8,
                                       .delivered = 9};
  append_interface_statistics(out, 2, statistics);
  EXPECT_EQ(out.size(), kInterfaceStatisticsBytes);
  const auto counted = [](std::uint16_t code, char value) {
    return option(code, std::string(1, value) + std::string(7, '\0'));
  };
  const Buffer head = {5, 0, 0, 0, 112, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0};
  const Buffer end = {0, 0, 0, 0, 112, 0, 0, 0};
  EXPECT_EQ(out, head + option(option::kIsbStarttime, std::string_view("\1\0\0\0\2\0\0\0", 8)) +
                     option(option::kIsbEndtime, std::string_view("\3\0\0\0\4\0\0\0", 8)) +
                     counted(option::kIsbIfrecv, 5) + counted(option::kIsbIfdrop, 6) +
                     counted(option::kIsbFilteraccept, 7) + counted(option::kIsbOsdrop, 8) +
                     counted(option::kIsbUsrdeliv, 9) + end);
}

TEST(PcapngWriter, WholeRecordsStopBeforeTheFirstThatIsCut) {
  Buffer out;
  append_section_header(out, kNobody, {});
  std::vector<std::size_t> ends = {0, out.size()};
  const std::string frame(33, 'x');
  Packet simple = make_packet(frame);
  simple.has_time = false;
  for (int i = 0; i < 3; ++i) {
    Buffer record(200);
    const auto* const end = i == 1 ? write_simple_packet(record.data(), simple)
                                   : write_enhanced_packet(record.data(), make_packet(frame), 0);
    out.insert(out.end(), record.data(), record.data() + (end - record.data()));
    ends.push_back(out.size());
  }
  for (std::size_t cut = 0; cut <= out.size(); ++cut) {
    const auto whole = static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), cut) -
                                                ends.begin() - 1);
    const RecordCount count = whole_records(Bytes(out).first(cut));
    ASSERT_EQ(count.bytes, ends[whole]) << cut;
    ASSERT_EQ(count.packets, whole == 0 ? 0 : whole - 1) << cut;
  }
}

}  // namespace
}  // namespace weir::storage::pcapng
