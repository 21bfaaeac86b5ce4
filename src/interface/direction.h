// Which packets of a live interface are captured: --direction.
#pragma once

#include <cstdint>

namespace weir::interface {

// As tcpdump's -Q. On a loopback interface every packet passes twice, first on its way out, then on
// its way in, and the first passage never counts: In and InOut see each packet once, and Out, as
// with tcpdump, sees none. What a direction leaves out is counted nowhere.
enum class Direction : std::uint8_t { InOut, In, Out };

}  // namespace weir::interface
