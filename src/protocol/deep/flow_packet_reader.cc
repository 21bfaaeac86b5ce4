#include "protocol/deep/flow_packet_reader.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "protocol/deep/checksum.h"
#include "protocol/deep/flow_walk.h"
#include "protocol/deep/key_hash.h"
#include "protocol/headers/decoder_table.h"
#include "protocol/headers/flow_hash.h"
#include "protocol/headers/ipv4.h"
#include "protocol/headers/parse_batch.h"
#include "protocol/headers/transport.h"
#include "protocol/headers/udp_tunnels.h"

namespace weir::protocol {
namespace {

constexpr std::uint32_t kUdpHeaderBytes = 8;
constexpr std::uint32_t kIcmpHeaderBytes = 8;
constexpr std::uint32_t kTcpHeaderBytes = 20;
constexpr std::uint32_t kIpv4HeaderBytes = 20;
constexpr std::uint32_t kIpv6HeaderBytes = 40;

// Files may say anything: 73 years around 1970, so that sums with timeouts don't overflow.
constexpr Timestamp kTimeMax = {std::int64_t{1} << 61};
constexpr Timestamp kTimeMin = {-(std::int64_t{1} << 61)};

// A datagram whose fragments were in fragments themselves, and so on: deeper than any network.
constexpr unsigned kFragmentDepthMax = 4;
// Each IP layer makes at most one flow packet and one notice.
constexpr std::size_t kFlowPacketsMax =
    kBatchPacketsMax * 2 * kLayersMax * (kFragmentDepthMax + 1) / 4;

TunnelType tunnel_of(LayerType type) noexcept {
  switch (type) {
    case LayerType::Gre:
    case LayerType::Erspan:
      return TunnelType::Gre;
    case LayerType::Vxlan:
      return TunnelType::Vxlan;
    case LayerType::Geneve:
      return TunnelType::Geneve;
    case LayerType::GtpU:
      return TunnelType::Gtpv1;
    case LayerType::Teredo:
      return TunnelType::Teredo;
    default:
      return TunnelType::None;
  }
}

// Whatever is inside, or whether it can be read: flows of these ports are kept with the carriers,
// so that each is one flow.
bool is_tunnel_flow(const PacketKeys& keys) noexcept {
  return keys.ip_protocol == kIpProtocolUdp &&
         (is_tunnel_port(keys.source_port) || is_tunnel_port(keys.destination_port));
}

// What the packet itself does not say of its tenant, the packet around it may.
TenantIdentity within(const TenantIdentity& around, TenantIdentity own) noexcept {
  if (around.vlan != TenantIdentity::kNoVlan) {
    if (around.inner_vlan == TenantIdentity::kNoVlan) {
      own.inner_vlan = own.vlan;
      own.vlan = around.vlan;
    } else {
      own.vlan = around.vlan;
      own.inner_vlan = around.inner_vlan;
    }
  }
  if (own.vni == TenantIdentity::kNoVni) own.vni = around.vni;
  if (own.gwlb_endpoint == 0) own.gwlb_endpoint = around.gwlb_endpoint;
  if (own.gwlb_attachment == 0) own.gwlb_attachment = around.gwlb_attachment;
  return own;
}

FlowKind kind_of(std::uint8_t ip_protocol) noexcept {
  switch (ip_protocol) {
    case kIpProtocolTcp:
      return FlowKind::Tcp;
    case kIpProtocolUdp:
      return FlowKind::Udp;
    case kIpProtocolIcmp:
    case kIpProtocolIcmpv6:
      return FlowKind::Icmp;
    default:
      return FlowKind::Other;
  }
}

// Strangers fill the table of fragments too.
DefragmenterOptions with_secret(DefragmenterOptions options) {
  if (options.seed == 0) options.seed = random_hash_secret().words[0];
  return options;
}

}  // namespace

// The frame, or the packet that was put together, whose layers are read.
struct FlowPacketReader::Layers {
  Bytes frame;
  std::uint32_t wire_bytes;
  const Headers& headers;
  const PacketKeys& keys;
  TenantIdentity around;
};

struct FlowPacketReader::Found {
  std::uint32_t offset = 0;    // of the IP header
  std::uint32_t ip_bytes = 0;  // by its own account
  std::uint8_t version = 0;
  bool fragment = false;
  bool rerouted = false;  // a routing header: the destination is not the one of the checksum
  std::uint32_t transport = kNoOffset;
  TunnelType tunnel = TunnelType::None;
  TenantIdentity tenant;  // as far as here

