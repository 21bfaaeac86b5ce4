#include "protocol/headers/decoder_table.h"

#include <algorithm>
#include <array>

#include "protocol/headers/arp.h"
#include "protocol/headers/bridge_tags.h"
#include "protocol/headers/cooked.h"
#include "protocol/headers/ethernet.h"
#include "protocol/headers/fddi.h"
#include "protocol/headers/gre.h"
#include "protocol/headers/icmp.h"
#include "protocol/headers/ieee80211.h"
#include "protocol/headers/ipv4.h"
#include "protocol/headers/ipv6.h"
#include "protocol/headers/mpls.h"
#include "protocol/headers/ppp.h"
#include "protocol/headers/transport.h"
#include "protocol/headers/udp_tunnels.h"
#include "protocol/headers/vlan.h"

namespace weir::protocol {
namespace {

struct Row {
  Space space;
  std::uint16_t number;
  Decoder decoder;
};

constexpr std::uint16_t number_of(LinkType type) { return static_cast<std::uint16_t>(type); }

// tcpdump.org/linktypes; IANA: IEEE 802 numbers, PPP numbers, protocol numbers, service names and
// port numbers.
constexpr Row kRows[] = {
    {Space::Link, number_of(LinkType::Null), decode_null},
    {Space::Link, number_of(LinkType::Ethernet), decode_ethernet},
    {Space::Link, number_of(LinkType::Ppp), decode_ppp_link},
    {Space::Link, number_of(LinkType::Fddi), decode_fddi},
    {Space::Link, 12, decode_raw},  // DLT_RAW as most systems number it; files should say 101
    {Space::Link, 14, decode_raw},  // ... and OpenBSD
    {Space::Link, number_of(LinkType::PppHdlc), decode_ppp_link},
    {Space::Link, number_of(LinkType::Raw), decode_raw},
    {Space::Link, number_of(LinkType::Ieee80211), decode_80211},
    {Space::Link, number_of(LinkType::Loop), decode_null},
    {Space::Link, number_of(LinkType::LinuxSll), decode_sll},
    {Space::Link, number_of(LinkType::Ieee80211Radiotap), decode_radiotap},
    {Space::Link, number_of(LinkType::Ipv4), decode_ipv4},
    {Space::Link, number_of(LinkType::Ipv6), decode_ipv6},
    {Space::Link, number_of(LinkType::LinuxSll2), decode_sll2},

    {Space::EtherType, kEtherTypeIpv4, decode_ipv4},
    {Space::EtherType, kEtherTypeArp, decode_arp},
    {Space::EtherType, kEtherTypeTransparentEthernet, decode_transparent_ethernet},
    {Space::EtherType, kEtherTypeVlan, decode_vlan},
    {Space::EtherType, kEtherTypeProviderBackbone, decode_provider_backbone},
    {Space::EtherType, kEtherTypeCiscoMetadata, decode_cisco_metadata},
    {Space::EtherType, kEtherTypeVnTag, decode_vn_tag},
    {Space::EtherType, 0x88a8, decode_vlan},  // 802.1ad
    {Space::EtherType, 0x9100, decode_vlan},  // QinQ before 802.1ad
    {Space::EtherType, 0x9200, decode_vlan},
    {Space::EtherType, 0x9300, decode_vlan},
    {Space::EtherType, kEtherTypeIpv6, decode_ipv6},
    {Space::EtherType, kEtherTypeMpls, decode_mpls},
    {Space::EtherType, 0x8848, decode_mpls},  // upstream-assigned labels (RFC 5332)
    {Space::EtherType, 0x8863, decode_pppoe_discovery},
    {Space::EtherType, 0x8864, decode_pppoe_session},

    {Space::Llc, 0, decode_llc},

    {Space::Ppp, 0x0021, decode_ipv4},
    {Space::Ppp, 0x0057, decode_ipv6},
    {Space::Ppp, 0x0281, decode_mpls},
    {Space::Ppp, 0x0283, decode_mpls},

    {Space::Gre, kGreErspan3, decode_erspan3},
    {Space::Gre, kGrePpp, decode_ppp},
    {Space::Gre, kGreWccp, decode_wccp},
    {Space::Gre, kEtherTypeCiscoMetadata, decode_cisco_metadata_in_gre},
    {Space::Gre, kGreErspan2, decode_erspan2},

    {Space::IpProtocol, 0, decode_ipv6_extension<LayerType::Ipv6HopByHop>},
    {Space::IpProtocol, 1, decode_icmp},
    {Space::IpProtocol, 4, decode_ipv4_in_ip},
    {Space::IpProtocol, kIpProtocolTcp, decode_tcp},
    {Space::IpProtocol, kIpProtocolUdp, decode_udp},
    {Space::IpProtocol, 41, decode_ipv6_in_ip},
    {Space::IpProtocol, 43, decode_ipv6_extension<LayerType::Ipv6Routing>},
    {Space::IpProtocol, 44, decode_ipv6_fragment},
    {Space::IpProtocol, 47, decode_gre},
    {Space::IpProtocol, 50, decode_esp},
    {Space::IpProtocol, 51, decode_authentication_header},
    {Space::IpProtocol, 58, decode_icmpv6},
    {Space::IpProtocol, 60, decode_ipv6_extension<LayerType::Ipv6DestinationOptions>},
    {Space::IpProtocol, 132, decode_sctp},
    {Space::IpProtocol, 135, decode_ipv6_extension<LayerType::Ipv6Mobility>},
    {Space::IpProtocol, 139, decode_ipv6_extension<LayerType::Ipv6Hip>},
    {Space::IpProtocol, 140, decode_ipv6_extension<LayerType::Ipv6Shim6>},

    {Space::UdpDestination, kGtpUPort, decode_gtp_u},
    {Space::UdpDestination, kTeredoPort, decode_teredo},
    {Space::UdpDestination, kVxlanPort, decode_vxlan},
    {Space::UdpDestination, kGenevePort, decode_geneve},
    {Space::UdpDestination, kVxlanOldPort, decode_vxlan},
    {Space::UdpSource, kTeredoPort, decode_teredo},  // a server or relay answers from it
};

static_assert(std::ranges::all_of(kRows, [](const Row& row) {
  const bool udp = row.space == Space::UdpDestination || row.space == Space::UdpSource;
  return !udp || is_tunnel_port(row.number);
}));

// The rows, hashed at compile time into slots with linear probing, at most a third of them full.
constexpr std::size_t kSlots = 256;
static_assert(std::size(kRows) * 3 <= kSlots);

struct Slot {
  std::uint32_t key = 0;  // 0: empty; Space::None has no rows
  Decoder decoder = nullptr;
};

constexpr std::uint32_t key_of(Space space, std::uint16_t number) {
  return (static_cast<std::uint32_t>(space) << 16) | number;
}
constexpr std::size_t slot_of(std::uint32_t key) { return (key * 0x9e3779b1u) >> 24; }
static_assert(kSlots == 256, "slot_of() takes eight bits");

constexpr std::array<Slot, kSlots> hash_rows() {
  std::array<Slot, kSlots> slots{};
  for (const Row& row : kRows) {
    const std::uint32_t key = key_of(row.space, row.number);
    std::size_t slot = slot_of(key);
    while (slots[slot].key != 0) slot = (slot + 1) % kSlots;
    slots[slot] = {key, row.decoder};
  }
  return slots;
}
constexpr std::array<Slot, kSlots> kTable = hash_rows();

Decoder find(Space space, std::uint16_t number) noexcept {
  const std::uint32_t key = key_of(space, number);
  for (std::size_t slot = slot_of(key); kTable[slot].key != 0; slot = (slot + 1) % kSlots) {
    if (kTable[slot].key == key) return kTable[slot].decoder;
  }
  return nullptr;
}

}  // namespace

Decoder find_decoder(Next next) noexcept {
  if (next.space == Space::None) return nullptr;
  const Decoder decoder = find(next.space, next.number);
  if (decoder != nullptr || next.or_else == Space::None) return decoder;
  return find(next.or_else, next.or_else_number);
}

}  // namespace weir::protocol
