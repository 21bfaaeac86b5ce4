// FDDI (ISO 9314-2): frame control, destination, source. Frames for LLC go on with it; tokens,
// station management and the ring's own frames end here without a reason.
#pragma once

#include "protocol/headers/decode_state.h"

namespace weir::protocol {

inline Next decode_fddi(DecodeState& state) noexcept {
  constexpr std::uint32_t kBytes = 13;
  // Frame control CLFF ZZZZ: long addresses (L), LLC (FF = 01), in either class (C).
  constexpr std::uint8_t kKind = 0x70;
  constexpr std::uint8_t kLlcWithLongAddresses = 0x50;
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  const std::uint8_t control = state.here()[0];
  if (!state.take(LayerType::Fddi, kBytes)) return kNothing;
  if ((control & kKind) != kLlcWithLongAddresses) return kNothing;
  return {.space = Space::Llc};
}

}  // namespace weir::protocol