  [[nodiscard]] std::uint32_t end() const noexcept { return offset + ip_bytes; }
};

FlowPacketReader::FlowPacketReader(const FlowReaderOptions& options)
    : checksums_(options.checksums),
      defragmenter_(with_secret(options.fragments)),
      clock_{std::numeric_limits<std::int64_t>::min()},
      whole_(std::make_unique<PacketBatch>()),
      whole_headers_(std::make_unique<HeadersArray>()),
      whole_keys_(std::make_unique<KeysArray>()) {
  out_.reserve(kFlowPacketsMax);
  notices_.reserve(kWeirdCount * kLayersMax);
}

std::span<FlowPacket> FlowPacketReader::read(const PacketBatch& batch, const HeadersArray& headers,
                                             const KeysArray& keys, const Verdicts& verdicts,
                                             SessionMask session, FlowUids* uids) {
  out_.clear();
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    if (uids != nullptr) uids->begin(i, out_.size());
    if ((verdicts.wanted[i] & session) == 0) continue;
    const Packet& packet = batch.packets[i];
    if (packet.has_time) {
      time_ = std::clamp(packet.time, kTimeMin, kTimeMax);
      clock_ = std::max(clock_, time_);
    } else {
      // It came after the ones before: that is all that is known.
      clock_ = std::max(clock_, Timestamp{0});
      time_ = clock_;
    }
    if (ordinal_ == 0) first_ = clock_;
    ++ordinal_;
    if (keys[i].ip_version == 0) continue;
    if (is_usual(headers[i])) {
      read_usual(packet, headers[i], keys[i]);
      continue;
    }
    read_packet(packet.frame(), std::max(packet.wire_bytes, packet.captured_bytes), headers[i],
                keys[i], {}, 0);
    // What carries something that is no flow, or is not whole yet, carries nothing to follow.
    if (!out_.empty()) out_.back().carries_next = false;
    tell_notices();
  }
  if (uids != nullptr) {
    uids->end(batch.count, out_.size());
    for (FlowPacket& found : out_) found.store_ref = uids->store_ref();
  }
  return out_;
}

// The way of most packets: one IP header, whole, and a transport header behind it.
bool FlowPacketReader::is_usual(const Headers& headers) noexcept {
  return headers.malformed == MalformedReason::None && headers.tunnel_depth == 0 &&
         !headers.fragment && headers.transport_offset != kNoOffset;
}

void FlowPacketReader::read_usual(const Packet& packet, const Headers& headers,
                                  const PacketKeys& keys) {
  const Layers layers{
      packet.frame(), std::max(packet.wire_bytes, packet.captured_bytes), headers, keys, {}};
  const LayerType network = keys.ip_version == 4 ? LayerType::Ipv4 : LayerType::Ipv6;
  Found found{.tenant = keys.tenant};
  const Layer ip{.type = network, .reserved = 0, .offset = headers.network_offset};
  if (begin_ip(layers, ip, found)) {
    found.transport = headers.transport_offset;
    for (std::size_t i = 0; i < headers.layer_count && network == LayerType::Ipv6; ++i) {
      if (headers.layers[i].type == LayerType::Ipv6Routing) found.rerouted = true;
    }
    add_innermost(layers, found);
  }
  tell_notices();
}

void FlowPacketReader::tell_notices() {
  if (notices_.empty()) return;
  out_.insert(out_.end(), notices_.begin(), notices_.end());
  notices_.clear();
}

