// Which packets of a live interface are captured: those that arrive at this host, those that leave
// it, or both.
#pragma once

#include <cstdint>

namespace weir::interface {

enum class Direction : std::uint8_t { In, Out, InOut };

}  // namespace weir::interface
