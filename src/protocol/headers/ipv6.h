// IPv6 and its extension headers (RFC 8200; AH: RFC 4302, ESP: RFC 4303, mobility: RFC 6275, HIP:
// RFC 7401, shim6: RFC 5533).
#pragma once

#include <cstring>

#include "protocol/headers/decode_state.h"

namespace weir::protocol {

inline constexpr std::uint8_t kNoNextHeader = 59;

[[gnu::always_inline]] inline Next decode_ipv6(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 40;
  if (!state.has(kBytes)) [[unlikely]]
    return state.stop_cut(kBytes);
  const std::uint8_t* at = state.here();
  if ((at[0] >> 4) != 6) [[unlikely]]
    return state.stop(MalformedReason::BadVersion);

  const std::uint32_t start = state.position;
  if (!state.take(LayerType::Ipv6, kBytes)) return kNothing;
  state.begin_ip(start, 6);
  std::memcpy(state.keys->source.bytes.data(), at + 8, 16);
  std::memcpy(state.keys->destination.bytes.data(), at + 24, 16);
  state.keys->ip_protocol = at[6];

  // 0: a jumbogram (RFC 2675) or segmentation offload, to the frame's end.
  const std::uint32_t payload_bytes = load_be16(at + 4);
  if (payload_bytes != 0 || at[6] == kNoNextHeader) [[likely]] {
    state.end_after(payload_bytes, MalformedReason::BadTotalLength);
  }
  return by_ip_protocol(at[6]);
}

inline Next decode_ipv6_in_ip(DecodeState& state) noexcept {
  state.tunnel_opened = true;
  return decode_ipv6(state);
}

// Headers of the common form: next header, length in units of 8 bytes without the first. What no
// header follows is itself the upper-layer protocol (mobility, HIP and shim6 messages).
template <LayerType kType>
Next decode_ipv6_extension(DecodeState& state) noexcept {
  if (state.ip_version != 6 && kType != LayerType::Ipv6Hip) return kNothing;
  constexpr std::uint32_t kUnit = 8;
  if (!state.has(kUnit)) return state.stop_cut(kUnit);
  const std::uint8_t* at = state.here();
  const std::uint32_t bytes = kUnit + kUnit * at[1];
  if (!state.has(bytes)) return state.stop_cut(bytes);
  if (!state.take(kType, bytes)) return kNothing;
  constexpr bool kCanBeLast = kType == LayerType::Ipv6Mobility || kType == LayerType::Ipv6Hip ||
                              kType == LayerType::Ipv6Shim6;
  if (!kCanBeLast || at[0] != kNoNextHeader) state.keys->ip_protocol = at[0];
  return by_ip_protocol(at[0]);
}

inline Next decode_ipv6_fragment(DecodeState& state) noexcept {
  if (state.ip_version != 6) return kNothing;
  constexpr std::uint32_t kBytes = 8;
  constexpr std::uint16_t kOffsetMask = 0xfff8;
  constexpr std::uint16_t kMoreFragments = 1;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  const std::uint8_t* at = state.here();
  if (!state.take(LayerType::Ipv6Fragment, kBytes)) return kNothing;
  state.keys->ip_protocol = at[0];
  const std::uint16_t fragment = load_be16(at + 2);
  if ((fragment & (kOffsetMask | kMoreFragments)) !=
      0) {  // 0: an atomic fragment (RFC 6946), a whole packet
    state.headers->fragment = true;
    state.in_fragment = true;
    if ((fragment & kOffsetMask) != 0) return kNothing;
  }
  return by_ip_protocol(at[0]);
}

// Over IPv4 too. Length in units of 4 bytes without the first two. The shortest form is that of RFC
// 1826, without sequence number and authentication data.
inline Next decode_authentication_header(DecodeState& state) noexcept {
  constexpr std::uint32_t kFixedBytes = 8;
  if (!state.has(kFixedBytes)) return state.stop_cut(kFixedBytes);
  const std::uint8_t* at = state.here();
  const std::uint32_t bytes = (at[1] + 2u) * 4;
  if (!state.has(bytes)) return state.stop_cut(bytes);
  if (!state.take(LayerType::AuthenticationHeader, bytes)) return kNothing;
  state.keys->ip_protocol = at[0];
  return by_ip_protocol(at[0]);
}

// What follows is encrypted.
inline Next decode_esp(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 8;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  (void)state.take(LayerType::Esp, kBytes);
  return kNothing;
}

}  // namespace weir::protocol
