// ARP (RFC 826).
#pragma once

#include "protocol/headers/decode_state.h"

namespace weir::protocol {

inline Next decode_arp(DecodeState& state) noexcept {
  constexpr std::uint32_t kFixedBytes = 8;
  if (!state.has(kFixedBytes)) return state.stop_cut(kFixedBytes);
  const std::uint8_t* at = state.here();
  const std::uint32_t bytes =
      kFixedBytes + 2u * at[4] + 2u * at[5];  // two hardware and two protocol addresses
  if (!state.has(bytes)) return state.stop_cut(bytes);
  (void)state.take(LayerType::Arp, bytes);
  return kNothing;
}

}  // namespace weir::protocol
