// The analysis of flows in a live capture with several lanes: each follows the flows that the
// kernel steers to it on its own thread. What carries them reaches all lanes, and is followed in
// one place that they share: they take turns there, a lock for a batch that has tunnels.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "capture/flow_stage.h"
#include "protocol/deep/flow_engine.h"
#include "protocol/deep/flow_packet_reader.h"

namespace weir::capture {

// Any thread; outlives the lanes.
class SharedCarriers {
 public:
  // Packets of one lane come in their order, those of different lanes as their turns come.
  // `lanes` will finish. `records` is borrowed, and called by one thread at a time.
  static Result<std::unique_ptr<SharedCarriers>> make(const FlowAnalysisOptions& options,
                                                      std::uint32_t lanes,
                                                      protocol::RecordSink& records);

  // `begun`: when the lane's capture did. `uids`: FlowEngine::take().
  void take(std::span<protocol::FlowPacket> packets, std::span<protocol::Uid> uids,
            Timestamp begun);
  void advance(Timestamp now);
  // The last one to call it ends all carriers.
  void finish(Timestamp now);
  [[nodiscard]] FlowTotals totals() const noexcept { return totals_of(engine_->counters()); }

 private:
  explicit SharedCarriers(std::uint32_t lanes) : lanes_(lanes) {}

  std::mutex turn_;
  std::unique_ptr<protocol::FlowEngine> engine_;
  std::uint32_t lanes_;  // that have not finished
  std::uint64_t next_ordinal_ = 0;
};

class LaneFlows final : public FlowStage {
 public:
  // Both borrowed.
  static Result<std::unique_ptr<LaneFlows>> make(const FlowAnalysisOptions& options,
                                                 SharedCarriers& carriers,
                                                 protocol::RecordSink& records);

  void take(const PacketBatch& batch, const HeadersArray& headers, const KeysArray& keys,
            const Verdicts& verdicts, SessionMask session, protocol::FlowUids* uids) override;
  void idle(Timestamp now) override;
  // The carriers stay: the flows in them name them.
  void limit_flows(std::uint32_t sixteenths) override { engine_->limit_flows(sixteenths); }
  void finish() override;
  [[nodiscard]] FlowTotals totals() const noexcept override;

 private:
  LaneFlows(const FlowAnalysisOptions& options, SharedCarriers& carriers)
      : reader_({.checksums = options.flows.checksums, .fragments = options.fragments}),
        carriers_(carriers) {}
  void pass_time(Timestamp now);

  protocol::FlowPacketReader reader_;
  SharedCarriers& carriers_;
  std::unique_ptr<protocol::FlowEngine> engine_;
  protocol::Tick told_tick_ = 0;  // up to which the carriers know the time
};

}  // namespace weir::capture
