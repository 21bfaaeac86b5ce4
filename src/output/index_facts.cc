#include "output/index_facts.h"

#include <array>

#include "protocol/deep/community_id.h"
#include "protocol/deep/flow_identity.h"
#include "protocol/deep/uid_text.h"
#include "protocol/headers/ethernet.h"
#include "protocol/headers/transport.h"

namespace weir::output {
namespace {

using storage::segment::IndexBuilder;
using storage::segment::protocol_key;
using storage::segment::ProtocolClass;
using storage::segment::tenant_key;
using storage::segment::TenantClass;

constexpr std::uint8_t kSctp = 132;
constexpr std::uint16_t kEtherTypeRarp = 0x8035;
constexpr std::uint16_t kEtherTypeServiceVlan = 0x88a8;
constexpr std::uint16_t kEtherTypeOldQinQ = 0x9100;

std::uint64_t community_id_start(const PacketKeys& keys) noexcept {
  const auto digest = protocol::CommunityIdHasher().digest({.originator = keys.source,
                                                            .responder = keys.destination,
                                                            .originator_port = keys.source_port,
                                                            .responder_port = keys.destination_port,
                                                            .ip_protocol = keys.ip_protocol,
                                                            .ip_version = keys.ip_version});
  return load_be64(digest.data()) >> 24;
}

void add_flow(const Packet& packet, const Headers& headers, const PacketKeys& keys,
              IndexBuilder& builder, std::span<const protocol::Uid> uids) noexcept {
  if (keys.ip_version != 0) builder.add_community_id(community_id_start(keys));
  if (uids.empty()) return;
  const protocol::FlowIdentities identities(packet, headers, keys);
  for (std::size_t i = 0; i < uids.size(); ++i) {
    if (uids[i].empty()) continue;
    builder.add_uid(storage::segment::uid_key(protocol::start_of(uids[i]), identities.of_flow(i)));
  }
}

// Nothing for protocols whose ports have no class.
void add_ports(std::uint8_t ip_protocol, std::uint16_t source, std::uint16_t destination,
               IndexBuilder& builder) noexcept {
  const ProtocolClass which = ip_protocol == protocol::kIpProtocolTcp   ? ProtocolClass::TcpPort
                              : ip_protocol == protocol::kIpProtocolUdp ? ProtocolClass::UdpPort
                                                                        : ProtocolClass::SctpPort;
  builder.add_protocol(protocol_key(which, source));
  builder.add_protocol(protocol_key(which, destination));
}

// Where the walk over a packet's layers leaves what it finds: keys, ...
class Keys {
 public:
  explicit Keys(IndexBuilder& builder) noexcept : builder_(builder) {}
  void ipv4(const std::uint8_t* address) noexcept { builder_.add_ipv4(load_be32(address)); }
  void ipv6(const std::uint8_t* address) noexcept { builder_.add_ipv6(address); }
  void protocol(std::uint32_t key) noexcept { builder_.add_protocol(key); }
  void tenant(std::uint64_t key) noexcept { builder_.add_tenant(key); }

 private:
  IndexBuilder& builder_;
};

// ... or a hash that covers all of them, in their order. So no key can be without its part in the
// hash. A sum of products, which need not wait for each other.
class Hash {
 public:
  Hash(std::uint64_t word_secret, std::uint64_t place_secret) noexcept
      : word_secret_(word_secret), place_(place_secret) {}
  void ipv4(const std::uint8_t* address) noexcept { mix(load_be32(address)); }
  void ipv6(const std::uint8_t* address) noexcept {
    mix(load_le64(address));
    mix(load_le64(address + 8));
  }
  void protocol(std::uint32_t key) noexcept { mix(key | std::uint64_t{1} << 32); }
  void tenant(std::uint64_t key) noexcept { mix(key); }
  void mix(std::uint64_t word) noexcept {
    place_ += 0xd6e8feb86659fd93;
    const Uint128 product = static_cast<Uint128>(word ^ word_secret_) * place_;
    sum_ += static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return sum_; }

 private:
  std::uint64_t word_secret_;
  std::uint64_t place_;
  std::uint64_t sum_ = 0;
};

// The bytes of a packet from a header of its on.
class Rest {
 public:
  Rest(const Packet& packet, std::uint32_t offset) noexcept
      : at_(packet.data + offset), bytes_(packet.captured_bytes - offset) {}
  [[nodiscard]] bool has(std::uint32_t bytes) const noexcept { return bytes <= bytes_; }
  [[nodiscard]] const std::uint8_t* at(std::uint32_t offset) const noexcept { return at_ + offset; }
  [[nodiscard]] Rest behind(std::uint32_t bytes) const noexcept {
    return {at_ + bytes, bytes_ - bytes};
  }

