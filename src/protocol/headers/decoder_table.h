// Which decoder knows which number. The table itself, the one place that knows every protocol, is
// decoder_table.cc.
#pragma once

#include "protocol/headers/decode_state.h"
#include "protocol/headers/udp_tunnels.h"

namespace weir::protocol {

// Whether a UDP port has a row in the table, without a look into it.
[[nodiscard]] constexpr bool is_tunnel_port(std::uint16_t port) noexcept {
  switch (port) {
    case kGtpUPort:
    case kTeredoPort:
    case kVxlanPort:
    case kGenevePort:
    case kVxlanOldPort:
      return true;
    default:
      return false;
  }
}

// The decoder of what follows, or null when weir follows no further.
[[nodiscard]] Decoder find_decoder(Next next) noexcept;

}  // namespace weir::protocol