void FlowPacketReader::read_packet(Bytes frame, std::uint32_t wire_bytes, const Headers& headers,
                                   const PacketKeys& keys, const TenantIdentity& around,
                                   unsigned depth) {
  const Layers layers{frame, wire_bytes, headers, keys, around};
  Found found{.tenant = around};
  bool inside = false;
  for (std::size_t i = 0; i < headers.layer_count; ++i) {
    const Layer& layer = headers.layers[i];
    if (layer.type == LayerType::Vlan) {
      add_vlan(found.tenant, frame.data() + layer.offset);
    } else if (layer.type == LayerType::Ipv4 || layer.type == LayerType::Ipv6) {
      if (inside) add_carrier(layers, found, layer.offset);
      if (!begin_ip(layers, layer, found)) return;
      inside = true;
    } else if (layer.type == LayerType::Ipv6Fragment) {
      found.fragment = (load_be16(frame.data() + layer.offset + 2) & 0xfff9) != 0;
    } else if (layer.type == LayerType::Ipv6Routing) {
      found.rerouted = true;
    } else if (is_transport(layer.type)) {
      found.transport = layer.offset;
    } else if (const TunnelType tunnel = tunnel_of(layer.type); tunnel != TunnelType::None) {
      found.tunnel = tunnel;
      if (tunnel == TunnelType::Vxlan || tunnel == TunnelType::Geneve) {
        found.tenant.vni = load_be24(frame.data() + layer.offset + 4);
      }
      if (tunnel == TunnelType::Geneve) {
        found.tenant.gwlb_endpoint = keys.tenant.gwlb_endpoint;
        found.tenant.gwlb_attachment = keys.tenant.gwlb_attachment;
      }
    }
    if (found.fragment) return read_fragment(layers, found, depth);
  }
  if (inside) add_innermost(layers, found);
}

// False: the packet is none whose lengths can be believed.
bool FlowPacketReader::begin_ip(const Layers& layers, const Layer& layer, Found& found) {
  const std::uint8_t* const at = layers.frame.data() + layer.offset;
  const bool ipv4 = layer.type == LayerType::Ipv4;
  const TenantIdentity tenant = found.tenant;
  found = Found{.offset = layer.offset, .tenant = tenant};
  found.version = ipv4 ? 4 : 6;
  found.ip_bytes = ipv4 ? load_be16(at + 2) : load_be16(at + 4) + kIpv6HeaderBytes;
  // What segmentation offload leaves in packets longer than the field can say.
  const bool unknown = ipv4 ? found.ip_bytes == 0 : found.ip_bytes == kIpv6HeaderBytes;
  const std::uint32_t there = layers.wire_bytes - layer.offset;
  if (unknown && (ipv4 || there > 0xffff)) found.ip_bytes = there;
  if (found.ip_bytes > there) {
    add_weird(layers, found, Weird::TruncatedIpLen);
    return false;
  }
  if (!ipv4) return true;
  const std::uint32_t header_bytes = (at[0] & 0x0fu) * 4;
  if (checksums_ == ChecksumMode::Verify &&
      !ipv4_header_checksum_ok(layers.frame.subspan(layer.offset, header_bytes))) {
    add_weird(layers, found, Weird::BadIpChecksum);
    return false;
  }
  found.fragment = (load_be16(at + 6) & 0x3fff) != 0;
  return true;
}

void FlowPacketReader::read_fragment(const Layers& layers, const Found& found, unsigned depth) {
  const Bytes captured = layers.frame.subspan(found.offset);
  const Defragmenter::Outcome outcome =
      defragmenter_.take({.captured = captured,
                          .wire_bytes = layers.wire_bytes - found.offset,
                          .tenant = found.tenant,
                          .now = clock_});
  for (std::uint64_t bits = outcome.weirds.bits(); bits != 0; bits &= bits - 1) {
    add_weird(layers, found, static_cast<Weird>(std::countr_zero(bits)));
  }
  if (outcome.fate != FragmentFate::Complete || depth == kFragmentDepthMax) return;

  const auto bytes = static_cast<std::uint32_t>(outcome.packet.size());
  whole_->count = 1;
  whole_->packets[0] = {.data = outcome.packet.data(),
                        .captured_bytes = bytes,
                        .wire_bytes = bytes,
                        .link_type = LinkType::Raw};
  parse_batch(*whole_, *whole_headers_, *whole_keys_);
  // Copies: a fragment inside would use the same place for its whole.
  const Headers headers = (*whole_headers_)[0];
  const PacketKeys keys = (*whole_keys_)[0];
  if (keys.ip_version != 0) {
    read_packet(outcome.packet, bytes, headers, keys, found.tenant, depth + 1);
  }
}

