// Filters as people type them, and frames that they tell apart.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/prng.h"
#include "support/packet_builder.h"

namespace weir::test {

inline constexpr std::array kTypicalFilters = {
    "tcp port 443",
    "udp",
    "host 10.0.0.1",
    "src net 10.0.0.0/8 and not dst net 192.168.0.0/16",
    "udp portrange 50-60",
    "vlan 100 and udp",
    "vlan and tcp port 443",
    "vlan 10 and vlan 20",
    "vlan 100 or tcp port 443",
    "ip6",
    "ip6 host 2001:db8::1 and tcp",
    "arp",
    "tcp[tcpflags] & tcp-syn != 0",
    "greater 200",
    "less 64",
    "len = 104",
    "ether host 02:00:00:00:00:01",
    "ether[6] & 1 = 0 and ether broadcast",
    "ether proto 0x88a8",
    "ether[12:4] = 0x81000064",
    "ip[8] < 5",
    "icmp6 or icmp",
    "mpls 16 and ip",
    "port 22 or port 25 or port 53 or port 80 or port 110 or port 143 or port 443 or port 993 or "
    "port 8080",
    "not (tcp or udp)",
    "ip6 protochain 17",
};

// A frame that many of them know, with up to two tags.
inline std::vector<std::uint8_t> typical_frame(Prng& prng) {
  constexpr std::array<std::uint16_t, 8> kPorts = {443, 53, 55, 22, 80, 8080, 1024, 50000};
  constexpr std::array<std::uint16_t, 4> kVlans = {100, 10, 20, 4095};
  constexpr std::array kHosts = {"10.0.0.1", "10.9.8.7", "192.168.0.9", "192.0.2.1"};
  const auto port = [&] { return kPorts[prng.below(kPorts.size())]; };
  const auto host = [&] { return kHosts[prng.below(kHosts.size())]; };

  if (prng.chance(1, 20)) {
    std::vector<std::uint8_t> arp(60);
    store_be<std::uint16_t>(&arp[12], 0x0806);
    return arp;
  }
  PacketBuilder packet;
  packet.ethernet();
  for (std::uint64_t tags = prng.below(3); tags > 0; --tags) {
    packet.vlan(kVlans[prng.below(kVlans.size())], prng.chance(1, 3) ? 0x88a8 : 0x8100);
  }
  if (prng.chance(1, 8)) packet.mpls(16);
  const bool version_6 = prng.chance(1, 3);
  if (version_6) {
    packet.ipv6(prng.chance(1, 2) ? "2001:db8::1" : "2001:db8::2", "2001:db8::3");
    if (prng.chance(1, 4)) packet.ipv6_extension(0);
  } else {
    packet.ipv4(host(), host(), {.ttl = static_cast<std::uint8_t>(prng.below(10)), .options = {}});
  }
  const std::uint64_t transport = prng.below(5);
  if (transport < 2) {
    packet.tcp(port(), port(),
               {.flags = prng.chance(1, 2) ? std::uint8_t{2} : std::uint8_t{16}, .options = {}});
  } else if (transport < 4) {
    packet.udp(port(), port());
  } else {
    version_6 ? packet.icmpv6(128) : packet.icmp(8);
  }
  packet.payload(prng.below(prng.chance(1, 2) ? 20 : 300));
  std::vector<std::uint8_t> frame = packet.build();
  frame[11] = static_cast<std::uint8_t>(1 + prng.below(2));                  // two senders
  if (prng.chance(1, 5)) std::fill_n(frame.begin(), 6, std::uint8_t{0xff});  // broadcast
  return frame;
}

}  // namespace weir::test
