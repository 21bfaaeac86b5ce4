// Which decoder knows which number. The table itself, the one place that knows every protocol, is
// decoder_table.cc.
#pragma once

#include "protocol/headers/decode_state.h"
#include "protocol/headers/udp_tunnels.h"

namespace weir::protocol {

// Whether a UDP port may have a row in the table: false for all but a few, and without a look into
// it.
[[nodiscard]] constexpr bool may_be_tunnel_port(std::uint16_t port) noexcept {
  constexpr std::uint64_t kPortsModulo64 = 1ull << (kGtpUPort % 64) | 1ull << (kTeredoPort % 64) |
                                           1ull << (kVxlanPort % 64) | 1ull << (kGenevePort % 64) |
                                           1ull << (kVxlanOldPort % 64);
  return ((kPortsModulo64 >> (port % 64)) & 1) != 0;
}

// The decoder of what follows, or null when weir follows no further.
[[nodiscard]] Decoder find_decoder(Next next) noexcept;

}  // namespace weir::protocol
