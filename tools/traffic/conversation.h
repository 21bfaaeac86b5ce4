// How a flow goes on: every step sends one packet (or the fragments of one datagram) and says when
// the next step is due.
#pragma once

#include <cstdint>
#include <optional>

#include "base/prng.h"
#include "flow.h"
#include "packet_assembler.h"

namespace weir::traffic {

// Nanoseconds to the flow's next step; nothing when the flow is over.
using NextStep = std::optional<std::int64_t>;

NextStep step(Flow& flow, std::int64_t now_ns, PacketAssembler& assembler, Prng& prng);

}  // namespace weir::traffic