// A flow or tunnel that carries the IP packet at `inner_offset`.
void FlowPacketReader::add_carrier(const Layers& layers, const Found& found,
                                   std::uint32_t inner_offset) {
  const std::uint8_t* const at = layers.frame.data() + found.offset;
  PacketKeys keys{.ip_version = found.version, .tenant = found.tenant};
  // The tenant's number that this carrier announces is that of what it carries.
  keys.tenant.vni = layers.around.vni;
  for (std::size_t i = 0; i < layers.headers.layer_count; ++i) {
    const Layer& layer = layers.headers.layers[i];
    if (layer.offset >= found.offset) break;
    if (layer.type == LayerType::Vxlan || layer.type == LayerType::Geneve) {
      keys.tenant.vni = load_be24(layers.frame.data() + layer.offset + 4);
    }
  }
  if (found.version == 4) {
    store_mapped(keys.source, at + 12);
    store_mapped(keys.destination, at + 16);
  } else {
    std::copy_n(at + 8, 16, keys.source.bytes.begin());
    std::copy_n(at + 24, 16, keys.destination.bytes.begin());
  }
  if (found.transport != kNoOffset) {
    const std::uint8_t* const transport = layers.frame.data() + found.transport;
    keys.ip_protocol = kIpProtocolUdp;
    keys.source_port = load_be16(transport);
    keys.destination_port = load_be16(transport + 2);
    FlowPacket& packet = add(flow_key(keys, false), found, FlowKind::Udp, kCarrierShard);
    packet.tunnel = found.tunnel;
    packet.carries_next = true;
    add_transport(layers, found, packet);
    return;
  }
  const bool gre = found.tunnel == TunnelType::Gre;
  const bool ipv4_inside = (layers.frame[inner_offset] >> 4) == 4;
  keys.ip_protocol = gre ? kIpProtocolGre : ipv4_inside ? kIpProtocolIpv4 : kIpProtocolIpv6;
  FlowPacket& packet = add(flow_key(keys, false), found, FlowKind::IpTunnel, kCarrierShard);
  packet.tunnel = gre ? TunnelType::Gre : TunnelType::Ip;
  packet.carries_next = true;
}

void FlowPacketReader::add_innermost(const Layers& layers, const Found& found) {
  if (layers.around == TenantIdentity{}) return add_innermost(layers, found, layers.keys);
  PacketKeys keys = layers.keys;
  keys.tenant = within(layers.around, keys.tenant);
  add_innermost(layers, found, keys);
}

void FlowPacketReader::add_innermost(const Layers& layers, const Found& found,
                                     const PacketKeys& keys) {
  if (makes_no_flow(keys.ip_protocol)) return;
  const FlowKind kind = kind_of(keys.ip_protocol);
  const bool has_transport = found.transport != kNoOffset;
  if (!has_transport && kind != FlowKind::Other) {
    const std::uint32_t there = found.end() - found.offset;
    const bool cut = layers.headers.malformed == MalformedReason::SnappedHeader;
    const bool ports_known = kind != FlowKind::Icmp &&
                             there >= kIpv4HeaderBytes + kTcpHeaderBytes &&
                             (keys.source_port | keys.destination_port) != 0 && !cut;
    if (!ports_known) {
      add_weird(layers, found, cut ? Weird::InternallyTruncatedHeader : Weird::TruncatedHeader);
      return;
    }
  }
  const bool changed = &keys != &layers.keys;
  const std::uint64_t hash = changed ? flow_hash(keys) : layers.headers.flow_hash;
  const auto shard = static_cast<std::uint8_t>(is_tunnel_flow(keys) ? kCarrierShard : hash >> 58);
  FlowPacket& packet =
      add(flow_key(keys, kind == FlowKind::Icmp && is_one_way_icmp(keys)), found, kind, shard);
  packet.bad_header = !has_transport && kind != FlowKind::Other;
  if (has_transport) add_transport(layers, found, packet);
}

