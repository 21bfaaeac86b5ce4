// PPP (RFC 1661) with or without HDLC framing (RFC 1662) and field compression, Cisco HDLC, PPPoE
// (RFC 2516).
#pragma once

#include "protocol/headers/decode_state.h"

namespace weir::protocol {

inline Next decode_ppp(DecodeState& state) noexcept {
  constexpr std::uint16_t kAddressAndControl = 0xff03;
  if (!state.has(2)) return state.stop_cut(2);
  const std::uint8_t* at = state.here();
  const std::uint32_t framing = load_be16(at) == kAddressAndControl ? 2 : 0;
  if (!state.has(framing + 1)) return state.stop_cut(framing + 1);
  // Protocol numbers are odd in the last octet and even in the first, so that the first may be left
  // out.
  const bool compressed = (at[framing] & 1) != 0;
  const std::uint32_t bytes = framing + (compressed ? 1 : 2);
  if (!state.has(bytes)) return state.stop_cut(bytes);
  const std::uint16_t protocol = compressed ? at[framing] : load_be16(at + framing);
  if (!state.take(LayerType::Ppp, bytes)) return kNothing;
  return {.space = Space::Ppp, .number = protocol};
}

// Files of link type PPP also hold Cisco HDLC, told apart by the address octet.
inline Next decode_ppp_link(DecodeState& state) noexcept {
  constexpr std::uint8_t kCiscoUnicast = 0x0f;
  constexpr std::uint8_t kCiscoMulticast = 0x8f;
  constexpr std::uint32_t kCiscoBytes = 4;
  if (!state.has(1)) return state.stop_cut(1);
  const std::uint8_t* at = state.here();
  if (at[0] != kCiscoUnicast && at[0] != kCiscoMulticast) return decode_ppp(state);
  if (!state.has(kCiscoBytes)) return state.stop_cut(kCiscoBytes);
  if (!state.take(LayerType::Ppp, kCiscoBytes)) return kNothing;
  return by_ethertype(load_be16(at + 2));
}

namespace detail {

inline constexpr std::uint32_t kPppoeBytes = 6;

inline bool take_pppoe(DecodeState& state, LayerType type) noexcept {
  constexpr std::uint8_t kVersionAndType = 0x11;
  if (!state.has(kPppoeBytes)) {
    (void)state.stop_cut(kPppoeBytes);
    return false;
  }
  const std::uint8_t* at = state.here();
  if (at[0] != kVersionAndType) {
    state.note(MalformedReason::BadVersion);
    return false;
  }
  if (!state.take(type, kPppoeBytes)) return false;
  state.end_after(load_be16(at + 4), MalformedReason::BadHeaderLength);
  return true;
}

}  // namespace detail

inline Next decode_pppoe_discovery(DecodeState& state) noexcept {
  (void)detail::take_pppoe(state, LayerType::PppoeDiscovery);
  return kNothing;
}

inline Next decode_pppoe_session(DecodeState& state) noexcept {
  return detail::take_pppoe(state, LayerType::PppoeSession) ? decode_ppp(state) : kNothing;
}

}  // namespace weir::protocol
