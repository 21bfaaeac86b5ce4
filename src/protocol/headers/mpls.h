// MPLS label stack (RFC 3032), one layer a label. Nothing in the stack names its payload; as
// everywhere, the first nibble decides (RFC 4928 2, RFC 4385 2-5): 4 and 6 are IP, 1 is an
// associated channel, anything else an Ethernet pseudo-wire with or without control word (RFC
// 4448).
#pragma once

#include "protocol/headers/ethernet.h"

namespace weir::protocol {

inline constexpr std::uint32_t kControlWordBytes = 4;

// Whether an Ethernet header can start `skip` bytes further on: its type is one of those that a
// pseudo-wire carries.
inline bool looks_like_ethernet(const DecodeState& state, std::uint32_t skip) noexcept {
  if (!state.has(skip + kEthernetBytes)) return false;
  const std::uint16_t type = load_be16(state.here() + skip + 12);
  switch (type) {
    case kEtherTypeIpv4:
    case kEtherTypeArp:
    case kEtherTypeVlan:
    case kEtherTypeIpv6:
    case kEtherTypeMpls:
    case 0x8863:  // PPPoE
    case 0x8864:
    case 0x88a8:  // 802.1ad
    case 0x8809:  // slow protocols
    case 0x88cc:  // LLDP
    case 0x9000:  // loopback test
      return true;
    default:
      return type <= kLengthFieldMax &&
             type <= state.declared - state.position - skip - kEthernetBytes;
  }
}

inline Next decode_mpls_payload(DecodeState& state) noexcept {
  if (!state.has(1)) return kNothing;
  switch (*state.here() >> 4) {
    case 4:
      return by_ethertype(kEtherTypeIpv4);
    case 6:
      return by_ethertype(kEtherTypeIpv6);
    case 1:
      return kNothing;
    case 0:
      // A control word begins with 0, and so do many MAC addresses: both possible types must be
      // seen to tell.
      if (!state.has(kControlWordBytes + kEthernetBytes)) {
        const bool cut = state.declared - state.position >= kControlWordBytes + kEthernetBytes;
        return cut ? state.stop_cut(kControlWordBytes + kEthernetBytes) : kNothing;
      }
      if (looks_like_ethernet(state, kControlWordBytes)) {
        state.position += kControlWordBytes;
      } else if (!looks_like_ethernet(state, 0)) {
        return kNothing;
      }
      break;
    default:
      if (!looks_like_ethernet(state, 0)) return kNothing;
      break;
  }
  state.tunnel_opened = true;
  return link_frame(LinkType::Ethernet);
}

inline Next decode_mpls(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 4;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  const bool bottom_of_stack = (state.here()[2] & 1) != 0;
  if (!state.take(LayerType::Mpls, kBytes)) return kNothing;
  return bottom_of_stack ? decode_mpls_payload(state) : by_ethertype(kEtherTypeMpls);
}

}  // namespace weir::protocol
