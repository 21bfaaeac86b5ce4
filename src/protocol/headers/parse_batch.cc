#include "protocol/headers/parse_batch.h"

#include "protocol/headers/decoder_table.h"
#include "protocol/headers/ethernet.h"
#include "protocol/headers/flow_hash.h"
#include "protocol/headers/ipv4.h"
#include "protocol/headers/ipv6.h"
#include "protocol/headers/transport.h"
#include "protocol/headers/udp_tunnels.h"
#include "protocol/headers/vlan.h"

namespace weir::protocol {
namespace {

// IP with TCP or UDP, from the number that announces IP on.
[[gnu::always_inline]] inline Next decode_usual_ip(DecodeState& state, Next next) noexcept {
  if (next.is(Space::EtherType, kEtherTypeIpv4)) {
    next = decode_ipv4(state);
  } else if (next.is(Space::EtherType, kEtherTypeIpv6)) {
    next = decode_ipv6(state);
  } else {
    return next;
  }
  if (next.is(Space::IpProtocol, kIpProtocolTcp)) return decode_tcp(state);
  if (next.is(Space::IpProtocol, kIpProtocolUdp)) return decode_udp(state);
  return next;
}

// Ethernet, perhaps one tag, IP, TCP or UDP. Each branch has its own copy of the code, in which the
// compiler knows the count of layers and most offsets.
[[gnu::always_inline]] inline Next decode_usual_frame(DecodeState& state) noexcept {
  const Next next = decode_ethernet(state);
  if (!next.is(Space::EtherType, kEtherTypeVlan)) return decode_usual_ip(state, next);
  return decode_usual_ip(state, decode_vlan(state));
}

// The way of most packets, through the same decoders as all others but without the table: a usual
// frame, and others inside it in VXLAN, as mirrored traffic arrives. Stops where it is another way.
[[gnu::always_inline]] inline Next decode_usual_layers(DecodeState& state) noexcept {
  Next next = decode_usual_frame(state);
  while (next.is(Space::UdpDestination, kVxlanPort)) {
    next = decode_vxlan(state);
    if (!next.is(Space::Link, static_cast<std::uint16_t>(LinkType::Ethernet))) break;
    next = decode_usual_frame(state);
  }
  return next;
}

// Nothing follows, or a datagram to and from ports of no tunnel.
[[gnu::always_inline]] inline bool is_last(Next next) noexcept {
  if (next.space == Space::None) return true;
  return next.space == Space::UdpDestination && !is_tunnel_port(next.number) &&
         !is_tunnel_port(next.or_else_number);
}

[[gnu::always_inline]] inline void finish(const DecodeState& state) noexcept {
  Headers& headers = *state.headers;
  headers.layer_count = state.layer_count;
  headers.tunnel_depth = state.tunnel_depth;
  headers.payload_offset = static_cast<std::uint16_t>(state.position);
  headers.payload_bytes = state.readable();
  headers.first_fragment = headers.fragment && headers.transport_offset != kNoOffset;
  headers.flow_hash = flow_hash(*state.keys);
}

// A copy field by field: the compiler's own, in blocks, would wait for the fields to reach the
// cache, and would keep `state` out of the registers.
[[gnu::always_inline]] inline DecodeState copy_of(const DecodeState& state) noexcept {
  return {.frame = state.frame,
          .position = state.position,
          .limit = state.limit,
          .declared = state.declared,
          .headers = state.headers,
          .keys = state.keys,
          .layer_count = state.layer_count,
          .tunnel_depth = state.tunnel_depth,
          .ip_version = state.ip_version,
          .tunnel_opened = state.tunnel_opened,
          .in_fragment = state.in_fragment};
}

// All other ways, by the table. Ends because every turn takes a layer or reads no further: at most
// kLayersMax turns.
void parse_remaining_layers(DecodeState& state, Next next) noexcept {
  while (const Decoder decoder = find_decoder(next)) {
    next = decoder(state);
    if (next.is(Space::Link, static_cast<std::uint16_t>(LinkType::Ethernet))) {
      DecodeState inner = copy_of(state);
      next = decode_usual_layers(inner);
      if (is_last(next)) return finish(inner);
      state = copy_of(inner);
    }
  }
  finish(state);
}

[[gnu::always_inline]] inline DecodeState begin(const Packet& packet, Headers& headers,
                                                PacketKeys& keys) noexcept {
  keys = PacketKeys{};
  headers.network_offset = kNoOffset;
  headers.transport_offset = kNoOffset;
  headers.inner_frame_offset = 0;
  headers.inner_link_type = packet.link_type;
  headers.malformed = MalformedReason::None;
  headers.tcp_flags = 0;
  headers.fragment = false;
  return {.frame = packet.data,
          .position = 0,
          .limit = packet.captured_bytes,
          .declared = std::max(packet.captured_bytes, packet.wire_bytes),
          .headers = &headers,
          .keys = &keys};
}

void parse_other_link(const Packet& packet, Headers& headers, PacketKeys& keys) noexcept {
  DecodeState state = begin(packet, headers, keys);
  const Next frame = link_frame(packet.link_type);
  if (find_decoder(frame) == nullptr) state.note(MalformedReason::UnknownLinkType);
  parse_remaining_layers(state, frame);
}

[[gnu::always_inline]] inline void parse_ethernet(const Packet& packet, Headers& headers,
                                                  PacketKeys& keys) noexcept {
  DecodeState state = begin(packet, headers, keys);
  const Next next = decode_usual_layers(state);
  if (is_last(next)) [[likely]]
    return finish(state);
  DecodeState rest = copy_of(state);
  parse_remaining_layers(rest, next);
}

// The first two cache lines: few packets have headers beyond them.
[[gnu::always_inline]] inline void prefetch_headers(const Packet& packet) noexcept {
  constexpr std::uint32_t kCacheLineBytes = 64;
  __builtin_prefetch(packet.data);
  if (packet.captured_bytes > kCacheLineBytes) __builtin_prefetch(packet.data + kCacheLineBytes);
}

}  // namespace

void parse_batch(const PacketBatch& batch, HeadersArray& headers, KeysArray& keys) noexcept {
  // Far enough that memory answers in time, near enough that the lines are still there.
  constexpr std::uint32_t kPrefetchAhead = 16;
  const std::uint32_t count = batch.count;
  for (std::uint32_t i = 0; i < std::min(count, kPrefetchAhead); ++i) {
    prefetch_headers(batch.packets[i]);
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    if (i + kPrefetchAhead < count) prefetch_headers(batch.packets[i + kPrefetchAhead]);
    const Packet& packet = batch.packets[i];
    if (packet.link_type == LinkType::Ethernet) [[likely]] {
      parse_ethernet(packet, headers[i], keys[i]);
    } else {
      parse_other_link(packet, headers[i], keys[i]);
    }
  }
}

}  // namespace weir::protocol
