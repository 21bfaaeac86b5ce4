// The analysis of flows, however its work is shared out: what all forms of it have in common.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "capture/deep_stage.h"
#include "protocol/deep/defragmenter.h"
#include "protocol/deep/flow_counters.h"
#include "protocol/deep/flow_options.h"
#include "protocol/deep/flow_packet.h"

namespace weir::capture {

struct FlowAnalysisOptions {
  protocol::FlowOptions flows;
  protocol::DefragmenterOptions fragments;
};

// Plain numbers of one moment; exact when the analysis has finished.
struct FlowTotals {
  std::array<std::uint64_t, protocol::kFlowKinds> begun{};
  std::array<std::uint64_t, protocol::kFlowKinds> open{};
  std::uint64_t evicted = 0;
  std::uint64_t details_refused = 0;   // what few flows need and some of them did not get
  std::uint64_t segments_refused = 0;  // data beyond a hole, likewise
  std::uint64_t fragments = 0;         // taken
  std::uint64_t fragments_lost = 0;    // of datagrams that never became whole, or refused

  FlowTotals& operator+=(const FlowTotals& other) noexcept;
};
[[nodiscard]] FlowTotals totals_of(const protocol::FlowCounters& counters) noexcept;
[[nodiscard]] FlowTotals totals_of(const protocol::DefragmenterStatistics& fragments) noexcept;

// Where their uids go; nowhere when nobody asks.
[[nodiscard]] inline std::span<protocol::Uid> room_for(
    std::span<const protocol::FlowPacket> packets, protocol::FlowUids* uids) {
  return uids != nullptr ? uids->make_room(packets.size()) : std::span<protocol::Uid>();
}

class FlowStage : public DeepStage {
 public:
  // Any thread.
  [[nodiscard]] virtual FlowTotals totals() const noexcept = 0;
};

}  // namespace weir::capture
