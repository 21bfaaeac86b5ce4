// Ethernet II and IEEE 802.3 (IEEE Std 802.3 clause 3), IEEE 802.2 LLC and SNAP (RFC 1042).
#pragma once

#include "protocol/headers/decode_state.h"

namespace weir::protocol {

inline constexpr std::uint32_t kEthernetBytes = 14;
// The last two bytes are a length up to here, and a type from there.
inline constexpr std::uint16_t kLengthFieldMax = 1500;
inline constexpr std::uint16_t kTypeFieldMin = 0x0600;

inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint16_t kEtherTypeTransparentEthernet = 0x6558;
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
inline constexpr std::uint16_t kEtherTypeMpls = 0x8847;

// The type or length field: a length means that LLC follows, and that the frame may be padded
// behind it.
[[gnu::always_inline]] inline Next after_type_field(DecodeState& state,
                                                    std::uint16_t type) noexcept {
  if (type >= kTypeFieldMin) [[likely]]
    return by_ethertype(type);
  if (type > kLengthFieldMax) return kNothing;
  state.end_after(type);
  return {.space = Space::Llc};
}

[[gnu::always_inline]] inline Next decode_ethernet(DecodeState& state) noexcept {
  if (!state.has(kEthernetBytes)) return state.stop_cut(kEthernetBytes);
  const std::uint8_t* at = state.here();
  const std::uint32_t start = state.position;
  if (!state.take(LayerType::Ethernet, kEthernetBytes)) return kNothing;
  state.begin_frame(start, LinkType::Ethernet);
  return after_type_field(state, load_be16(at + 12));
}

// A type field that announces an Ethernet frame: bridging over GRE and GENEVE (RFC 1701, RFC
// 8926 3.4).
inline Next decode_transparent_ethernet(DecodeState&) noexcept {
  return link_frame(LinkType::Ethernet);
}

inline Next decode_snap(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 5;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  const std::uint8_t* at = state.here();
  if (!state.take(LayerType::Snap, kBytes)) return kNothing;
  // Numbers of the two organisations that mean EtherTypes (RFC 1042; 0000f8: IEEE Std 802.1H
  // bridges).
  const std::uint32_t organisation = load_be24(at);
  if (organisation != 0 && organisation != 0x0000f8) return kNothing;
  return by_ethertype(load_be16(at + 3));
}

inline Next decode_llc(DecodeState& state) noexcept {
  constexpr std::uint32_t kUnnumberedBytes = 3;
  constexpr std::uint32_t kNumberedBytes = 4;
  if (!state.has(kUnnumberedBytes)) return state.stop_cut(kUnnumberedBytes);
  const std::uint8_t* at = state.here();
  const std::uint32_t bytes = (at[2] & 3) == 3 ? kUnnumberedBytes : kNumberedBytes;
  if (!state.has(bytes)) return state.stop_cut(bytes);
  if (!state.take(LayerType::Llc, bytes)) return kNothing;
  constexpr std::uint32_t kSnap = 0xaaaa03;  // both access points, unnumbered information
  return load_be24(at) == kSnap ? decode_snap(state) : kNothing;
}

}  // namespace weir::protocol