void FlowPacketReader::add_transport(const Layers& layers, const Found& found, FlowPacket& packet) {
  const std::uint8_t* const at = layers.frame.data() + found.transport;
  const std::uint32_t segment_bytes = found.end() - std::min(found.end(), found.transport);
  std::uint32_t header_bytes = 0;
  switch (packet.kind) {
    case FlowKind::Tcp:
      header_bytes = (at[12] >> 4) * 4u;
      packet.sequence = load_be32(at + 4);
      packet.acknowledgement = load_be32(at + 8);
      packet.tcp_flags = at[13];
      packet.window = load_be16(at + 14);
      break;
    case FlowKind::Udp: {
      header_bytes = kUdpHeaderBytes;
      const std::uint32_t stated = load_be16(at + 4);
      packet.stated_payload_bytes = stated >= kUdpHeaderBytes ? stated - kUdpHeaderBytes : 0;
      if (stated == 0) packet.stated_payload_bytes = segment_bytes - kUdpHeaderBytes;
      break;
    }
    case FlowKind::Icmp:
      header_bytes = kIcmpHeaderBytes;
      break;
    case FlowKind::Other:
    case FlowKind::IpTunnel:
      return;
  }
  packet.payload_bytes = segment_bytes - std::min(segment_bytes, header_bytes);
  packet.payload_cut = layers.frame.size() < found.end();
  packet.checksum = check(layers, found, packet);
}

// Only what was captured as a whole can be checked.
Checksum FlowPacketReader::check(const Layers& layers, const Found& found,
                                 const FlowPacket& packet) const noexcept {
  if (checksums_ == ChecksumMode::Ignore || packet.payload_cut || found.rerouted ||
      found.transport >= found.end()) {
    return Checksum::NotChecked;
  }
  Bytes segment = layers.frame.subspan(found.transport, found.end() - found.transport);
  if (packet.kind == FlowKind::Udp) {
    // Outer ones of VXLAN are not meant to be looked at (RFC 7348 5).
    if (packet.tunnel == TunnelType::Vxlan) return Checksum::NotChecked;
    if (found.version == 4 && udp_checksum_absent(segment)) return Checksum::NotChecked;
  }
  const bool good =
      transport_checksum_ok(packet.key.low, packet.key.high, packet.key.ip_protocol, segment);
  return good ? Checksum::Good : Checksum::Bad;
}

void FlowPacketReader::add_weird(const Layers& layers, const Found& found, Weird weird) {
  const std::uint8_t* const at = layers.frame.data() + found.offset;
  PacketKeys keys{.ip_version = found.version, .tenant = found.tenant};
  if (found.version == 4) {
    store_mapped(keys.source, at + 12);
    store_mapped(keys.destination, at + 16);
    keys.ip_protocol = at[9];
  } else {
    std::copy_n(at + 8, 16, keys.source.bytes.begin());
    std::copy_n(at + 24, 16, keys.destination.bytes.begin());
    keys.ip_protocol = at[6];
  }
  FlowPacket& packet =
      notices_.emplace_back(packet_of(flow_key(keys, true), found, FlowKind::Other, kCarrierShard));
  packet.is_notice = true;
  packet.notice = weird;
}

FlowPacket& FlowPacketReader::add(const FlowKeyAndSender& key, const Found& found, FlowKind kind,
                                  std::uint8_t shard) {
  return out_.emplace_back(packet_of(key, found, kind, shard));
}

FlowPacket FlowPacketReader::packet_of(const FlowKeyAndSender& key, const Found& found,
                                       FlowKind kind, std::uint8_t shard) const noexcept {
  return {.key = key.key,
          .time = time_,
          .now = clock_,
          .ordinal = ordinal_,
          .sender = key.sender,
          .kind = kind,
          .shard = shard,
          .ip_bytes = found.ip_bytes};
}

}  // namespace weir::protocol
