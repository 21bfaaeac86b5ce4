// What a packet alone says of its flows is what the analysis made of it.
#include "protocol/deep/flow_identity.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "protocol/deep/flow_packet_reader.h"
#include "protocol/headers/parse_batch.h"
#include "support/headers_of.h"
#include "support/packet_builder.h"
#include "support/random_flows.h"

namespace weir::protocol {
namespace {

using test::PacketBuilder;
using Frame = std::vector<std::uint8_t>;

Packet packet_of(const Frame& frame) {
  const auto bytes = static_cast<std::uint32_t>(frame.size());
  return {.data = frame.data(),
          .time = {1},
          .captured_bytes = bytes,
          .wire_bytes = bytes,
          .link_type = LinkType::Ethernet};
}

FlowIdentities identities_of(const Frame& frame) {
  const Packet packet = packet_of(frame);
  const test::Parsed parsed = test::parse(packet);
  return {packet, parsed.headers, parsed.keys};
}

std::vector<std::uint64_t> list_of(const Frame& frame) {
  const FlowIdentities identities = identities_of(frame);
  return {identities.all().begin(), identities.all().end()};
}

// The identities of the flows that the reader finds in a frame.
class Analysed {
 public:
  std::vector<std::uint64_t> operator()(const Frame& frame) {
    batch_->count = 1;
    batch_->packets[0] = packet_of(frame);
    verdicts_->wanted[0] = 1;
    parse_batch(*batch_, *headers_, *keys_);
    std::vector<std::uint64_t> identities;
    for (const FlowPacket& packet : reader_.read(*batch_, *headers_, *keys_, *verdicts_, 1)) {
      if (!packet.is_notice) identities.push_back(flow_identity(packet.key));
    }
    return identities;
  }

 private:
  FlowPacketReader reader_{{.checksums = ChecksumMode::Ignore, .fragments = {}}};
  std::unique_ptr<PacketBatch> batch_ = std::make_unique<PacketBatch>();
  std::unique_ptr<HeadersArray> headers_ = std::make_unique<HeadersArray>();
  std::unique_ptr<KeysArray> keys_ = std::make_unique<KeysArray>();
  std::unique_ptr<Verdicts> verdicts_ = std::make_unique<Verdicts>();
};

PacketBuilder ipv4(std::uint16_t id = 0, std::uint16_t offset = 0, bool more = false) {
  return PacketBuilder().ethernet().ipv4(
      "10.0.0.1", "10.0.0.2", {.id = id, .fragment_offset = offset, .more_fragments = more});
}

// docs/segment-format.md, "Identities": for those who write another reader.
TEST(FlowIdentity, IsWhatTheDocumentSays) {
  EXPECT_EQ(list_of(ipv4().udp(5000, 53).build()), (std::vector<std::uint64_t>{0xc093a0e1d2d7}));
  EXPECT_EQ(list_of(ipv4(7, 2, true).ip_protocol(17).payload(8).build()),
            (std::vector<std::uint64_t>{0x59f11c026746}));
}

TEST(FlowIdentity, BothDirectionsHaveOneAndOtherFlowsAnother) {
  const auto one = list_of(ipv4().tcp(1000, 80).build());
  const auto back =
      list_of(PacketBuilder().ethernet().ipv4("10.0.0.2", "10.0.0.1").tcp(80, 1000).build());
  EXPECT_EQ(one, back);
  EXPECT_EQ(one.size(), 1u);
  EXPECT_NE(one, list_of(ipv4().udp(1000, 80).build()));
  EXPECT_NE(one, list_of(ipv4().tcp(1001, 80).build()));
  EXPECT_NE(
      one,
      list_of(
          PacketBuilder().ethernet().vlan(3).ipv4("10.0.0.1", "10.0.0.2").tcp(1000, 80).build()));
}

// Lengths that lie and cut headers are left to the analysis: it takes fewer for flows, never
// others.
TEST(FlowIdentity, IsThatOfEachFlowThatTheAnalysisFinds) {
  Prng random(1);
  Analysed analysed;
  std::size_t flows = 0;
  for (int i = 0; i < 20'000; ++i) {
    SCOPED_TRACE(i);
    const test::BothWays both = test::random_flow(random);
    Frame frame = random.chance(1, 2) ? both.there : both.back;
    const bool spoiled = random.chance(1, 4);
    if (spoiled) frame[random.below(frame.size())] = static_cast<std::uint8_t>(random.next());
    std::vector<std::uint64_t> found = list_of(frame);
    const std::vector<std::uint64_t> expected = analysed(frame);
    ASSERT_LE(expected.size(), found.size());
    if (spoiled) found.resize(expected.size());
    ASSERT_EQ(found, expected);
    flows += expected.size();
  }
  EXPECT_GT(flows, 20'000u);
}

TEST(FlowIdentity, FragmentsOfADatagramHaveTheirOwnWhateverTheyCarry) {
  const auto of = [](std::uint16_t id, std::uint16_t offset, bool more) {
    return ipv4(id, offset, more).udp(1000, 4789).vxlan(3).ethernet().ipv4("10.0.0.3", "10.0.0.4");
  };
  const auto first = list_of(of(9, 0, true).tcp(1, 2).build());
  EXPECT_EQ(first.size(), 1u);
  EXPECT_EQ(first, list_of(of(9, 30, false).tcp(1, 2).build()));
  EXPECT_NE(first, list_of(of(10, 30, false).tcp(1, 2).build()));
  EXPECT_EQ(list_of(of(9, 0, false).tcp(1, 2).build()).size(), 2u);
  const auto inside = list_of(PacketBuilder()
                                  .ethernet()
                                  .ipv4("192.168.0.1", "192.168.0.2")
                                  .udp(1000, 4789)
                                  .vxlan(3)
                                  .ethernet()
                                  .ipv4("10.0.0.1", "10.0.0.2", {.id = 9, .more_fragments = true})
                                  .udp(1, 2)
                                  .build());
  ASSERT_EQ(inside.size(), 2u);
  EXPECT_NE(inside[1], first[0]) << "of another tenant";
  const auto ipv6 = [](std::uint16_t offset, bool more) {
    return list_of(PacketBuilder()
                       .ethernet()
                       .ipv6("2001:db8::1", "2001:db8::2")
                       .ipv6_fragment(offset, more)
                       .udp(1, 2)
                       .build());
  };
  EXPECT_EQ(ipv6(0, true), ipv6(5, false));
  EXPECT_NE(ipv6(0, true), ipv6(0, false)) << "a whole packet";
}

TEST(FlowIdentity, FlowsBehindAFragmentAreOfItsDatagram) {
  const FlowIdentities identities = identities_of(ipv4(9, 3, false).udp(1, 2).build());
  ASSERT_EQ(identities.all().size(), 1u);
  EXPECT_EQ(identities.of_flow(0), identities.all()[0]);
  EXPECT_EQ(identities.of_flow(3), identities.all()[0]);
  EXPECT_TRUE(list_of(Frame(60)).empty());
}

}  // namespace
}  // namespace weir::protocol
