// TCP (RFC 9293), UDP (RFC 768) and SCTP (RFC 9260).
#pragma once

#include "protocol/headers/decode_state.h"

namespace weir::protocol {

inline constexpr std::uint8_t kIpProtocolTcp = 6;
inline constexpr std::uint8_t kIpProtocolUdp = 17;

namespace detail {

[[gnu::always_inline]] inline void store_ports(const DecodeState& state) noexcept {
  const std::uint8_t* at = state.here();
  state.keys->source_port = load_be16(at);
  state.keys->destination_port = load_be16(at + 2);
}

// A header that is cut behind its ports still tells the flow.
inline Next stop_cut_transport(const DecodeState& state, std::uint32_t bytes) noexcept {
  if (state.has(4)) store_ports(state);
  return state.stop_cut(bytes);
}

}  // namespace detail

[[gnu::always_inline]] inline Next decode_tcp(DecodeState& state) noexcept {
  constexpr std::uint32_t kFixedBytes = 20;
  if (!state.has(kFixedBytes)) [[unlikely]]
    return detail::stop_cut_transport(state, kFixedBytes);
  detail::store_ports(state);
  const std::uint8_t* at = state.here();
  const std::uint32_t bytes = (at[12] >> 4) * 4u;
  if (bytes < kFixedBytes) [[unlikely]]
    return state.stop(MalformedReason::BadHeaderLength);
  if (!state.has(bytes)) [[unlikely]]
    return state.stop_cut(bytes);
  if (state.take_transport(LayerType::Tcp, bytes)) state.headers->tcp_flags = at[13];
  return kNothing;
}

[[gnu::always_inline]] inline Next decode_udp(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 8;
  if (!state.has(kBytes)) [[unlikely]]
    return detail::stop_cut_transport(state, kBytes);
  detail::store_ports(state);
  const std::uint8_t* at = state.here();
  if (!state.take_transport(LayerType::Udp, kBytes)) return kNothing;
  const std::uint32_t datagram_bytes = load_be16(at + 4);
  if (datagram_bytes >= kBytes) [[likely]] {
    state.end_after(datagram_bytes - kBytes, MalformedReason::BadHeaderLength);
  } else if (datagram_bytes != 0) {  // 0: longer than the field can say (RFC 2675)
    return state.stop(MalformedReason::BadHeaderLength);
  }
  return {.space = Space::UdpDestination,
          .or_else = Space::UdpSource,
          .number = load_be16(at + 2),
          .or_else_number = load_be16(at)};
}

inline Next decode_sctp(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 12;
  if (!state.has(kBytes)) return detail::stop_cut_transport(state, kBytes);
  detail::store_ports(state);
  (void)state.take_transport(LayerType::Sctp, kBytes);
  return kNothing;
}

}  // namespace weir::protocol
