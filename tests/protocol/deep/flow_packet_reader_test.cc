#include "protocol/deep/flow_packet_reader.h"

#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

#include "protocol/headers/parse_batch.h"
#include "support/packet_builder.h"

namespace weir::protocol {
namespace {

using test::PacketBuilder;
using Frame = std::vector<std::uint8_t>;

constexpr Timestamp kStart{1'700'000'000'000'000'000};
constexpr SessionMask kSession = 1;

// One batch of frames, a millisecond apart, all wanted.
class Reading {
 public:
  explicit Reading(ChecksumMode checksums = ChecksumMode::Ignore)
      : reader_({.checksums = checksums, .fragments = {}}) {}

  std::vector<FlowPacket> read(const std::vector<Frame>& frames, std::uint32_t cut = 0) {
    batch_->count = static_cast<std::uint32_t>(frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const auto bytes = static_cast<std::uint32_t>(frames[i].size());
      batch_->packets[i] = {.data = frames[i].data(),
                            .time = kStart + std::chrono::milliseconds(i),
                            .captured_bytes = bytes - cut,
                            .wire_bytes = bytes,
                            .link_type = LinkType::Ethernet};
      verdicts_.wanted[i] = kSession;
    }
    parse_batch(*batch_, *headers_, *keys_);
    const auto packets = reader_.read(*batch_, *headers_, *keys_, verdicts_, kSession);
    return {packets.begin(), packets.end()};
  }
  void want(std::size_t index, bool wanted) { verdicts_.wanted[index] = wanted ? kSession : 0; }
  FlowPacketReader& reader() { return reader_; }

 private:
  FlowPacketReader reader_;
  std::unique_ptr<PacketBatch> batch_ = std::make_unique<PacketBatch>();
  std::unique_ptr<HeadersArray> headers_ = std::make_unique<HeadersArray>();
  std::unique_ptr<KeysArray> keys_ = std::make_unique<KeysArray>();
  Verdicts verdicts_{};
};

PacketBuilder ipv4() { return PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2"); }
PacketBuilder vxlan(std::uint32_t vni) {
  return PacketBuilder()
      .ethernet()
      .ipv4("192.168.0.1", "192.168.0.2")
      .udp(50000, 4789)
      .vxlan(vni)
      .ethernet();
}

TEST(FlowPacketReader, TakesFromTcpWhatConnectionsNeed) {
  const auto packets = Reading().read(
      {ipv4()
           .tcp(1024, 80, {.flags = 0x18, .sequence = 7, .acknowledgment = 9, .window = 100})
           .payload(5)
           .build()});
  ASSERT_EQ(packets.size(), 1u);
  const FlowPacket& packet = packets[0];
  EXPECT_EQ(packet.kind, FlowKind::Tcp);
  EXPECT_EQ(packet.sender, End::Low);
  EXPECT_EQ(packet.key.low_port, 1024);
  EXPECT_EQ(packet.key.high_port, 80);
  EXPECT_EQ(packet.tcp_flags, 0x18);
  EXPECT_EQ(packet.sequence, 7u);
  EXPECT_EQ(packet.acknowledgement, 9u);
  EXPECT_EQ(packet.window, 100);
  EXPECT_EQ(packet.ip_bytes, 45u);
  EXPECT_EQ(packet.payload_bytes, 5u);
  EXPECT_FALSE(packet.payload_cut);
  EXPECT_FALSE(packet.carries_next);
}

TEST(FlowPacketReader, BothDirectionsHaveOneKeyAndOneShard) {
  const auto packets = Reading().read(
      {ipv4().udp(1024, 53).payload(1).build(),
       PacketBuilder().ethernet().ipv4("10.0.0.2", "10.0.0.1").udp(53, 1024).build()});
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].key, packets[1].key);
  EXPECT_EQ(packets[0].shard, packets[1].shard);
  EXPECT_EQ(packets[0].sender, End::Low);
  EXPECT_EQ(packets[1].sender, End::High);
}

TEST(FlowPacketReader, CountsWhatTheHeadersSayAndNotWhatWasCaptured) {
  const auto packets = Reading().read({ipv4().tcp(1024, 80).payload(100).build()}, 60);
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].payload_bytes, 100u);
  EXPECT_TRUE(packets[0].payload_cut);
}

TEST(FlowPacketReader, LeavesOutWhatTheSessionDoesNotWant) {
  Reading reading;
  const std::vector<Frame> frames = {ipv4().udp(1, 2).build(), ipv4().udp(3, 4).build()};
  EXPECT_EQ(reading.read(frames).size(), 2u);
  EXPECT_EQ(reading.reader().next_ordinal(), 3u);
}

