// What identifies the flow of a packet: the innermost addresses and ports, and the tenant that they
// belong to.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace weir {

// IPv4 addresses are kept mapped (::ffff:a.b.c.d, RFC 4291 2.5.5.2), so that one comparison serves
// both versions.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  friend constexpr bool operator==(const IpAddress&, const IpAddress&) = default;
};

// Different VPCs use the same addresses: VLAN, VNI and GWLB endpoint tell them apart (AWS GENEVE
// option class 0x0108).
struct TenantIdentity {
  static constexpr std::uint16_t kNoVlan = 0xffff;
  static constexpr std::uint32_t kNoVni = 0xffffffff;

  std::uint64_t gwlb_endpoint = 0;     // 0 = none
  std::uint64_t gwlb_attachment = 0;   // 0 = none
  std::uint32_t vni = kNoVni;          // of the innermost VXLAN or GENEVE header
  std::uint16_t vlan = kNoVlan;        // outermost tag, 12 bits
  std::uint16_t inner_vlan = kNoVlan;  // next tag
  friend constexpr bool operator==(const TenantIdentity&, const TenantIdentity&) = default;
};
static_assert(sizeof(TenantIdentity) == 24);

struct alignas(64) PacketKeys {
  IpAddress source;
  IpAddress destination;
  // Host byte order. ICMP and ICMPv6, as Community ID has them: the type and the type that answers
  // it, so that request and reply are one flow; type and code where nothing answers. 0 in fragments
  // without a transport header.
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t ip_protocol = 0;
  std::uint8_t ip_version =
      0;  // 4, 6, or 0: the packet has no IP header and nothing else here means anything
  std::uint16_t reserved = 0;
  TenantIdentity tenant;
};
static_assert(sizeof(PacketKeys) == 64);

}  // namespace weir
