// The analysis of flows on the worker's own thread: the whole of it, with all shards.
#pragma once

#include <memory>

#include "capture/flow_stage.h"
#include "protocol/deep/flow_engine.h"
#include "protocol/deep/flow_packet_reader.h"

namespace weir::capture {

class InlineFlows final : public FlowStage {
 public:
  // `records` is borrowed.
  static Result<std::unique_ptr<InlineFlows>> make(const FlowAnalysisOptions& options,
                                                   protocol::RecordSink& records);

  void take(const PacketBatch& batch, const HeadersArray& headers, const KeysArray& keys,
            const Verdicts& verdicts, SessionMask session, protocol::FlowUids* uids) override;
  void idle(Timestamp now) override { engine_->advance(now); }
  void limit_flows(std::uint32_t sixteenths) override { engine_->limit_flows(sixteenths); }
  void finish() override { engine_->finish(reader_.clock()); }
  [[nodiscard]] FlowTotals totals() const noexcept override;

 private:
  InlineFlows(const FlowAnalysisOptions& options, std::unique_ptr<protocol::FlowEngine> engine)
      : reader_({.checksums = options.flows.checksums, .fragments = options.fragments}),
        engine_(std::move(engine)) {}

  protocol::FlowPacketReader reader_;
  std::unique_ptr<protocol::FlowEngine> engine_;
};

}  // namespace weir::capture
