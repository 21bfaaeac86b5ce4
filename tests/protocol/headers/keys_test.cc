// What identifies the flow of a packet, and where its parts are.
#include <gtest/gtest.h>

#include "support/headers_of.h"
#include "support/packet_builder.h"

namespace weir::test {
namespace {

Parsed parse_frame(const std::vector<std::uint8_t>& bytes,
                   LinkType link_type = LinkType::Ethernet) {
  const CapturedFrame frame{link_type, static_cast<std::uint32_t>(bytes.size()), bytes};
  return parse(frame.packet());
}

IpAddress mapped(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};
}

TEST(Keys, Ipv4AddressesAreKeptMapped) {
  const Parsed parsed =
      parse_frame(PacketBuilder().ethernet().ipv4("10.1.2.3", "192.0.2.9").tcp(1234, 80).build());
  EXPECT_EQ(parsed.keys.source, mapped(10, 1, 2, 3));
  EXPECT_EQ(parsed.keys.destination, mapped(192, 0, 2, 9));
  EXPECT_EQ(parsed.keys.source_port, 1234);
  EXPECT_EQ(parsed.keys.destination_port, 80);
  EXPECT_EQ(parsed.keys.ip_protocol, 6);
  EXPECT_EQ(parsed.keys.ip_version, 4);
}

TEST(Keys, Ipv6ProtocolIsTheOneAfterTheExtensionHeaders) {
  const Parsed parsed = parse_frame(PacketBuilder()
                                        .ethernet()
                                        .ipv6("2001:db8::1", "2001:db8::2")
                                        .ipv6_extension(0)
                                        .ipv6_extension(60, 3)
                                        .udp(7, 9)
                                        .build());
  EXPECT_EQ(parsed.keys.ip_protocol, 17);
  EXPECT_EQ(parsed.keys.ip_version, 6);
  EXPECT_EQ(parsed.keys.source.bytes[15], 1);
  EXPECT_EQ(parsed.keys.destination_port, 9);
}

TEST(Keys, ThePacketWithoutIpHasNone) {
  const Parsed parsed = parse_frame(PacketBuilder().ethernet().payload(60).build());
  EXPECT_EQ(parsed.keys.ip_version, 0);
  EXPECT_EQ(parsed.headers.flow_hash, 0u);
  EXPECT_EQ(parsed.headers.network_offset, kNoOffset);
}

TEST(Keys, IcmpRequestAndReplyAreOneFlow) {
  const Parsed request =
      parse_frame(PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").icmp(8).build());
  const Parsed reply =
      parse_frame(PacketBuilder().ethernet().ipv4("10.0.0.2", "10.0.0.1").icmp(0).build());
  EXPECT_EQ(request.keys.source_port, 8);
  EXPECT_EQ(request.keys.destination_port, 0);
  EXPECT_EQ(reply.keys.source_port, request.keys.destination_port);
  EXPECT_EQ(reply.keys.destination_port, request.keys.source_port);
  EXPECT_EQ(request.headers.flow_hash, reply.headers.flow_hash);
}

TEST(Keys, Icmpv6SolicitationAndAdvertisementAreOneFlow) {
  const Parsed request =
      parse_frame(PacketBuilder().ethernet().ipv6("fe80::1", "fe80::2").icmpv6(135).build());
  const Parsed reply =
      parse_frame(PacketBuilder().ethernet().ipv6("fe80::2", "fe80::1").icmpv6(136).build());
  EXPECT_EQ(request.headers.flow_hash, reply.headers.flow_hash);
}

TEST(Keys, IcmpErrorsHaveTypeAndCodeAndTheirOwnAddresses) {
  PacketBuilder builder;
  builder.ethernet().ipv4("10.0.0.9", "10.0.0.1").icmp(3, 13);
  const Parsed parsed = parse_frame(
      builder.bytes(PacketBuilder().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).build()).build());
  EXPECT_EQ(parsed.keys.source, mapped(10, 0, 0, 9));
  EXPECT_EQ(parsed.keys.source_port, 3);
  EXPECT_EQ(parsed.keys.destination_port, 13);
  EXPECT_EQ(parsed.types(), (std::vector{LayerType::Ethernet, LayerType::Ipv4, LayerType::Icmp}));
}

TEST(Keys, AFirstFragmentHasPortsALaterOneNone) {
  const auto first = parse_frame(PacketBuilder()
                                     .ethernet()
                                     .ipv4("10.0.0.1", "10.0.0.2", {.more_fragments = true})
                                     .udp(5, 6)
                                     .payload(16)
                                     .build());
  EXPECT_TRUE(first.headers.fragment);
  EXPECT_TRUE(first.headers.first_fragment);
  EXPECT_EQ(first.keys.destination_port, 6);

  const auto later = parse_frame(PacketBuilder()
                                     .ethernet()
                                     .ipv4("10.0.0.1", "10.0.0.2", {.fragment_offset = 3})
                                     .ip_protocol(17)
                                     .payload(16)
                                     .build());
  EXPECT_TRUE(later.headers.fragment);
  EXPECT_FALSE(later.headers.first_fragment);
  EXPECT_EQ(later.headers.transport_offset, kNoOffset);
  EXPECT_EQ(later.keys.ip_protocol, 17);
  EXPECT_EQ(later.keys.source_port, 0);
  EXPECT_EQ(later.headers.payload_bytes, 16u);
}

TEST(Keys, AHeaderCutBehindItsPortsStillTellsTheFlow) {
  std::vector<std::uint8_t> bytes =
      PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").tcp(5000, 443).build();
  CapturedFrame frame{LinkType::Ethernet, static_cast<std::uint32_t>(bytes.size()), bytes};
  const Parsed whole = parse(frame.packet());
  frame.bytes.resize(14 + 20 + 4);
  const Parsed cut = parse(frame.packet());
  EXPECT_EQ(cut.headers.malformed, MalformedReason::SnappedHeader);
  EXPECT_EQ(cut.headers.transport_offset, kNoOffset);
  EXPECT_EQ(cut.keys.destination_port, 443);
  EXPECT_EQ(cut.headers.flow_hash, whole.headers.flow_hash);
}

TEST(Keys, ThePayloadEndsWhereIpSaysNotWithThePadding) {
  std::vector<std::uint8_t> bytes =
      PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").tcp(1, 2).payload(3).build();
  bytes.resize(64);  // the shortest Ethernet frame and a frame check sequence
  const Parsed parsed = parse_frame(bytes);
  EXPECT_EQ(parsed.headers.network_offset, 14);
  EXPECT_EQ(parsed.headers.transport_offset, 34);
  EXPECT_EQ(parsed.headers.payload_offset, 54);
  EXPECT_EQ(parsed.headers.payload_bytes, 3u);
  EXPECT_EQ(parsed.headers.tcp_flags, 0x10);
}

TEST(Tenant, TheFirstTwoTagsFromOutsideInAreKept) {
  const Parsed parsed = parse_frame(PacketBuilder()
                                        .ethernet()
                                        .vlan(100, 0x88a8)
                                        .vlan(200)
                                        .vlan(300)
                                        .ipv4("10.0.0.1", "10.0.0.2")
                                        .udp(1, 2)
                                        .build());
  EXPECT_EQ(parsed.keys.tenant.vlan, 100);
  EXPECT_EQ(parsed.keys.tenant.inner_vlan, 200);
}

TEST(Tenant, WithoutTagOrTunnelThereIsNone) {
  const Parsed parsed =
      parse_frame(PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).build());
  EXPECT_EQ(parsed.keys.tenant, TenantIdentity{});
}

