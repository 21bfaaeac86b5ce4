#include "protocol/deep/flow_identity.h"

#include <algorithm>

#include "base/bytes.h"
#include "protocol/deep/flow_walk.h"
#include "protocol/deep/word_hash.h"
#include "protocol/headers/flow_hash.h"
#include "protocol/headers/ipv4.h"
#include "protocol/headers/transport.h"

namespace weir::protocol {
namespace {

constexpr std::uint8_t kIpv4 = 4;
constexpr std::uint8_t kIpv6 = 6;
constexpr unsigned kIdentityBits = 48;
constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;

void put_addresses(PacketKeys& keys, const std::uint8_t* ip) noexcept {
  if (keys.ip_version == 4) {
    store_mapped(keys.source, ip + 12);
    store_mapped(keys.destination, ip + 16);
  } else {
    std::copy_n(ip + 8, 16, keys.source.bytes.begin());
    std::copy_n(ip + 24, 16, keys.destination.bytes.begin());
  }
}

}  // namespace

std::uint64_t flow_identity(const FlowKey& key) noexcept {
  std::uint64_t hash = 0;
  for (const std::uint64_t word : words_of(key)) hash = detail::mix(hash ^ word) + kStep;
  return hash >> (64 - kIdentityBits);
}

// On the way inwards: the IP packet that was met last.
struct FlowIdentities::Walk {
  std::uint32_t offset = 0;
  std::uint8_t version = 0;  // 0: none yet
  std::uint32_t transport = kNoOffset;
  std::uint32_t fragment_header = kNoOffset;  // IPv6
  bool gre = false;
  TenantIdentity tenant;                              // as far as here
  std::uint32_t vni_around = TenantIdentity::kNoVni;  // before this IP packet
};

FlowIdentities::FlowIdentities(const Packet& packet, const Headers& headers,
                               const PacketKeys& keys) noexcept {
  if (keys.ip_version == 0) return;
  Walk walk;
  for (std::size_t i = 0; i < headers.layer_count; ++i) {
    const Layer& layer = headers.layers[i];
    const std::uint8_t* const at = packet.data + layer.offset;
    bool fragment = false;
    switch (layer.type) {
      case LayerType::Vlan:
        add_vlan(walk.tenant, at);
        break;
      case LayerType::Ipv4:
      case LayerType::Ipv6:
        if (walk.version != 0) add_carrier(packet, walk, layer.offset);
        walk = {.offset = layer.offset,
                .version = layer.type == LayerType::Ipv4 ? kIpv4 : kIpv6,
                .tenant = walk.tenant,
                .vni_around = walk.tenant.vni};
        fragment = walk.version == 4 && (load_be16(at + 6) & 0x3fff) != 0;
        break;
      case LayerType::Ipv6Fragment:
        walk.fragment_header = layer.offset;
        fragment = (load_be16(at + 2) & 0xfff9) != 0;
        break;
      case LayerType::Gre:
      case LayerType::Erspan:
        walk.gre = true;
        break;
      case LayerType::Geneve:
        walk.tenant.gwlb_endpoint = keys.tenant.gwlb_endpoint;
        walk.tenant.gwlb_attachment = keys.tenant.gwlb_attachment;
        [[fallthrough]];
      case LayerType::Vxlan:
        walk.tenant.vni = load_be24(at + 4);
        break;
      default:
        if (is_transport(layer.type)) walk.transport = layer.offset;
        break;
    }
    if (fragment) {
      add_fragment(packet, walk);
      return;
    }
  }
  if (walk.version != 0) add_innermost(keys);
}

void FlowIdentities::add_carrier(const Packet& packet, const Walk& walk,
                                 std::uint32_t inner_offset) noexcept {
  PacketKeys keys{.ip_version = walk.version, .tenant = walk.tenant};
  // The tenant's number that this carrier announces is that of what it carries.
  keys.tenant.vni = walk.vni_around;
  put_addresses(keys, packet.data + walk.offset);
  if (walk.transport != kNoOffset) {
    keys.ip_protocol = kIpProtocolUdp;
    keys.source_port = load_be16(packet.data + walk.transport);
    keys.destination_port = load_be16(packet.data + walk.transport + 2);
  } else {
    const bool ipv4_inside = (packet.data[inner_offset] >> 4) == 4;
    keys.ip_protocol = walk.gre ? kIpProtocolGre : ipv4_inside ? kIpProtocolIpv4 : kIpProtocolIpv6;
  }
  add(flow_key(keys, false).key);
}

// Source, destination and the number that the datagram has from its sender; of IPv4 its protocol.
void FlowIdentities::add_fragment(const Packet& packet, const Walk& walk) noexcept {
  const std::uint8_t* const ip = packet.data + walk.offset;
  PacketKeys keys{.ip_version = walk.version, .tenant = walk.tenant};
  put_addresses(keys, ip);
  if (walk.version == 4) keys.ip_protocol = ip[9];
  const std::uint32_t number =
      walk.version == 4 ? load_be16(ip + 4) : load_be32(packet.data + walk.fragment_header + 4);
  keys.source_port = static_cast<std::uint16_t>(number >> 16);
  keys.destination_port = static_cast<std::uint16_t>(number);
  FlowKey key = flow_key(keys, true).key;
  key.reserved = 1;  // of no flow
  add(key);
}

void FlowIdentities::add_innermost(const PacketKeys& keys) noexcept {
  if (makes_no_flow(keys.ip_protocol)) return;
  const bool icmp = keys.ip_protocol == kIpProtocolIcmp || keys.ip_protocol == kIpProtocolIcmpv6;
  add(flow_key(keys, icmp && is_one_way_icmp(keys)).key);
}

}  // namespace weir::protocol
