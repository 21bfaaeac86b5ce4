// Tunnels in UDP, found by port: VXLAN (RFC 7348), GENEVE (RFC 8926), GTP-U (3GPP TS 29.281),
// Teredo (RFC 4380). Any program may use their ports, so what does not look like the tunnel is left
// alone: it is UDP, and not malformed.
#pragma once

#include "protocol/headers/ethernet.h"

namespace weir::protocol {

inline constexpr std::uint16_t kGtpUPort = 2152;
inline constexpr std::uint16_t kTeredoPort = 3544;
inline constexpr std::uint16_t kVxlanPort = 4789;
inline constexpr std::uint16_t kGenevePort = 6081;
inline constexpr std::uint16_t kVxlanOldPort = 8472;  // Linux before the port was assigned

[[gnu::always_inline]] inline Next decode_vxlan(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 8;
  constexpr std::uint8_t kVniIsValid = 0x08;
  if (!state.has(1) || (*state.here() & kVniIsValid) == 0) return kNothing;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  const std::uint8_t* at = state.here();
  if (!state.take(LayerType::Vxlan, kBytes)) return kNothing;
  state.keys->tenant.vni = load_be24(at + 4);
  state.tunnel_opened = true;
  return link_frame(LinkType::Ethernet);
}

namespace detail {

// Options of AWS Gateway Load Balancer: who sent the packet, which addresses alone don't say.
inline void read_aws_option(TenantIdentity& tenant, std::uint8_t type, const std::uint8_t* data,
                            std::uint32_t bytes) noexcept {
  constexpr std::uint8_t kTypeMask = 0x7f;  // without the "critical" bit
  constexpr std::uint8_t kEndpoint = 1;
  constexpr std::uint8_t kAttachment = 2;
  if (bytes < 8) return;
  if ((type & kTypeMask) == kEndpoint) tenant.gwlb_endpoint = load_be64(data);
  if ((type & kTypeMask) == kAttachment) tenant.gwlb_attachment = load_be64(data);
}

inline void read_geneve_options(const DecodeState& state, const std::uint8_t* at,
                                std::uint32_t bytes) noexcept {
  constexpr std::uint32_t kOptionBytes = 4;
  constexpr std::uint16_t kAwsClass = 0x0108;
  while (bytes >= kOptionBytes) {
    const std::uint32_t data_bytes = (at[3] & 0x1fu) * 4;
    if (data_bytes > bytes - kOptionBytes) break;
    if (load_be16(at) == kAwsClass)
      read_aws_option(state.keys->tenant, at[2], at + kOptionBytes, data_bytes);
    at += kOptionBytes + data_bytes;
    bytes -= kOptionBytes + data_bytes;
  }
  if (bytes != 0) state.note(MalformedReason::BadHeaderLength);
}

}  // namespace detail

inline Next decode_geneve(DecodeState& state) noexcept {
  constexpr std::uint32_t kFixedBytes = 8;
  if (!state.has(1) || (*state.here() >> 6) != 0) return kNothing;
  if (!state.has(kFixedBytes)) return state.stop_cut(kFixedBytes);
  const std::uint8_t* at = state.here();
  const std::uint32_t option_bytes = (at[0] & 0x3fu) * 4;
  if (!state.has(kFixedBytes + option_bytes)) return state.stop_cut(kFixedBytes + option_bytes);
  if (!state.take(LayerType::Geneve, kFixedBytes + option_bytes)) return kNothing;
  state.keys->tenant.vni = load_be24(at + 4);
  detail::read_geneve_options(state, at + kFixedBytes, option_bytes);
  state.tunnel_opened = true;
  return by_ethertype(load_be16(at + 2));
}

inline Next decode_gtp_u(DecodeState& state) noexcept {
  constexpr std::uint32_t kFixedBytes = 8;
  constexpr std::uint32_t kOptionalBytes = 4;
  constexpr std::uint8_t kVersionAndType = 0x30;  // version 1, GTP and not GTP'
  constexpr std::uint8_t kVersionAndTypeMask = 0xf0;
  constexpr std::uint8_t kHasOptional =
      0x07;  // extension, sequence or N-PDU number: then all three are there
  constexpr std::uint8_t kHasExtension = 0x04;
  constexpr std::uint8_t kUserPacket = 0xff;  // T-PDU
  if (!state.has(1) || (*state.here() & kVersionAndTypeMask) != kVersionAndType) return kNothing;
  if (!state.has(kFixedBytes)) return state.stop_cut(kFixedBytes);
  const std::uint8_t* at = state.here();
  const std::uint32_t start = state.position;
  std::uint32_t bytes = kFixedBytes;
  if ((at[0] & kHasOptional) != 0) {
    bytes += kOptionalBytes;
    if (!state.has(bytes)) return state.stop_cut(bytes);
    std::uint8_t extension = (at[0] & kHasExtension) != 0 ? at[11] : std::uint8_t{0};
    while (extension != 0) {
      if (!state.has(bytes + 1)) return state.stop_cut(bytes + 1);
      const std::uint32_t extension_bytes = at[bytes] * 4u;
      if (extension_bytes == 0) return state.stop(MalformedReason::BadHeaderLength);
      bytes += extension_bytes;
      if (!state.has(bytes)) return state.stop_cut(bytes);
      extension = at[bytes - 1];
    }
  }
  if (!state.take(LayerType::GtpU, bytes)) return kNothing;
  const std::uint32_t end = start + kFixedBytes + load_be16(at + 2);
  if (end < state.position) return state.stop(MalformedReason::BadHeaderLength);
  state.end_after(end - state.position, MalformedReason::BadHeaderLength);
  if (at[1] != kUserPacket || !state.has(1)) return kNothing;
  // Without the tunnel's set-up nothing says what it carries; a 5G session may carry Ethernet or no
  // protocol at all.
  const unsigned version = *state.here() >> 4;
  if (version != 4 && version != 6) return kNothing;
  state.tunnel_opened = true;
  return by_ethertype(version == 4 ? kEtherTypeIpv4 : kEtherTypeIpv6);
}

// IPv6, perhaps behind an authentication and an origin indication (RFC 4380 5.1.1); the IPv6 length
// must fit.
inline Next decode_teredo(DecodeState& state) noexcept {
  constexpr std::uint16_t kOrigin = 0x0000;
  constexpr std::uint16_t kAuthentication = 0x0001;
  constexpr std::uint32_t kOriginBytes = 8;
  constexpr std::uint32_t kAuthenticationBytes = 13;  // and client identifier and value
  constexpr std::uint32_t kIpv6Bytes = 40;
  const std::uint8_t* at = state.here();
  std::uint32_t bytes = 0;
  if (state.has(4) && load_be16(at) == kAuthentication)
    bytes += kAuthenticationBytes + at[2] + at[3];
  if (state.has(bytes + 2) && load_be16(at + bytes) == kOrigin) bytes += kOriginBytes;
  if (!state.has(bytes + kIpv6Bytes) || (at[bytes] >> 4) != 6) return kNothing;
  if (bytes + kIpv6Bytes + load_be16(at + bytes + 4) > state.declared - state.position)
    return kNothing;
  if (!state.take(LayerType::Teredo, bytes)) return kNothing;
  state.tunnel_opened = true;
  return by_ethertype(kEtherTypeIpv6);
}

}  // namespace weir::protocol
