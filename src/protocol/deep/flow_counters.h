// What the flow layer did, counted. Written by the owner of the engine, read by any thread.
#pragma once

#include <array>

#include "protocol/deep/flow_packet.h"
#include "telemetry/counter.h"

namespace weir::protocol {

// begun = Σ closed, once an engine has finished; before that the difference is open.
struct FlowCounters {
  telemetry::Counter packets;  // flow packets: a packet in a tunnel is several
  std::array<telemetry::Counter, kFlowKinds> begun;
  std::array<telemetry::Counter, kFlowKinds> open;  // gauge
  telemetry::Counter evicted;                       // closed early: a bound of memory was hit
  telemetry::Counter extras_refused;                // details of a flow that found no room
  telemetry::Counter segments_refused;  // data beyond a hole, likewise: holes may seem smaller
  // TCP acknowledgements in established connections, and those for data that was not seen.
  telemetry::Counter acknowledgements;
  telemetry::Counter gaps;
};

}  // namespace weir::protocol
