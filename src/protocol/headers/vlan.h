// VLAN tags (IEEE Std 802.1Q clause 9), one layer a tag; the first two name the tenant.
#pragma once

#include "protocol/headers/ethernet.h"

namespace weir::protocol {

[[gnu::always_inline]] inline Next decode_vlan(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 4;
  constexpr std::uint16_t kIdMask = 0x0fff;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  const std::uint8_t* at = state.here();
  if (!state.take(LayerType::Vlan, kBytes)) return kNothing;
  TenantIdentity& tenant = state.keys->tenant;
  const auto id = static_cast<std::uint16_t>(load_be16(at) & kIdMask);
  if (tenant.vlan == TenantIdentity::kNoVlan) {
    tenant.vlan = id;
  } else if (tenant.inner_vlan == TenantIdentity::kNoVlan) {
    tenant.inner_vlan = id;
  }
  return after_type_field(state, load_be16(at + 2));
}

}  // namespace weir::protocol
