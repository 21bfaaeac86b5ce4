// Link types without a MAC header of their own: raw IP, BSD loopback, Linux cooked captures v1 and
// v2 (tcpdump.org/linktypes).
#pragma once

#include "protocol/headers/ethernet.h"

namespace weir::protocol {

inline Next decode_raw(DecodeState& state) noexcept {
  if (!state.has(1)) return state.stop_cut(1);
  switch (*state.here() >> 4) {
    case 4:
      return by_ethertype(kEtherTypeIpv4);
    case 6:
      return by_ethertype(kEtherTypeIpv6);
    default:
      return state.stop(MalformedReason::BadVersion);
  }
}

namespace detail {

inline Next after_address_family(std::uint32_t family) noexcept {
  switch (family) {
    case 2:  // AF_INET, everywhere
      return by_ethertype(kEtherTypeIpv4);
    case 10:  // AF_INET6: Linux
    case 23:  // Windows
    case 24:  // NetBSD, OpenBSD
    case 28:  // FreeBSD
    case 30:  // macOS
      return by_ethertype(kEtherTypeIpv6);
    default:
      return kNothing;
  }
}

inline Next after_cooked_header(DecodeState& state, std::uint16_t device,
                                std::uint16_t protocol) noexcept {
  constexpr std::uint16_t kDeviceGre = 778;      // ARPHRD_IPGRE: the protocol field is GRE's
  constexpr std::uint16_t kDeviceNetlink = 824;  // ARPHRD_NETLINK: a netlink family
  constexpr std::uint16_t kProtocolLlc = 4;      // LINUX_SLL_P_802_2
  if (device == kDeviceNetlink) return kNothing;
  if (device == kDeviceGre) {
    state.tunnel_opened = true;
    return {.space = Space::Gre,
            .or_else = Space::EtherType,
            .number = protocol,
            .or_else_number = protocol};
  }
  if (protocol == kProtocolLlc) return {.space = Space::Llc};
  return by_ethertype(protocol);
}

}  // namespace detail

// The family is in the byte order of the machine that captured.
inline Next decode_null(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 4;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  const std::uint8_t* at = state.here();
  if (!state.take(LayerType::Null, kBytes)) return kNothing;
  const std::uint32_t family = load_le32(at);
  return detail::after_address_family(family <= 0xffff ? family : byte_swap(family));
}

inline Next decode_sll(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 16;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  const std::uint8_t* at = state.here();
  if (!state.take(LayerType::LinuxSll, kBytes)) return kNothing;
  return detail::after_cooked_header(state, load_be16(at + 2), load_be16(at + 14));
}

inline Next decode_sll2(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 20;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  const std::uint8_t* at = state.here();
  if (!state.take(LayerType::LinuxSll2, kBytes)) return kNothing;
  return detail::after_cooked_header(state, load_be16(at + 8), load_be16(at));
}

}  // namespace weir::protocol