TEST(FlowPacketReader, ATunnelIsACarrierAndWhatItCarries) {
  const auto packets =
      Reading().read({vxlan(77).ipv4("10.0.0.1", "10.0.0.2").tcp(1024, 80).payload(3).build()});
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].kind, FlowKind::Udp);
  EXPECT_EQ(packets[0].shard, kCarrierShard);
  EXPECT_EQ(packets[0].tunnel, TunnelType::Vxlan);
  EXPECT_TRUE(packets[0].carries_next);
  EXPECT_EQ(packets[0].key.tenant.vni, TenantIdentity::kNoVni);
  EXPECT_EQ(packets[0].stated_payload_bytes, 8u + 14 + 20 + 20 + 3);
  EXPECT_EQ(packets[1].kind, FlowKind::Tcp);
  EXPECT_LT(packets[1].shard, kFlowShards);
  EXPECT_EQ(packets[1].key.tenant.vni, 77u);
  EXPECT_EQ(packets[0].ordinal, packets[1].ordinal);
}

TEST(FlowPacketReader, TunnelsInTunnelsAreNamedFromOutsideIn) {
  const auto packets = Reading().read({PacketBuilder()
                                           .ethernet()
                                           .vlan(5)
                                           .ipv4("1.1.1.1", "1.1.1.2")
                                           .udp(50000, 6081)
                                           .geneve(11)
                                           .ethernet()
                                           .ipv4("2.2.2.1", "2.2.2.2")
                                           .udp(50001, 4789)
                                           .vxlan(22)
                                           .ethernet()
                                           .ipv4("3.3.3.1", "3.3.3.2")
                                           .gre()
                                           .ipv4("4.4.4.1", "4.4.4.2")
                                           .ipv4("5.5.5.1", "5.5.5.2")
                                           .icmp(8)
                                           .build()});
  ASSERT_EQ(packets.size(), 5u);
  EXPECT_EQ(packets[0].tunnel, TunnelType::Geneve);
  EXPECT_EQ(packets[1].tunnel, TunnelType::Vxlan);
  EXPECT_EQ(packets[2].tunnel, TunnelType::Gre);
  EXPECT_EQ(packets[3].tunnel, TunnelType::Ip);
  EXPECT_EQ(packets[2].kind, FlowKind::IpTunnel);
  EXPECT_EQ(packets[4].kind, FlowKind::Icmp);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(packets[i].carries_next) << i;
  EXPECT_FALSE(packets[4].carries_next);
  EXPECT_EQ(packets[0].key.tenant.vni, TenantIdentity::kNoVni);
  EXPECT_EQ(packets[1].key.tenant.vni, 11u);
  EXPECT_EQ(packets[2].key.tenant.vni, 22u);
  EXPECT_EQ(packets[4].key.tenant.vni, 22u);
  for (const FlowPacket& packet : packets) EXPECT_EQ(packet.key.tenant.vlan, 5);
}

TEST(FlowPacketReader, ACarrierOfNothingToFollowCarriesNothing) {
  const std::array<std::uint8_t, 28> arp{};
  const auto packets = Reading().read({vxlan(1).bytes(arp).build()});
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].shard, kCarrierShard);
  EXPECT_FALSE(packets[0].carries_next);
}

TEST(FlowPacketReader, PortsOfTunnelsBelongToTheCarriersWhateverIsInside) {
  const auto packets = Reading().read({ipv4().udp(40000, 4789).payload(20, 0).build()});
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].shard, kCarrierShard);
}

TEST(FlowPacketReader, FragmentsBecomeOnePacket) {
  Frame whole = ipv4().udp(1024, 53).payload(40).build();
  // The payload of IP: 8 bytes of UDP header and 40 more, in two pieces of 24.
  const Bytes payload = Bytes(whole).subspan(34);
  const auto piece = [&](std::uint16_t offset, bool more) {
    return PacketBuilder()
        .ethernet()
        .ipv4("10.0.0.1", "10.0.0.2", {.id = 9, .fragment_offset = offset, .more_fragments = more})
        .ip_protocol(17)
        .bytes(payload.subspan(std::size_t{offset} * 8, 24))
        .build();
  };
  Reading reading;
  EXPECT_TRUE(reading.read({piece(3, false)}).empty());
  const auto packets = reading.read({piece(0, true)});
  const auto found = std::find_if(packets.begin(), packets.end(),
                                  [](const FlowPacket& one) { return !one.is_notice; });
  ASSERT_NE(found, packets.end());
  EXPECT_EQ(found->kind, FlowKind::Udp);
  EXPECT_EQ(found->key.high_port, 53);
  EXPECT_EQ(found->ip_bytes, 68u);
  EXPECT_EQ(found->payload_bytes, 40u);
  EXPECT_EQ(reading.reader().fragments().datagrams_completed.value(), 1u);
}

