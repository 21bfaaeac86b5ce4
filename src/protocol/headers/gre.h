// GRE version 0 with all optional fields (RFC 1701, RFC 2784, RFC 2890), version 1 as PPTP uses it
// (RFC 2637), ERSPAN types I, II and III (draft-foschiano-erspan), and WCCP redirection
// (draft-wilson-wrec-wccp-v2).
#pragma once

#include "protocol/headers/ethernet.h"

namespace weir::protocol {

inline constexpr std::uint16_t kGreErspan2 = 0x88be;  // and type I, which has no header
inline constexpr std::uint16_t kGreErspan3 = 0x22eb;
inline constexpr std::uint16_t kGreWccp = 0x883e;
inline constexpr std::uint16_t kGrePpp = 0x880b;

namespace detail {

inline constexpr std::uint16_t kGreChecksum = 0x8000;
inline constexpr std::uint16_t kGreRouting = 0x4000;
inline constexpr std::uint16_t kGreKey = 0x2000;
inline constexpr std::uint16_t kGreSequence = 0x1000;
inline constexpr std::uint16_t kGreAcknowledgment = 0x0080;
inline constexpr std::uint16_t kGreVersionMask = 0x0007;

// The source route entries of RFC 1701 from `bytes` on, up to the empty one. 0: the packet ends
// before it.
inline std::uint32_t skip_gre_routes(const DecodeState& state, std::uint32_t bytes) noexcept {
  while (state.has(bytes + 4)) {
    const std::uint8_t* entry = state.here() + bytes;
    const bool last = load_be16(entry) == 0 && entry[3] == 0;
    bytes += 4u + entry[3];
    if (last) return bytes;
  }
  return 0;
}

}  // namespace detail

inline Next decode_gre(DecodeState& state) noexcept {
  if (!state.has(4)) return state.stop_cut(4);
  const std::uint8_t* at = state.here();
  const std::uint16_t flags = load_be16(at);
  const std::uint16_t protocol = load_be16(at + 2);
  const unsigned version = flags & detail::kGreVersionMask;
  if (version > 1) return state.stop(MalformedReason::BadVersion);

  std::uint32_t bytes = 4;
  if ((flags & (detail::kGreChecksum | detail::kGreRouting)) != 0) bytes += 4;
  if ((flags & detail::kGreKey) != 0) bytes += 4;
  if ((flags & detail::kGreSequence) != 0) bytes += 4;
  if (version == 1 && (flags & detail::kGreAcknowledgment) != 0) bytes += 4;
  if (!state.has(bytes)) return state.stop_cut(bytes);
  if (version == 0 && (flags & detail::kGreRouting) != 0) {
    const std::uint32_t routed_bytes = detail::skip_gre_routes(state, bytes);
    if (routed_bytes == 0) return state.stop_cut(bytes + 4);
    if (!state.has(routed_bytes)) return state.stop_cut(routed_bytes);
    bytes = routed_bytes;
  }
  if (!state.take(LayerType::Gre, bytes)) return kNothing;

  const bool sequenced = (flags & detail::kGreSequence) != 0;
  if (version == 1 && !sequenced) return kNothing;  // a bare acknowledgment
  state.tunnel_opened = true;
  if (protocol == kGreErspan2 && !sequenced) return link_frame(LinkType::Ethernet);  // type I
  return {.space = Space::Gre,
          .or_else = Space::EtherType,
          .number = protocol,
          .or_else_number = protocol};
}

inline Next decode_erspan2(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 8;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  if (!state.take(LayerType::Erspan, kBytes)) return kNothing;
  return link_frame(LinkType::Ethernet);
}

inline Next decode_erspan3(DecodeState& state) noexcept {
  constexpr std::uint32_t kFixedBytes = 12;
  constexpr std::uint32_t kSubheaderBytes = 8;
  if (!state.has(kFixedBytes)) return state.stop_cut(kFixedBytes);
  const std::uint8_t* at = state.here();
  const std::uint32_t bytes = kFixedBytes + ((at[11] & 1) != 0 ? kSubheaderBytes : 0);
  if (!state.has(bytes)) return state.stop_cut(bytes);
  const unsigned frame_type = (at[10] >> 2) & 0x1f;
  if (!state.take(LayerType::Erspan, bytes)) return kNothing;
  switch (frame_type) {
    case 0:
      return link_frame(LinkType::Ethernet);
    case 2:
      return link_frame(LinkType::Raw);
    default:
      return kNothing;
  }
}

// Version 2 puts four bytes before the packet, version 1 none; they don't look like the start of
// IPv4.
inline Next decode_wccp(DecodeState& state) noexcept {
  constexpr std::uint32_t kRedirectBytes = 4;
  if (state.has(1) && (*state.here() >> 4) == 4) return by_ethertype(kEtherTypeIpv4);
  if (!state.has(kRedirectBytes)) return state.stop_cut(kRedirectBytes);
  state.position += kRedirectBytes;
  return by_ethertype(kEtherTypeIpv4);
}

}  // namespace weir::protocol
