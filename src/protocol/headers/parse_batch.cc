#include "protocol/headers/parse_batch.h"

#include "protocol/headers/decoder_table.h"
#include "protocol/headers/ethernet.h"
#include "protocol/headers/flow_hash.h"
#include "protocol/headers/ipv4.h"
#include "protocol/headers/ipv6.h"
#include "protocol/headers/transport.h"
#include "protocol/headers/vlan.h"

namespace weir::protocol {
namespace {

// The way of most packets, through the same decoders as all others but without the table: Ethernet,
// perhaps one tag, IP, TCP or UDP. Stops where it is another way.
[[gnu::always_inline]] inline Next decode_usual_layers(DecodeState& state) noexcept {
  Next next = decode_ethernet(state);
  if (next.is(Space::EtherType, kEtherTypeVlan)) next = decode_vlan(state);
  if (next.is(Space::EtherType, kEtherTypeIpv4)) {
    next = decode_ipv4(state);
  } else if (next.is(Space::EtherType, kEtherTypeIpv6)) {
    next = decode_ipv6(state);
  } else {
    return next;
  }
  if (next.is(Space::IpProtocol, 6)) return decode_tcp(state);
  if (next.is(Space::IpProtocol, 17)) return decode_udp(state);
  return next;
}

// Nothing follows, or a datagram to and from ports of no tunnel.
[[gnu::always_inline]] inline bool is_last(Next next) noexcept {
  if (next.space == Space::None) return true;
  return next.space == Space::UdpDestination && !may_be_tunnel_port(next.number) &&
         !may_be_tunnel_port(next.or_else_number);
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

// Ends because every turn takes a layer or reads no further: at most kLayersMax turns.
//
// Out of line, and with a copy of the state that the decoders in the table take the address of: the
// state of the usual way stays in registers.
[[gnu::noinline]] void parse_remaining_layers(DecodeState state, Next next) noexcept {
  for (;;) {
    if (next.is(Space::Link, static_cast<std::uint16_t>(LinkType::Ethernet))) {
      next = decode_usual_layers(state);
    }
    const Decoder decoder = find_decoder(next);
    if (decoder == nullptr) break;
    next = decoder(state);
  }
  finish(state);
}

[[gnu::always_inline]] inline void parse_packet(const Packet& packet, Headers& headers,
                                                PacketKeys& keys) noexcept {
  keys = PacketKeys{};
  headers.network_offset = kNoOffset;
  headers.transport_offset = kNoOffset;
  headers.inner_frame_offset = 0;
  headers.inner_link_type = packet.link_type;
  headers.malformed = MalformedReason::None;
  headers.tcp_flags = 0;
  headers.fragment = false;
  DecodeState state{.frame = packet.data,
                    .position = 0,
                    .limit = packet.captured_bytes,
                    .declared = std::max(packet.captured_bytes, packet.wire_bytes),
                    .headers = &headers,
                    .keys = &keys};

  if (packet.link_type == LinkType::Ethernet) [[likely]] {
    const Next next = decode_usual_layers(state);
    if (is_last(next)) [[likely]] {
      finish(state);
    } else {
      parse_remaining_layers(state, next);
    }
    return;
  }
  const Next first = link_frame(packet.link_type);
  if (find_decoder(first) == nullptr) state.note(MalformedReason::UnknownLinkType);
  parse_remaining_layers(state, first);
}

}  // namespace

void parse_batch(const PacketBatch& batch, HeadersArray& headers, KeysArray& keys) noexcept {
  // Far enough that memory answers in time, near enough that the lines are still there.
  constexpr std::uint32_t kPrefetchAhead = 8;
  constexpr std::uint32_t kCacheLineBytes = 64;
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    if (i + kPrefetchAhead < batch.count) {
      const Packet& ahead = batch.packets[i + kPrefetchAhead];
      __builtin_prefetch(ahead.data);
      if (ahead.captured_bytes > kCacheLineBytes) __builtin_prefetch(ahead.data + kCacheLineBytes);
    }
    parse_packet(batch.packets[i], headers[i], keys[i]);
  }
}

}  // namespace weir::protocol
