// Tags between an Ethernet header and its payload, other than VLAN's: provider backbone bridging
// (IEEE Std 802.1Q clause 9.7, once 802.1ah), Cisco's VN-Tag and metadata (TrustSec; no public
// standards, the layouts are what captures show). They name ports and groups, not tenants.
#pragma once

#include "protocol/headers/ethernet.h"

namespace weir::protocol {

inline constexpr std::uint16_t kEtherTypeProviderBackbone = 0x88e7;
inline constexpr std::uint16_t kEtherTypeCiscoMetadata = 0x8909;
inline constexpr std::uint16_t kEtherTypeVnTag = 0x8926;

// The service tag; behind it stands the customer's whole frame.
inline Next decode_provider_backbone(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 4;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  if (!state.take(LayerType::ProviderBackbone, kBytes)) return kNothing;
  return link_frame(LinkType::Ethernet);
}

inline Next decode_vn_tag(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 6;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  const std::uint8_t* at = state.here();
  if (!state.take(LayerType::VnTag, kBytes)) return kNothing;
  return after_type_field(state, load_be16(at + 4));
}

namespace detail {

inline constexpr std::uint32_t kMetadataFixedBytes = 4;  // version, length, EtherType
inline constexpr std::uint32_t kMetadataOptionBytes = 4;

inline Next decode_cisco_metadata(DecodeState& state, std::uint32_t length_at,
                                  bool ethertype_first) noexcept {
  if (!state.has(kMetadataFixedBytes)) return state.stop_cut(kMetadataFixedBytes);
  const std::uint8_t* at = state.here();
  const std::uint32_t bytes = kMetadataFixedBytes + kMetadataOptionBytes * at[length_at];
  if (!state.has(bytes)) return state.stop_cut(bytes);
  if (!state.take(LayerType::CiscoMetadata, bytes)) return kNothing;
  return after_type_field(state, load_be16(ethertype_first ? at : at + bytes - 2));
}

}  // namespace detail

inline Next decode_cisco_metadata(DecodeState& state) noexcept {
  return detail::decode_cisco_metadata(state, 1, false);
}
// Over GRE the EtherType of the payload comes first.
inline Next decode_cisco_metadata_in_gre(DecodeState& state) noexcept {
  return detail::decode_cisco_metadata(state, 3, true);
}

}  // namespace weir::protocol
