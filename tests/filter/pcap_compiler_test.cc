#include "filter/pcap_compiler.h"

#include <array>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/prng.h"
#include "filter/program.h"
#include "random_programs.h"
#include "reference.h"

namespace weir::filter {
namespace {

Program program_for(const std::string& expression, LinkType link_type,
                    FamilyOrder order = FamilyOrder::Host) {
  return Program::create(std::get<CbpfProgram>(compile(expression, link_type, order))).value();
}

std::string refusal(const std::string& expression, LinkType link_type) {
  return std::get<Refusal>(compile(expression, link_type)).message;
}

TEST(PcapCompiler, KeepsAsMuchAsWeirTakes) {
  const std::vector<std::uint8_t> frame(60);
  EXPECT_EQ(program_for("not tcp", LinkType::Ethernet).run(frame, 60), kPacketBytesMax);
}

TEST(PcapCompiler, MapsLinkTypesOfFilesAsLibpcapDoes) {
  EXPECT_EQ(link_type_name(LinkType::Ethernet), "EN10MB");
  EXPECT_EQ(link_type_name(LinkType::Raw), "RAW");  // 101 in files, 12 in libpcap
  EXPECT_EQ(link_type_name(LinkType::PppHdlc), "PPP_SERIAL");
  EXPECT_EQ(link_type_name(LinkType::Loop), "LOOP");
  EXPECT_EQ(link_type_name(LinkType{100}), "ATM_RFC1483");  // 11 in libpcap
  EXPECT_EQ(link_type_name(LinkType{104}), "C_HDLC");
  EXPECT_EQ(link_type_name(LinkType::LinuxSll2), "LINUX_SLL2");
  EXPECT_EQ(link_type_name(LinkType{65'535}), "link type 65535");
}

TEST(PcapCompiler, OnALinkTypeWithoutKnownHeadersLengthsCanBeAskedFor) {
  constexpr LinkType kUnassigned{160};
  EXPECT_TRUE(std::holds_alternative<CbpfProgram>(compile("len > 100", kUnassigned)));
  EXPECT_EQ(refusal("tcp", kUnassigned), "DLT 160 link-layer type filtering not implemented");
}

TEST(PcapCompiler, OnALinkTypeOutsideLibpcapsRangeNothingCompiles) {
  EXPECT_TRUE(refusal("len > 100", LinkType{60'000}).starts_with("unknown data link type 60000"));
}

TEST(PcapCompiler, WhatIsNotInTheFrameCannotBeAskedFor) {
  EXPECT_NE(refusal("inbound", LinkType::Ethernet), "");
  EXPECT_NE(refusal("ifindex 1", LinkType::Ethernet), "");
}

// Three systems, three numbers for IPv6 on loopback; a file may come from each of them.
TEST(PcapCompiler, KnowsEveryNumberOfIpv6OnLoopback) {
  std::vector<std::uint8_t> frame(44);
  for (const std::uint8_t family : std::array<std::uint8_t, 3>{24, 28, 30}) {
    frame[0] = family;
    EXPECT_NE(program_for("ip6", LinkType::Null).run(frame, 44), 0u) << int{family};
  }
}

TEST(PcapCompiler, CompilesForTheOtherByteOrder) {
  const std::array<std::uint8_t, 24> big_endian = {0, 0, 0, 2, 0x45};
  EXPECT_NE(program_for("ip", LinkType::Null, FamilyOrder::Swapped).run(big_endian, 24), 0u);
  EXPECT_EQ(program_for("ip", LinkType::Null, FamilyOrder::Host).run(big_endian, 24), 0u);
}

// Expressions with indexed loads, arithmetic, loops and long alternatives, on packets near their
// borders.
TEST(PcapCompiler, ExpressionsMeanWhatTheyMeanToBpfFilter) {
  std::string many_ports = "port 1";
  for (int port = 2; port < 400; port += 7) many_ports += " or port " + std::to_string(port);
  // So many that libpcap needs jumps over jumps: its tests reach only 255 instructions ahead.
  std::string many_hosts = "host 10.0.0.1";
  for (int host = 2; host < 600; ++host)
    many_hosts += " or ip[12:4] = " + std::to_string(host * 7919);
  const std::vector<std::string> expressions = {
      "ip",
      "ip6",
      "tcp port 443 and host 10.0.0.1",
      "udp port 53",
      "tcp[13] & 4 != 0",
      "ip[6:2] & 0x3fff != 0",
      "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420",
      "udp[4:2] > 100 and udp[2:2] != 53",
      "ip6 protochain 6",
      "ip protochain 6",
      "ip6 protochain 58 or ip protochain 17",
      "portrange 50-500",
      "len - 14 > ip[2:2] * 2",
      "ether[len - 1] = 7",
      "ip[ip[8]] = ip[9]",
      "(ip[2:2] - ((ip[0] & 0xf) << 2)) % 7 = 3",
      "ip[9] ^ 6 = 23",
      "ip[8] << 3 > 255 or ip[8] >> 3 = 1",
      "ip[0:4] / ip[8:2] = 5",
      "ip[12:4] % ip[16:2] < 9",
      "-ip[8] & 0xff > 100",
      "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0 and not port 80",
      "vlan and tcp or vlan",
      "mpls",
      "pppoes or ip",
      "greater 60 and less 100",
      "ip and (src net 10 or src net 192.168) and not (dst net 10 or dst net 192.168)",
      "multicast or broadcast",
      "icmp6[icmp6type] = icmp6-echo or icmp[icmptype] = icmp-echo",
      many_ports,
      many_hosts,
      "not (" + many_hosts + ") and tcp"};
  std::vector<Program> programs;
  std::vector<test::ReferenceProgram> references;
  for (const std::string& expression : expressions) {
    const auto compiled = compile(expression, LinkType::Ethernet);
    ASSERT_TRUE(std::holds_alternative<CbpfProgram>(compiled))
        << std::get<Refusal>(compiled).message;
    programs.push_back(Program::create(std::get<CbpfProgram>(compiled)).value());
    references.push_back(test::to_reference(std::get<CbpfProgram>(compiled)));
  }
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    Prng prng(seed);
    const std::vector<std::uint8_t> packet = test::random_packet(prng);
    const auto wire_bytes = static_cast<std::uint32_t>(packet.size() + prng.below(100));
    for (std::size_t i = 0; i < expressions.size(); ++i) {
      ASSERT_EQ(programs[i].run(packet, wire_bytes), references[i].run(packet, wire_bytes))
          << expressions[i] << ", seed " << seed;
    }
  }
}

TEST(PcapCompiler, OnlyProtochainLoops) {
  EXPECT_TRUE(program_for("ip6 protochain 6", LinkType::Ethernet).has_loop());
  EXPECT_FALSE(program_for("tcp port 80 or udp port 53", LinkType::Ethernet).has_loop());
}

// A frame as large as weir takes, all of it extension headers of the least length: the longest loop
// there is.
TEST(PcapCompiler, TheLongestChainOfHeadersIsWalkedToItsEnd) {
  std::vector<std::uint8_t> frame(kPacketBytesMax, 0);
  store_be<std::uint16_t>(&frame[12], 0x86dd);
  frame[14] = 0x60;  // next header 0: hop-by-hop, as in every header that follows, of 8 bytes
  const std::size_t last = 54 + (frame.size() - 54) / 8 * 8 - 8;
  frame[last] = 6;
  const auto compiled = compile("ip6 protochain 6", LinkType::Ethernet);
  const test::ReferenceProgram reference = test::to_reference(std::get<CbpfProgram>(compiled));
  const std::uint32_t expected = reference.run(frame, kPacketBytesMax);
  EXPECT_NE(expected, 0u);
  EXPECT_EQ(program_for("ip6 protochain 6", LinkType::Ethernet).run(frame, kPacketBytesMax),
            expected);
}

}  // namespace
}  // namespace weir::filter
