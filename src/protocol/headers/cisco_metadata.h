// Cisco metadata: the TrustSec security group tag, in front of the EtherType of the payload (EtherType 0x8909; no public
// standard, the layout is what captures show). Over GRE the EtherType of the payload comes first.
#pragma once

#include "protocol/headers/ethernet.h"

namespace weir::protocol {

inline constexpr std::uint16_t kEtherTypeCiscoMetadata = 0x8909;

namespace detail {

inline constexpr std::uint32_t kMetadataFixedBytes = 4;  // version, length, EtherType
inline constexpr std::uint32_t kMetadataOptionBytes = 4;

inline Next decode_cisco_metadata(DecodeState& state, std::uint32_t length_at, bool ethertype_first) noexcept {
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
inline Next decode_cisco_metadata_in_gre(DecodeState& state) noexcept {
  return detail::decode_cisco_metadata(state, 3, true);
}

}  // namespace weir::protocol