TEST(FlowPacketReader, FragmentsInATunnelAreOfItsTenantAndCarriedByIt) {
  Frame whole = ipv4().udp(1024, 53).payload(40).build();
  const Bytes payload = Bytes(whole).subspan(34);
  const auto piece = [&](std::uint16_t offset, bool more) {
    return vxlan(33)
        .ipv4("10.0.0.1", "10.0.0.2", {.id = 9, .fragment_offset = offset, .more_fragments = more})
        .ip_protocol(17)
        .bytes(payload.subspan(std::size_t{offset} * 8, 24))
        .build();
  };
  Reading reading;
  const auto first = reading.read({piece(0, true)});
  ASSERT_GE(first.size(), 1u);
  EXPECT_EQ(first[0].shard, kCarrierShard);
  EXPECT_FALSE(first[0].carries_next);
  const auto packets = reading.read({piece(3, false)});
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_TRUE(packets[0].carries_next);
  EXPECT_EQ(packets[1].key.tenant.vni, 33u);
  EXPECT_EQ(packets[1].payload_bytes, 40u);
}

TEST(FlowPacketReader, ChecksumsAreLookedAtWhenTheyCount) {
  // The builder leaves the checksum of TCP 0, which is wrong.
  const Frame frame = ipv4().tcp(1024, 80).payload(5).build();
  EXPECT_EQ(Reading(ChecksumMode::Verify).read({frame})[0].checksum, Checksum::Bad);
  EXPECT_EQ(Reading(ChecksumMode::Auto).read({frame})[0].checksum, Checksum::Bad);
  EXPECT_EQ(Reading(ChecksumMode::Ignore).read({frame})[0].checksum, Checksum::NotChecked);
  // Nothing can be said of half a packet, nor of UDP without one over IPv4.
  EXPECT_EQ(Reading(ChecksumMode::Verify).read({frame}, 2)[0].checksum, Checksum::NotChecked);
  const Frame udp = ipv4().udp(1024, 80).payload(5).build();
  EXPECT_EQ(Reading(ChecksumMode::Verify).read({udp})[0].checksum, Checksum::NotChecked);
}

TEST(FlowPacketReader, AWrongIpv4ChecksumIsToldAndNothingElseWhenItCounts) {
  Frame frame = ipv4().udp(1024, 80).build();
  frame[24] ^= 0xff;
  const auto packets = Reading(ChecksumMode::Verify).read({frame});
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_TRUE(packets[0].is_notice);
  EXPECT_EQ(packets[0].notice, Weird::BadIpChecksum);
  EXPECT_FALSE(Reading(ChecksumMode::Ignore).read({frame})[0].is_notice);
}

TEST(FlowPacketReader, ALengthBeyondThePacketIsToldAndNothingElse) {
  Frame frame = ipv4().udp(1024, 80).payload(8).build();
  frame[16] = 0x7f;
  const auto packets = Reading().read({frame});
  ASSERT_EQ(packets.size(), 1u);
  EXPECT_EQ(packets[0].notice, Weird::TruncatedIpLen);
}

TEST(FlowPacketReader, MessagesThatNothingAnswersKeepTheirOrder) {
  const auto packets = Reading().read(
      {PacketBuilder().ethernet().ipv4("10.0.0.2", "10.0.0.1").icmp(3, 1).payload(8).build(),
       PacketBuilder().ethernet().ipv4("10.0.0.2", "10.0.0.1").icmp(8).build()});
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].key.one_way, 1);
  EXPECT_EQ(packets[0].sender, End::Low);
  EXPECT_EQ(packets[1].key.one_way, 0);
  EXPECT_EQ(packets[1].sender, End::High);
}

TEST(FlowPacketReader, GroupsAndWhatCannotBeReadAreNoFlows) {
  const auto of_protocol = [](std::uint8_t number) {
    return ipv4().ip_protocol(number).payload(16).build();
  };
  EXPECT_TRUE(Reading().read({of_protocol(2)}).empty());   // IGMP
  EXPECT_TRUE(Reading().read({of_protocol(50)}).empty());  // ESP
  const auto ospf = Reading().read({of_protocol(89)});
  ASSERT_EQ(ospf.size(), 1u);
  EXPECT_EQ(ospf[0].kind, FlowKind::Other);
}

TEST(FlowPacketReader, TheClockNeverGoesBackAndTimesStayInBounds) {
  Reading reading;
  (void)reading.read({ipv4().udp(1, 2).build(), ipv4().udp(1, 2).build()});
  EXPECT_EQ(reading.reader().clock(), kStart + std::chrono::milliseconds(1));
  EXPECT_EQ(reading.reader().first(), kStart);
  const auto packets = reading.read({ipv4().udp(1, 2).build()});
  EXPECT_EQ(packets[0].time, kStart);
  EXPECT_EQ(packets[0].now, kStart + std::chrono::milliseconds(1));
}

}  // namespace
}  // namespace weir::protocol