TEST(Tenant, PriorityBitsAreNoPartOfTheVlan) {
  const Parsed parsed = parse_frame(
      PacketBuilder().ethernet().vlan(0xe005).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).build());
  EXPECT_EQ(parsed.keys.tenant.vlan, 5);
}

TEST(Tenant, TheInnermostNetworkIdentifierCounts) {
  const Parsed parsed = parse_frame(PacketBuilder()
                                        .ethernet()
                                        .ipv4("10.0.0.1", "10.0.0.2")
                                        .udp(1, 6081)
                                        .geneve(7)
                                        .ipv4("10.1.0.1", "10.1.0.2")
                                        .udp(1, 4789)
                                        .vxlan(42)
                                        .ethernet()
                                        .ipv4("10.2.0.1", "10.2.0.2")
                                        .tcp(3, 4)
                                        .build());
  EXPECT_EQ(parsed.keys.tenant.vni, 42u);
  EXPECT_EQ(parsed.keys.source, mapped(10, 2, 0, 1));
  EXPECT_EQ(parsed.headers.tunnel_depth, 2);
}

TEST(Tenant, GatewayLoadBalancerOptionsNameEndpointAndAttachment) {
  const Parsed parsed =
      parse_frame(PacketBuilder()
                      .ethernet()
                      .ipv4("10.0.0.1", "10.0.0.2")
                      .udp(1, 6081)
                      .geneve(0, {0x01, 0x08, 0x03, 0x01, 0xaa, 0xbb, 0xcc, 0xdd,  // flow cookie
                                  0x00, 0x07, 0x01, 0x02, 9,    9,    9,    9,
                                  9,    9,    9,    9,  // another class
                                  0x01, 0x08, 0x02, 0x02, 0x11, 0x12, 0x13, 0x14,
                                  0x15, 0x16, 0x17, 0x18,  // attachment
                                  0x01, 0x08, 0x01, 0x02, 0x01, 0x02, 0x03, 0x04,
                                  0x05, 0x06, 0x07, 0x08})  // endpoint
                      .ipv4("10.1.0.1", "10.1.0.2")
                      .tcp(1, 2)
                      .build());
  EXPECT_EQ(parsed.keys.tenant.gwlb_endpoint, 0x0102030405060708u);
  EXPECT_EQ(parsed.keys.tenant.gwlb_attachment, 0x1112131415161718u);
  EXPECT_EQ(parsed.keys.tenant.vni, 0u);
  EXPECT_EQ(parsed.headers.malformed, MalformedReason::None);
}