 private:
  Rest(const std::uint8_t* at, std::uint32_t bytes) noexcept : at_(at), bytes_(bytes) {}
  const std::uint8_t* at_;
  std::uint32_t bytes_;
};

// The protocol that an IP or extension header names.
std::uint8_t next_protocol(LayerType type, const std::uint8_t* header) noexcept {
  switch (type) {
    case LayerType::Ipv4:
      return header[9];
    case LayerType::Ipv6:
      return header[6];
    default:
      return header[0];
  }
}

bool names_next_protocol(LayerType type) noexcept {
  switch (type) {
    case LayerType::Ipv4:
    case LayerType::Ipv6:
    case LayerType::Ipv6HopByHop:
    case LayerType::Ipv6Routing:
    case LayerType::Ipv6Fragment:
    case LayerType::Ipv6DestinationOptions:
    case LayerType::Ipv6Mobility:
    case LayerType::Ipv6Hip:
    case LayerType::Ipv6Shim6:
    case LayerType::AuthenticationHeader:
      return true;
    default:
      return false;
  }
}

// As far as they are there.
template <typename Facts>
void find_ports(ProtocolClass which, const Rest& transport, Facts& facts) noexcept {
  if (transport.has(2)) facts.protocol(protocol_key(which, load_be16(transport.at(0))));
  if (transport.has(4)) facts.protocol(protocol_key(which, load_be16(transport.at(2))));
}

// Where filters look for addresses, whatever the header states: behind hardware addresses of six
// bytes.
template <typename Facts>
void find_arp_ends(const Rest& arp, Facts& facts) noexcept {
  if (arp.has(18)) facts.ipv4(arp.at(14));
  if (arp.has(28)) facts.ipv4(arp.at(24));
}

// By the lengths that the header states, and where filters look.
template <typename Facts>
void find_arp(const Rest& arp, Facts& facts) noexcept {
  facts.protocol(protocol_key(ProtocolClass::Network, protocol::kEtherTypeArp));
  const std::uint32_t hardware_bytes = *arp.at(4);
  const std::uint32_t protocol_bytes = *arp.at(5);
  if (protocol_bytes == 4) {
    facts.ipv4(arp.at(8 + hardware_bytes));
    facts.ipv4(arp.at(8 + 2 * hardware_bytes + 4));
  }
  if (protocol_bytes == 4 && hardware_bytes == 6) return;
  find_arp_ends(arp, facts);
}

template <typename Facts>
void find_in_layer(LayerType type, const Rest& header, Facts& facts) noexcept {
  switch (type) {
    case LayerType::Ipv4:
      facts.protocol(protocol_key(ProtocolClass::Network, protocol::kEtherTypeIpv4));
      facts.ipv4(header.at(12));
      facts.ipv4(header.at(16));
      break;
    case LayerType::Ipv6:
      facts.protocol(protocol_key(ProtocolClass::Network, protocol::kEtherTypeIpv6));
      facts.ipv6(header.at(8));
      facts.ipv6(header.at(24));
      break;
    case LayerType::Arp:
      find_arp(header, facts);
      break;
    case LayerType::Tcp:
      find_ports(ProtocolClass::TcpPort, header, facts);
      break;
    case LayerType::Udp:
      find_ports(ProtocolClass::UdpPort, header, facts);
      break;
    case LayerType::Sctp:
      find_ports(ProtocolClass::SctpPort, header, facts);
      break;
    case LayerType::Vlan:
      facts.tenant(tenant_key(TenantClass::Vlan, load_be16(header.at(0)) & 0x0fffu));
      break;
    case LayerType::Vxlan:
    case LayerType::Geneve:
      facts.tenant(tenant_key(TenantClass::Vni, load_be24(header.at(4))));
      break;
    default:
      break;
  }
  if (names_next_protocol(type)) {
    facts.protocol(protocol_key(ProtocolClass::IpProtocol, next_protocol(type, header.at(0))));
  }
}

// What follows are headers that the parser did not take, cut or contradicting themselves. Filters
// look for their fields at fixed places, whatever the headers say, as far as the bytes are there.

template <typename Facts>
void find_ports_behind_ip(std::uint8_t ip_protocol, const Rest& transport, Facts& facts) noexcept {
  switch (ip_protocol) {
    case protocol::kIpProtocolTcp:
      return find_ports(ProtocolClass::TcpPort, transport, facts);
    case protocol::kIpProtocolUdp:
      return find_ports(ProtocolClass::UdpPort, transport, facts);
    case kSctp:
      return find_ports(ProtocolClass::SctpPort, transport, facts);
    default:
      return;
  }
}

// Of a later fragment nobody takes the first bytes for ports.
bool is_later_fragment(const std::uint8_t* ipv4) noexcept {
  return (load_be16(ipv4 + 6) & 0x1fffu) != 0;
}

template <typename Facts>
void find_unparsed_ipv4(const Rest& ip, Facts& facts) noexcept {
  facts.protocol(protocol_key(ProtocolClass::Network, protocol::kEtherTypeIpv4));
  if (!ip.has(10)) return;
  const std::uint8_t ip_protocol = *ip.at(9);
  facts.protocol(protocol_key(ProtocolClass::IpProtocol, ip_protocol));
  if (ip.has(16)) facts.ipv4(ip.at(12));
  if (ip.has(20)) facts.ipv4(ip.at(16));
  const std::uint32_t header_bytes = (*ip.at(0) & 0x0fu) * 4;
  if (is_later_fragment(ip.at(0)) || !ip.has(header_bytes)) return;
  find_ports_behind_ip(ip_protocol, ip.behind(header_bytes), facts);
}

// Filters look into a fragment header for the protocol, and no further.
template <typename Facts>
void find_behind_ipv6(std::uint8_t next_header, const Rest& behind, Facts& facts) noexcept {
  constexpr std::uint8_t kFragment = 44;
  if (next_header == kFragment && behind.has(1)) {
    facts.protocol(protocol_key(ProtocolClass::IpProtocol, *behind.at(0)));
  }
  find_ports_behind_ip(next_header, behind, facts);
}

// False: a part of an address is there, which is enough for a net.
template <typename Facts>
bool find_unparsed_ipv6(const Rest& ip, Facts& facts) noexcept {
  facts.protocol(protocol_key(ProtocolClass::Network, protocol::kEtherTypeIpv6));
  if (!ip.has(7)) return true;
  facts.protocol(protocol_key(ProtocolClass::IpProtocol, *ip.at(6)));
  if (!ip.has(40)) return !ip.has(9);
  facts.ipv6(ip.at(8));
  facts.ipv6(ip.at(24));
  find_behind_ipv6(*ip.at(6), ip.behind(40), facts);
  return true;
}

// False: filters may see more than that.
template <typename Facts>
bool find_by_ethertype(std::uint16_t type, const Rest& behind, Facts& facts) noexcept {
  switch (type) {
    case protocol::kEtherTypeIpv4:
      find_unparsed_ipv4(behind, facts);
      return true;
    case protocol::kEtherTypeIpv6:
      return find_unparsed_ipv6(behind, facts);
    case protocol::kEtherTypeArp:
      facts.protocol(protocol_key(ProtocolClass::Network, protocol::kEtherTypeArp));
      find_arp_ends(behind, facts);
      return true;
    case kEtherTypeRarp:  // hosts are looked for in it too
      find_arp_ends(behind, facts);
      return true;
    case protocol::kEtherTypeVlan:
    case kEtherTypeServiceVlan:
    case kEtherTypeOldQinQ:
      return false;  // the tag is cut, and "vlan" alone does not look at it
    default:
      return true;
  }
}

// What filters see behind the last header that was parsed. False: that may be more than was found.
template <typename Facts>
bool find_behind_last(const Packet& packet, const Headers& headers, Facts& facts) noexcept {
  const bool sound = headers.malformed == MalformedReason::None;
  if (headers.layer_count == 0) {
    return packet.link_type == LinkType::Ethernet && packet.captured_bytes < 14;
  }
  const Layer& last = headers.layers[headers.layer_count - 1];
  const std::uint8_t* const header = packet.data + last.offset;
  const Rest behind(packet, headers.payload_offset);
  switch (last.type) {
    case LayerType::Ethernet:
      return find_by_ethertype(load_be16(header + 12), behind, facts);
    case LayerType::Vlan:
      return find_by_ethertype(load_be16(header + 2), behind, facts);
    case LayerType::LinuxSll:
      return find_by_ethertype(load_be16(header + 14), behind, facts);
    case LayerType::LinuxSll2:
      return find_by_ethertype(load_be16(header), behind, facts);
    case LayerType::Snap:
      return find_by_ethertype(load_be16(header + 3), behind, facts);
    case LayerType::Ipv4:
      if (!is_later_fragment(header)) find_ports_behind_ip(header[9], behind, facts);
      return true;
    case LayerType::Ipv6:
      find_behind_ipv6(header[6], behind, facts);
      return true;
    case LayerType::Ieee80211:  // data: encrypted, or in parts
      return sound && (header[0] >> 2 & 3) != 2;
    case LayerType::Llc:  // of FDDI, filters look at the type of SNAP without a look at SNAP
      return packet.link_type == LinkType::Ethernet;
    case LayerType::Fddi:
    case LayerType::Null:
      return false;
    case LayerType::Ppp:
    case LayerType::Radiotap:
    case LayerType::ProviderBackbone:
    case LayerType::CiscoMetadata:
    case LayerType::VnTag:
    case LayerType::Mpls:
    case LayerType::PppoeDiscovery:
    case LayerType::PppoeSession:
      return sound;
    default:
      return true;  // filters look no deeper than the ports of the frame, or of that in the tunnel
  }
}

// Filters take it for granted that PPP has its address and control bytes.
bool has_unusual_ppp(const Packet& packet) noexcept {
  if (packet.link_type != LinkType::Ppp && packet.link_type != LinkType::PppHdlc) return false;
  return packet.captured_bytes > 0 && packet.data[0] != 0xff;
}

// Everything that the packet is found by, but for its flow. False: filters may find it by more.
template <typename Facts>
bool find_all(const Packet& packet, const Headers& headers, const PacketKeys& keys,
              Facts& facts) noexcept {
  for (std::size_t i = 0; i < headers.layer_count; ++i) {
    const Layer& layer = headers.layers[i];
    find_in_layer(layer.type, Rest(packet, layer.offset), facts);
  }
  const TenantIdentity& tenant = keys.tenant;
  if (tenant.gwlb_endpoint != 0) {
    facts.tenant(tenant_key(TenantClass::GwlbEndpoint, tenant.gwlb_endpoint));
  }
  if (tenant.gwlb_attachment != 0) {
    facts.tenant(tenant_key(TenantClass::GwlbAttachment, tenant.gwlb_attachment));
  }
  return find_behind_last(packet, headers, facts) && !has_unusual_ppp(packet);
}

}  // namespace

IndexFacts::IndexFacts(std::uint64_t seed) noexcept {
  Prng random(seed);
  for (std::uint64_t& secret : secrets_) secret = random.next();
}

void IndexFacts::add_new(const Packet& packet, const Headers& headers, const PacketKeys& keys,
                         Builder& builder, std::span<const protocol::Uid> uids) noexcept {
  add_flow(packet, headers, keys, builder, uids);
  if (headers.tunnel_depth != 0) {
    Keys found(builder);
    (void)find_all(packet, headers, keys, found);
    return;
  }
  if (keys.ip_version == 4) {
    builder.add_ipv4(load_be32(keys.source.bytes.data() + 12));
    builder.add_ipv4(load_be32(keys.destination.bytes.data() + 12));
    builder.add_protocol(protocol_key(ProtocolClass::Network, protocol::kEtherTypeIpv4));
  } else {
    builder.add_ipv6(keys.source.bytes.data());
    builder.add_ipv6(keys.destination.bytes.data());
    builder.add_protocol(protocol_key(ProtocolClass::Network, protocol::kEtherTypeIpv6));
  }
  builder.add_protocol(protocol_key(ProtocolClass::IpProtocol, keys.ip_protocol));
  add_ports(keys.ip_protocol, keys.source_port, keys.destination_port, builder);
  for (const std::uint16_t vlan : {keys.tenant.vlan, keys.tenant.inner_vlan}) {
    if (vlan == TenantIdentity::kNoVlan) break;
    builder.add_tenant(tenant_key(TenantClass::Vlan, vlan));
  }
}

void IndexFacts::note_unusual(const Packet& packet, const Headers& headers, const PacketKeys& keys,
                              Builder& builder,
                              std::span<const protocol::Uid> uids) const noexcept {
  Hash hash(secrets_[0], secrets_[1]);
  if (!find_all(packet, headers, keys, hash)) builder.mark_opaque();
  if (keys.ip_version != 0) {
    // What the Community ID takes beyond the headers' own keys.
    hash.mix(std::uint64_t{keys.source_port} << 32 | std::uint64_t{keys.destination_port} << 16 |
             std::uint64_t{keys.ip_protocol} << 8 | keys.ip_version);
  }
  // Tunnels in fragments in tunnels, and so on.
  if (uids.size() > storage::segment::kKeysOfFactSetMax) {
    builder.leave_out_uids();
    uids = uids.first(storage::segment::kKeysOfFactSetMax);
  }
  // Datagrams of one flow have identities of their own, as long as they are in fragments.
  if (!uids.empty()) {
    const protocol::FlowIdentities identities(packet, headers, keys);
    hash.mix(identities.of_flow(uids.size()));
  }
  const std::uint64_t value = with_uids(hash.value(), uids);
  if (!builder.add(value)) return;
  Keys found(builder);
  (void)find_all(packet, headers, keys, found);
  add_flow(packet, headers, keys, builder, uids);
}

}  // namespace weir::output
