// pcapng files, block by block, in both byte orders.
#include <string>

#include <gtest/gtest.h>

#include "interface/file_reading.h"
#include "storage/pcapng/blocks.h"

namespace weir::test {
namespace {

using storage::pcapng::BlockType;

constexpr std::uint32_t type_of(BlockType type) { return static_cast<std::uint32_t>(type); }

ByteVector le(const CaptureBytes& bytes) { return bytes.bytes(); }

class PcapngFile : public testing::TestWithParam<ByteOrder> {
 protected:
  [[nodiscard]] CaptureBytes in_order() const { return CaptureBytes(GetParam()); }
  // A number as the value of an option, in the order of the file.
  [[nodiscard]] ByteVector u64(std::uint64_t v) const { return in_order().u64(v).bytes(); }
  [[nodiscard]] ByteVector u32(std::uint32_t v) const { return in_order().u32(v).bytes(); }
};
INSTANTIATE_TEST_SUITE_P(Orders, PcapngFile, testing::Values(ByteOrder::Little, ByteOrder::Big),
                         [](const auto& instance) {
                           return instance.param == ByteOrder::Little ? "Little" : "Big";
                         });

TEST_P(PcapngFile, TheSectionHeaderComesFirstWithItsOptions) {
  CaptureBytes file = in_order();
  file.section(
      in_order().option(4, bytes_of("dumpcap")).option(1, bytes_of("a b")).end_of_options());
  const Drained got = read_bytes(file.bytes());
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.blocks.size(), 1u);
  EXPECT_EQ(got.blocks[0].type, type_of(BlockType::SectionHeader));
  EXPECT_EQ(got.blocks[0].body,
            le(CaptureBytes().option(4, bytes_of("dumpcap")).option(1, bytes_of("a b"))));
}

TEST_P(PcapngFile, InterfacesKeepTheirOptionsInLittleEndian) {
  CaptureBytes options = in_order();
  options.option(2, bytes_of("eth0")).option(3, bytes_of("uplink")).option(8, u64(10'000'000'000));
  options.option(9, {9})
      .option(10, u32(3600))
      .option(11, bytes_of("\1ip"))
      .option(13, {32})
      .option(14, u64(5));
  options.end_of_options();
  const ByteVector file = in_order().section().interface(101, 96, options).bytes();
  auto source = source_over({file});
  EXPECT_EQ(drain(*source).error, "");
  ASSERT_EQ(source->interfaces().count(), 1u);
  const CaptureInterface& interface = source->interfaces().at({0});
  EXPECT_EQ(interface.link_type, LinkType::Raw);
  EXPECT_EQ(interface.snaplen, 96u);
  EXPECT_EQ(interface.name, "eth0");
  EXPECT_EQ(interface.fcs_bytes, 4);
  EXPECT_EQ(interface.options, le(CaptureBytes()
                                      .option(3, bytes_of("uplink"))
                                      .option(8, CaptureBytes().u64(10'000'000'000).bytes())
                                      .option(10, CaptureBytes().u32(3600).bytes())
                                      .option(11, bytes_of("\1ip"))));
}

TEST_P(PcapngFile, EnhancedPacketsHaveTheirInterfacesTimeAndOptions) {
  CaptureBytes file = in_order();
  file.section().interface(1).interface(113, 0, in_order().option(9, {9}).end_of_options());
  CaptureBytes options = in_order();
  options.option(2, u32(1))
      .option(4, u64(77))
      .option(6, u32(3))
      .option(1, bytes_of("note"))
      .end_of_options();
  file.enhanced_packet(1, 1'700'000'000'123'456'789, frame_of(61), options);
  file.enhanced_packet(0, 1'700'000'000'123'456, frame_of(64, 9));
  for (const std::size_t portion : {std::size_t{1}, std::size_t{29}, SIZE_MAX}) {
    const Drained got = read_bytes(file.bytes(), portion);
    EXPECT_EQ(got.error, "");
    ASSERT_EQ(got.packets.size(), 2u);
    EXPECT_EQ(got.packets[0].frame, frame_of(61));
    EXPECT_EQ(got.packets[0].time_ns, 1'700'000'000'123'456'789);
    EXPECT_EQ(got.packets[0].interface, 1u);
    EXPECT_EQ(got.packets[0].link_type, LinkType::LinuxSll);
    EXPECT_EQ(got.packets[0].options, le(CaptureBytes()
                                             .option(2, CaptureBytes().u32(1).bytes())
                                             .option(4, CaptureBytes().u64(77).bytes())
                                             .option(6, CaptureBytes().u32(3).bytes())
                                             .option(1, bytes_of("note"))));
    EXPECT_EQ(got.packets[1].frame, frame_of(64, 9));
    EXPECT_EQ(got.packets[1].time_ns, 1'700'000'000'123'456'000);
    EXPECT_EQ(got.packets[1].interface, 0u);
    EXPECT_TRUE(got.packets[1].options.empty());
  }
}

TEST_P(PcapngFile, SimplePacketsHaveNoTimeAndEndAtTheSnapLength) {
  CaptureBytes file = in_order();
  file.section().interface(1, 20);
  file.block(3, in_order().u32(100).raw(frame_of(20)));
  file.block(3, in_order().u32(7).raw(frame_of(7)));
  const Drained got = read_bytes(file.bytes());
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.packets.size(), 2u);
  EXPECT_EQ(got.packets[0].frame, frame_of(20));
  EXPECT_EQ(got.packets[0].wire_bytes, 100u);
  EXPECT_FALSE(got.packets[0].has_time);
  EXPECT_EQ(got.packets[0].time_ns, 0);
  EXPECT_EQ(got.packets[1].frame, frame_of(7));
}

TEST_P(PcapngFile, ObsoletePacketsKeepTheirDropsAsAnOption) {
  CaptureBytes file = in_order();
  file.section().interface(1);
  const auto obsolete = [&](std::uint16_t drops) {
    return in_order()
        .u16(0)
        .u16(drops)
        .u32(0)
        .u32(5'000'000)
        .u32(33)
        .u32(60)
        .raw(frame_of(33))
        .padding();
  };
  file.block(2, obsolete(3).option(2, u32(2)).end_of_options());
  file.block(2, obsolete(4));
  file.block(2, obsolete(0xffff));  // unknown
  const Drained got = read_bytes(file.bytes());
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.packets.size(), 3u);
  for (const DrainedPacket& packet : got.packets) {
    EXPECT_EQ(packet.frame, frame_of(33));
    EXPECT_EQ(packet.time_ns, 5'000'000'000);
    EXPECT_EQ(packet.wire_bytes, 60u);
  }
  EXPECT_EQ(got.packets[0].options, le(CaptureBytes()
                                           .option(2, CaptureBytes().u32(2).bytes())
                                           .option(4, CaptureBytes().u64(3).bytes())));
  EXPECT_EQ(got.packets[1].options, le(CaptureBytes().option(4, CaptureBytes().u64(4).bytes())));
  EXPECT_TRUE(got.packets[2].options.empty());
}

TEST_P(PcapngFile, SideBlocksStandWhereTheyStoodAndAreLittleEndian) {
  CaptureBytes file = in_order();
  file.section().interface(1).interface(1, 0, in_order().option(9, {3}).end_of_options());
  file.enhanced_packet(0, 1, frame_of(10));
  file.block(4, in_order()
                    .u16(1)
                    .u16(8)
                    .raw({10, 0, 0, 1, 'a', 'b', 'c', 0})
                    .u16(0)
                    .u16(0)
                    .option(2, bytes_of("ns"))
                    .end_of_options());
  file.block(10, in_order().u32(0x544c534b).u32(5).raw(bytes_of("CLIEN")).padding());
  file.block(0xbad, in_order().u32(32473).raw(bytes_of("opaque..")));
  file.block(9, in_order().raw(bytes_of("__REALTIME=1\nM=a\n\n")));
  file.enhanced_packet(0, 1, frame_of(10));
  file.block(5, in_order()
                    .u32(1)
                    .u32(0)
                    .u32(1'500)
                    .option(2, in_order().u32(0).u32(7).bytes())
                    .option(4, u64(99))
                    .end_of_options());
  const Drained got = read_bytes(file.bytes());
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.packets.size(), 2u);
  ASSERT_EQ(got.blocks.size(), 6u);
  EXPECT_EQ(got.blocks[1].type, type_of(BlockType::NameResolution));
  EXPECT_EQ(got.blocks[1].before, 1u);
  EXPECT_EQ(got.blocks[1].body, le(CaptureBytes()
                                       .u16(1)
                                       .u16(8)
                                       .raw({10, 0, 0, 1, 'a', 'b', 'c', 0})
                                       .u16(0)
                                       .u16(0)
                                       .option(2, bytes_of("ns"))));
  EXPECT_EQ(got.blocks[2].type, type_of(BlockType::DecryptionSecrets));
  EXPECT_EQ(got.blocks[2].body,
            le(CaptureBytes().u32(0x544c534b).u32(5).raw(bytes_of("CLIEN")).padding()));
  EXPECT_EQ(got.blocks[3].type, type_of(BlockType::CustomCopyable));
  EXPECT_EQ(got.blocks[3].body, le(CaptureBytes().u32(32473).raw(bytes_of("opaque.."))));
  EXPECT_EQ(got.blocks[4].type, type_of(BlockType::SystemdJournalExport));
  // Statistics: in nanoseconds, of the interface in the source's table.
  EXPECT_EQ(got.blocks[5].type, type_of(BlockType::InterfaceStatistics));
  EXPECT_EQ(got.blocks[5].before, 2u);
  EXPECT_EQ(got.blocks[5].interface, 1u);
  EXPECT_EQ(got.blocks[5].body, le(CaptureBytes()
                                       .u32(1)
                                       .u32(0)
                                       .u32(1'500'000'000)
                                       .option(2, CaptureBytes().u32(0).u32(7'000'000).bytes())
                                       .option(4, CaptureBytes().u64(99).bytes())));
}

TEST_P(PcapngFile, UnknownBlocksAreSkippedAndCounted) {
  CaptureBytes file = in_order();
  file.section().interface(1);
  file.block(0x80000001, in_order().raw(frame_of(700'000)));  // weir's own, larger than the buffer
  file.block(0x40000bad, in_order().u32(1));                  // asks not to be copied
  file.block(77, in_order());
  file.enhanced_packet(0, 1, frame_of(10));
  auto source = source_over({file.bytes()}, 100'000);
  const Drained got = drain(*source);
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.packets.size(), 1u);
  EXPECT_EQ(got.blocks.size(), 1u);
  EXPECT_EQ(source->left_out().unknown_blocks, 3u);
}

TEST_P(PcapngFile, AccessoryBlocksThatAreBrokenOrHugeAreLeftOut) {
  CaptureBytes file = in_order();
  file.section().interface(1);
  file.block(4, in_order().u16(1).u16(800).u32(0));  // a name beyond its block
  file.block(5, in_order().u32(9).u32(0).u32(0));    // statistics of no interface
  file.block(10, in_order().u32(1).u32(8).raw(bytes_of("1234")));
  file.block(10, in_order().u32(1).u32(600'000).raw(frame_of(600'000)));
  file.enhanced_packet(0, 1, frame_of(10));
  auto source = source_over({file.bytes()});
  const Drained got = drain(*source);
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.packets.size(), 1u);
  EXPECT_EQ(got.blocks.size(), 1u);
  EXPECT_EQ(source->left_out().damaged_blocks, 3u);
  EXPECT_EQ(source->left_out().oversized_blocks, 1u);
}

TEST_P(PcapngFile, PacketsComeWithoutOptionsThatAreBrokenOrTooLong) {
  CaptureBytes broken = in_order();
  broken.option(1, bytes_of("good")).u16(1).u16(400).u32(0);
  CaptureBytes huge = in_order();
  for (int i = 0; i < 9; ++i) huge.option(1, ByteVector(60'000, 'x'));
  CaptureBytes file = in_order();
  file.section().interface(1).enhanced_packet(0, 1, frame_of(10), broken);
  file.enhanced_packet(0, 2, frame_of(20), huge).enhanced_packet(0, 3, frame_of(30));
  auto source = source_over({file.bytes()});
  const Drained got = drain(*source);
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.packets.size(), 3u);
  EXPECT_EQ(got.packets[0].options, le(CaptureBytes().option(1, bytes_of("good"))));
  EXPECT_EQ(got.packets[1].frame, frame_of(20));
  EXPECT_TRUE(got.packets[1].options.empty());
  EXPECT_EQ(got.packets[2].frame, frame_of(30));
  EXPECT_EQ(source->left_out().packet_options, 2u);
}

TEST_P(PcapngFile, SectionsBeginTheirInterfacesAnew) {
  CaptureBytes file = in_order();
  file.section().interface(1).enhanced_packet(0, 1, frame_of(10)).section().interface(101);
  file.enhanced_packet(0, 1, frame_of(20));
  const Drained got = read_bytes(file.bytes());
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.packets.size(), 2u);
  EXPECT_EQ(got.packets[0].interface, 0u);
  EXPECT_EQ(got.packets[1].interface, 1u);
  EXPECT_EQ(got.packets[1].link_type, LinkType::Raw);
  ASSERT_EQ(got.blocks.size(), 2u);
  EXPECT_EQ(got.blocks[1].before, 1u);
  EXPECT_EQ(got.blocks[0].interface, 0u);  // the first interface of each section
  EXPECT_EQ(got.blocks[1].interface, 1u);
}

TEST_P(PcapngFile, DamageEndsTheFileAfterItsGoodPackets) {
  CaptureBytes good = in_order();
  good.section().interface(1).enhanced_packet(0, 1, frame_of(10));
  struct Row {
    const char* what;
    CaptureBytes rest;
  };
  const auto block_head = [&](std::uint32_t type, std::uint32_t total) {
    return in_order().u32(type).u32(total).raw(ByteVector(60, 0));
  };
  const auto packet_head = [&](std::uint32_t interface, std::uint32_t captured) {
    return in_order().block(
        6, in_order().u32(interface).u32(0).u32(0).u32(captured).u32(captured).raw(frame_of(8)));
  };
  ByteVector bad_end = in_order().block(77, in_order().u32(1)).bytes();
  bad_end.back() ^= 1;
  bad_end[bad_end.size() - 4] ^= 1;
  const std::vector<Row> rows = {
      {"a block claims a length of 8 bytes", block_head(77, 8)},
      {"a block claims a length of 17 bytes", block_head(77, 17)},
      {"a block claims a length of 16777220 bytes", block_head(77, 16 * 1024 * 1024 + 4)},
      {"a block claims a length of 28 bytes", block_head(6, 28)},
      {"a block claims a length of 1000000 bytes", block_head(1, 1'000'000)},
      {"a packet of interface 1, of which its section describes 1", packet_head(1, 8)},
      {"a packet block of 40 bytes claims 9 captured bytes", packet_head(0, 9)},
      {"a packet block of 40 bytes claims 4294967295 captured bytes", packet_head(0, 0xffffffff)},
      {"the length at the end of a block is not the 16 bytes at its beginning",
       in_order().raw(bad_end)},
      {"a section begins without a byte-order magic",
       in_order().block(0x0a0d0d0a, in_order().u64(0).u64(0).u64(0))},
      {"the options of an interface description are broken",
       in_order().interface(1, 0, in_order().option(9, {1, 2}).end_of_options())},
      {"the options of an interface description are broken",
       in_order().interface(1, 0, in_order().u16(3).u16(9))},
      {"an option of a section header leaves its block",
       in_order().section(in_order().u16(3).u16(9))},
  };
  for (const Row& row : rows) {
    CaptureBytes file = good;
    file.raw(row.rest.bytes()).enhanced_packet(0, 1, frame_of(10));
    const Drained got = read_bytes(file.bytes());
    EXPECT_EQ(got.packets.size(), 1u) << row.what;
    EXPECT_EQ(got.code, ErrorCode::Damaged) << row.what;
    const std::string beginning =
        "f0: offset " + std::to_string(good.size()) + ": " + row.what + " (";
    EXPECT_EQ(got.error.substr(0, beginning.size()), beginning);
  }
}

TEST_P(PcapngFile, ACutFileGivesItsWholePacketsThenOneError) {
  CaptureBytes head = in_order();
  head.section().interface(1);
  const std::size_t packet_at = head.size();
  head.enhanced_packet(0, 1, frame_of(10));
  const std::size_t unknown_at = head.size();
  head.block(77, in_order().u32(1));
  for (std::size_t length = 1; length < head.size(); ++length) {
    const ByteVector cut(head.bytes().begin(),
                         head.bytes().begin() + static_cast<std::ptrdiff_t>(length));
    const Drained got = read_bytes(cut, 11);
    EXPECT_EQ(got.packets.size(), length < unknown_at ? 0u : 1u) << length;
    const bool whole = length == 28 || length == packet_at || length == unknown_at;
    EXPECT_EQ(got.code == ErrorCode::Truncated, !whole) << length << got.error;
  }
}

TEST_P(PcapngFile, VersionsOneZeroAndOneTwoAreRead) {
  EXPECT_EQ(read_bytes(in_order().section(in_order(), 1, 2).bytes()).error, "");
  const Drained got = read_bytes(in_order().section(in_order(), 2, 0).bytes());
  EXPECT_EQ(got.code, ErrorCode::UnknownFormat);
  EXPECT_EQ(got.error, "f0: offset 0: pcapng version 2.0 (weir reads versions 1.0 and 1.2)");
}

TEST(PcapngFiles, SectionsOfBothOrdersFollowEachOther) {
  CaptureBytes file;
  for (int i = 0; i < 100; ++i) {
    const CaptureBytes in(i % 2 == 0 ? ByteOrder::Little : ByteOrder::Big);
    file.raw(in.like().section().interface(1).enhanced_packet(0, 3, frame_of(11)).bytes());
  }
  auto source = source_over({file.bytes()}, 1000);
  const Drained got = drain(*source);
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.packets.size(), 100u);
  EXPECT_EQ(got.blocks.size(), 100u);
  EXPECT_EQ(source->interfaces().count(), 100u);
  for (std::uint32_t i = 0; i < got.packets.size(); ++i) {
    EXPECT_EQ(got.packets[i].interface, i);
    EXPECT_EQ(got.packets[i].time_ns, 3'000);
  }
}

TEST(PcapngFiles, ANewFileReusesInterfacesThatLookTheSame) {
  const auto file = [](std::string_view name) {
    return CaptureBytes()
        .section()
        .interface(1, 0, CaptureBytes().option(2, bytes_of(name)))
        .interface(1, 0, CaptureBytes().option(2, bytes_of(name)))
        .enhanced_packet(1, 1, frame_of(10))
        .bytes();
  };
  const ByteVector eth0 = file("eth0");
  const ByteVector eth1 = file("eth1");
  const ByteVector classic = CaptureBytes().pcap_header().record(1, 1, frame_of(10)).bytes();
  auto source = source_over({eth0, eth1, eth0, classic, classic});
  const Drained got = drain(*source);
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.packets.size(), 5u);
  EXPECT_EQ(source->interfaces().count(), 5u);
  EXPECT_EQ(got.packets[0].interface, 1u);  // two equal interfaces of one file stay two
  EXPECT_EQ(got.packets[1].interface, 3u);
  EXPECT_EQ(got.packets[2].interface, 1u);
  EXPECT_EQ(got.packets[3].interface, 4u);
  EXPECT_EQ(got.packets[4].interface, 4u);
}

TEST(PcapngFiles, InterfacesAreLimited) {
  CaptureBytes file;
  file.section();
  for (std::uint32_t i = 0; i <= interface::FileInterfaces::kInterfacesMax; ++i) file.interface(1);
  const Drained got = read_bytes(file.bytes());
  EXPECT_EQ(got.code, ErrorCode::Resource);
}

}  // namespace
}  // namespace weir::test
