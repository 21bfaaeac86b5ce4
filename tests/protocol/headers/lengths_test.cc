// Lengths that lie, and packets that never end: each has its reason, and what can be told is told.
#include <gtest/gtest.h>

#include "support/headers_of.h"
#include "support/packet_builder.h"

namespace weir::test {
namespace {

constexpr std::size_t kIp = 14;  // behind the Ethernet header
constexpr std::size_t kTransport4 = 14 + 20;
constexpr std::size_t kTransport6 = 14 + 40;

struct Case {
  const char* what;
  std::vector<std::uint8_t> bytes;
  std::size_t at;  // the byte (or two) that lies
  std::vector<std::uint8_t> lie;
  MalformedReason reason;
  LayerType last;  // the innermost layer that is found
};

std::vector<std::uint8_t> tcp4() {
  return PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").tcp(1, 2).payload(10).build();
}
std::vector<std::uint8_t> udp4() {
  return PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).payload(10).build();
}
std::vector<std::uint8_t> tcp6() {
  return PacketBuilder()
      .ethernet()
      .ipv6("2001:db8::1", "2001:db8::2")
      .tcp(1, 2)
      .payload(10)
      .build();
}
std::vector<std::uint8_t> gre4() {
  return PacketBuilder()
      .ethernet()
      .ipv4("10.0.0.1", "10.0.0.2")
      .gre()
      .ipv4("10.1.0.1", "10.1.0.2")
      .tcp(1, 2)
      .build();
}
std::vector<std::uint8_t> extension6() {
  return PacketBuilder()
      .ethernet()
      .ipv6("2001:db8::1", "2001:db8::2")
      .ipv6_extension(0)
      .tcp(1, 2)
      .build();
}
std::vector<std::uint8_t> geneve() {
  return PacketBuilder()
      .ethernet()
      .ipv4("10.0.0.1", "10.0.0.2")
      .udp(1, 6081)
      .geneve(1, {1, 8, 1, 1, 0, 0, 0, 0})
      .ethernet()
      .payload(9)
      .build();
}
std::vector<std::uint8_t> pppoe() {
  return PacketBuilder().ethernet().pppoe_session(1).ipv4("10.0.0.1", "10.0.0.2").tcp(1, 2).build();
}

TEST(Lengths, EveryLieHasItsReason) {
  using enum MalformedReason;
  const Case cases[] = {
      {"IPv4 header below its minimum", tcp4(), kIp, {0x44}, BadHeaderLength, LayerType::Ethernet},
      {"IPv4 header beyond the frame", tcp4(), kIp, {0x4f}, TruncatedHeader, LayerType::Ethernet},
      {"IPv4 header of version 5", tcp4(), kIp, {0x55}, BadVersion, LayerType::Ethernet},
      {"IPv4 total length below its header",
       tcp4(),
       kIp + 2,
       {0, 19},
       BadTotalLength,
       LayerType::Ipv4},
      {"IPv4 total length beyond the frame",
       tcp4(),
       kIp + 2,
       {0x7f, 0xff},
       BadTotalLength,
       LayerType::Tcp},
      {"IPv4 total length that ends in TCP",
       tcp4(),
       kIp + 2,
       {0, 39},
       TruncatedHeader,
       LayerType::Ipv4},
      {"IPv6 header of version 4", tcp6(), kIp, {0x40}, BadVersion, LayerType::Ethernet},
      {"IPv6 payload beyond the frame", tcp6(), kIp + 4, {0x10, 0}, BadTotalLength, LayerType::Tcp},
      {"IPv6 extension beyond the packet",
       extension6(),
       kTransport6 + 1,
       {200},
       TruncatedHeader,
       LayerType::Ipv6},
      {"TCP header below its minimum",
       tcp4(),
       kTransport4 + 12,
       {0x40},
       BadHeaderLength,
       LayerType::Ipv4},
      {"TCP header beyond the packet",
       tcp4(),
       kTransport4 + 12,
       {0xf0},
       TruncatedHeader,
       LayerType::Ipv4},
      {"UDP length below its header",
       udp4(),
       kTransport4 + 4,
       {0, 7},
       BadHeaderLength,
       LayerType::Udp},
      {"UDP length beyond the packet",
       udp4(),
       kTransport4 + 4,
       {1, 0},
       BadHeaderLength,
       LayerType::Udp},
      {"GRE of version 2", gre4(), kTransport4 + 1, {2}, BadVersion, LayerType::Ipv4},
      {"GENEVE options beyond the packet",
       geneve(),
       kTransport4 + 8,
       {0x3f},
       TruncatedHeader,
       LayerType::Udp},
      {"GENEVE option beyond the options",
       geneve(),
       kTransport4 + 8 + 8 + 3,
       {2},
       BadHeaderLength,
       LayerType::Ethernet},
      {"PPPoE of version 2", pppoe(), kIp, {0x21}, BadVersion, LayerType::Ethernet},
      {"PPPoE length beyond the frame", pppoe(), kIp + 4, {1, 0}, BadHeaderLength, LayerType::Tcp},
  };
  for (Case lie : cases) {
    SCOPED_TRACE(lie.what);
    std::copy(lie.lie.begin(), lie.lie.end(),
              lie.bytes.begin() + static_cast<std::ptrdiff_t>(lie.at));
    const CapturedFrame frame{LinkType::Ethernet, static_cast<std::uint32_t>(lie.bytes.size()),
                              lie.bytes};
    const Parsed parsed = parse(frame.packet());
    EXPECT_EQ(name_of(parsed.headers.malformed), name_of(lie.reason));
    EXPECT_EQ(name_of(parsed.types().back()), name_of(lie.last));
  }
}

// Captured before the network card cut it up: the length field could not hold the size.
TEST(Lengths, AZeroIpLengthReachesToTheFramesEnd) {
  std::vector<std::uint8_t> bytes4 = tcp4();
  bytes4[kIp + 2] = bytes4[kIp + 3] = 0;
  std::vector<std::uint8_t> bytes6 = tcp6();
  bytes6[kIp + 4] = bytes6[kIp + 5] = 0;
  for (const auto& bytes : {bytes4, bytes6}) {
    const CapturedFrame frame{LinkType::Ethernet, static_cast<std::uint32_t>(bytes.size()), bytes};
    const Parsed parsed = parse(frame.packet());
    EXPECT_EQ(parsed.headers.malformed, MalformedReason::None);
    EXPECT_EQ(parsed.headers.payload_bytes, 10u);
  }
}

TEST(Lengths, AFirstFragmentsInnerLengthsMayReachBeyondIt) {
  std::vector<std::uint8_t> bytes = PacketBuilder()
                                        .ethernet()
                                        .ipv4("10.0.0.1", "10.0.0.2", {.more_fragments = true})
                                        .udp(1, 2)
                                        .payload(64)
                                        .build();
  bytes[kTransport4 + 4] = 0x10;  // of the whole datagram
  const CapturedFrame frame{LinkType::Ethernet, static_cast<std::uint32_t>(bytes.size()), bytes};
  const Parsed parsed = parse(frame.packet());
  EXPECT_EQ(parsed.headers.malformed, MalformedReason::None);
  EXPECT_EQ(parsed.headers.payload_bytes, 64u);
}

TEST(Lengths, AnUnknownLinkTypeIsSaidSo) {
  const CapturedFrame frame{static_cast<LinkType>(195), 4, {1, 2, 3, 4}};
  const Parsed parsed = parse(frame.packet());
  EXPECT_EQ(parsed.headers.malformed, MalformedReason::UnknownLinkType);
  EXPECT_EQ(parsed.headers.layer_count, 0);
  EXPECT_EQ(parsed.headers.payload_bytes, 4u);
}

TEST(Lengths, AnEmptyFrameIsTruncated) {
  const CapturedFrame frame{LinkType::Ethernet, 0, {}};
  EXPECT_EQ(parse(frame.packet()).headers.malformed, MalformedReason::TruncatedHeader);
}

Parsed parse_built(const PacketBuilder& builder) {
  const std::vector<std::uint8_t> bytes = builder.build();
  const CapturedFrame frame{LinkType::Ethernet, static_cast<std::uint32_t>(bytes.size()), bytes};
  return parse(frame.packet());
}

TEST(Depth, AsManyLayersAsThereIsRoomForAreFollowed) {
  PacketBuilder builder;
  builder.ethernet();
  for (std::size_t tag = 1; tag < kLayersMax; ++tag) builder.vlan(1);
  const Parsed parsed = parse_built(builder.payload(4));
  EXPECT_EQ(parsed.headers.layer_count, kLayersMax);
  EXPECT_EQ(parsed.headers.malformed, MalformedReason::None);
}

TEST(Depth, OneLayerMoreIsTooDeep) {
  PacketBuilder tags;
  PacketBuilder labels;
  PacketBuilder packets;
  PacketBuilder extensions;
  tags.ethernet();
  labels.ethernet();
  packets.ethernet();
  extensions.ethernet().ipv6("2001:db8::1", "2001:db8::2");
  for (std::size_t i = 0; i < 100; ++i) {
    tags.vlan(1);
    labels.mpls(16, false);
    packets.ipv4("10.0.0.1", "10.0.0.2");
    extensions.ipv6_extension(60);
  }
  for (const PacketBuilder& bomb : {tags, labels, packets, extensions}) {
    const Parsed parsed = parse_built(bomb);
    EXPECT_EQ(parsed.headers.layer_count, kLayersMax);
    EXPECT_EQ(parsed.headers.malformed, MalformedReason::TooDeep);
  }
}

TEST(Depth, HeadersBehindTheFirst64KibAreNotFollowed) {
  std::vector<std::uint8_t> bytes(70'000);
  bytes[2] = 0xfe;  // a radiotap header of 65,534 bytes
  bytes[3] = 0xff;
  const CapturedFrame frame{LinkType::Ieee80211Radiotap, static_cast<std::uint32_t>(bytes.size()),
                            bytes};
  const Parsed parsed = parse(frame.packet());
  EXPECT_EQ(parsed.headers.malformed, MalformedReason::TooDeep);
  EXPECT_EQ(parsed.headers.layer_count, 0);
}

}  // namespace
}  // namespace weir::test
