// Link-layer types as pcap and pcapng files number them (tcpdump.org/linktypes.html). Any 16-bit
// value can stand in a file; the names here are the ones whose headers weir parses or writes.
#pragma once

#include <cstdint>

namespace weir {

enum class LinkType : std::uint16_t {
  Null = 0,  // BSD loopback, family in the writer's byte order
  Ethernet = 1,
  Ppp = 9,  // PPP, with or without HDLC framing
  Fddi = 10,
  PppHdlc = 50,
  Raw = 101,  // IPv4 or IPv6 by the version nibble
  Ieee80211 = 105,
  Loop = 108,  // OpenBSD loopback, family in network byte order
  LinuxSll = 113,
  Ieee80211Radiotap = 127,
  Ipv4 = 228,
  Ipv6 = 229,
  LinuxSll2 = 276,
};

}  // namespace weir