TEST(InnerFrame, IsTheInnermostFrameOrPacketOfATunnel) {
  PacketBuilder vxlan;
  vxlan.ethernet().ipv4("10.0.0.1", "10.0.0.2").udp(1, 4789).vxlan(1);
  const std::size_t frame_at = vxlan.size();
  const Parsed bridged =
      parse_frame(vxlan.ethernet().vlan(3).ipv4("10.1.0.1", "10.1.0.2").tcp(1, 2).build());
  EXPECT_EQ(bridged.headers.inner_frame_offset, frame_at);
  EXPECT_EQ(bridged.headers.inner_link_type, LinkType::Ethernet);
  EXPECT_EQ(bridged.headers.tunnel_depth, 1);

  PacketBuilder gre;
  gre.ethernet().ipv4("10.0.0.1", "10.0.0.2").gre().mpls(5);
  const std::size_t packet_at = gre.size();
  const Parsed routed = parse_frame(gre.ipv4("10.1.0.1", "10.1.0.2").tcp(1, 2).build());
  EXPECT_EQ(routed.headers.inner_frame_offset, packet_at);
  EXPECT_EQ(routed.headers.inner_link_type, LinkType::Raw);
}

TEST(InnerFrame, TagsLabelsAndSessionsAreNoTunnels) {
  const Parsed parsed = parse_frame(PacketBuilder()
                                        .ethernet()
                                        .vlan(1)
                                        .pppoe_session(2)
                                        .mpls(3)
                                        .ipv4("10.0.0.1", "10.0.0.2")
                                        .tcp(1, 2)
                                        .build());
  EXPECT_EQ(parsed.headers.tunnel_depth, 0);
  EXPECT_EQ(parsed.headers.inner_frame_offset, 0);
  EXPECT_EQ(parsed.headers.inner_link_type, LinkType::Ethernet);
  EXPECT_EQ(parsed.types().back(), LayerType::Tcp);
}

TEST(InnerFrame, ATunnelWhoseInsideCannotBeReadLeavesTheOuterTuple) {
  const Parsed parsed = parse_frame(PacketBuilder()
                                        .ethernet()
                                        .ipv4("10.0.0.1", "10.0.0.2")
                                        .udp(9, 4789)
                                        .vxlan(1)
                                        .payload(6)
                                        .build());
  EXPECT_EQ(parsed.headers.malformed, MalformedReason::TruncatedHeader);
  EXPECT_EQ(parsed.headers.tunnel_depth, 0);
  EXPECT_EQ(parsed.keys.destination_port, 4789);
}

TEST(Tunnels, WhatOnlyUsesTheirPortsIsPlainUdp) {
  constexpr std::uint16_t kPorts[] = {4789, 8472, 6081, 2152, 3544};
  for (const std::uint16_t port : kPorts) {
    SCOPED_TRACE(port);
    const Parsed parsed = parse_frame(PacketBuilder()
                                          .ethernet()
                                          .ipv4("10.0.0.1", "10.0.0.2")
                                          .udp(9, port)
                                          .payload(50, 0xf5)
                                          .build());
    EXPECT_EQ(parsed.types(), (std::vector{LayerType::Ethernet, LayerType::Ipv4, LayerType::Udp}));
    EXPECT_EQ(parsed.headers.malformed, MalformedReason::None);
    EXPECT_EQ(parsed.headers.payload_bytes, 50u);
    EXPECT_EQ(parsed.keys.tenant.vni, TenantIdentity::kNoVni);
  }
}

TEST(Tunnels, UserPacketsOfAMobileNetworkAreFollowed) {
  const Parsed parsed = parse_frame(PacketBuilder()
                                        .ethernet()
                                        .ipv4("10.0.0.1", "10.0.0.2")
                                        .udp(2152, 2152)
                                        .gtp_u(77)
                                        .ipv6("2001:db8::1", "2001:db8::2")
                                        .sctp(11, 12)
                                        .build());
  EXPECT_EQ(parsed.keys.ip_version, 6);
  EXPECT_EQ(parsed.keys.source_port, 11);
  EXPECT_EQ(parsed.headers.inner_link_type, LinkType::Raw);
}

}  // namespace
}  // namespace weir::test
