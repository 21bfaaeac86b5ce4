// The analysis of flows on several threads, for one source: the worker that takes packets reads
// them and follows the flows that carry others; the 64 shards of all other flows are shared out
// among workers of their own. What comes out does not depend on how many there are.
//
// Every worker gets a part of every batch, if only its time, and tells how far it is: records can
// be put in order.
//
// No uids come back to the thread that takes packets: outputs that index by them need another form
// of the analysis.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "capture/flow_stage.h"
#include "protocol/deep/flow_engine.h"
#include "protocol/deep/flow_packet_reader.h"

namespace weir::capture {

class FlowWorker;

// Keeps the records of one batch back until the workers have got theirs of it: only then may their
// owner wait for room.
class DeferredRecords final : public protocol::RecordSink {
 public:
  explicit DeferredRecords(protocol::RecordSink& next) : next_(next) {}
  void take(const protocol::Record& record) override { records_.push_back(record); }
  void reached(protocol::RecordOrder order) override { reached_ = order; }
  void hand_on();

 private:
  protocol::RecordSink& next_;
  std::vector<protocol::Record> records_;
  protocol::RecordOrder reached_;
};

class FlowDispatcher final : public FlowStage {
 public:
  // A sink for the carriers, then one for each worker; borrowed. Each is called by one thread and
  // may wait, as long as it gets on when the others do (output/record_merger.h).
  static Result<std::unique_ptr<FlowDispatcher>> make(const FlowAnalysisOptions& options,
                                                      std::span<protocol::RecordSink* const> sinks);
  ~FlowDispatcher() override;

  void take(const PacketBatch& batch, const HeadersArray& headers, const KeysArray& keys,
            const Verdicts& verdicts, SessionMask session, protocol::FlowUids* uids) override;
  void idle(Timestamp now) override;
  // Returns when all workers have told their last record.
  void finish() override;
  [[nodiscard]] FlowTotals totals() const noexcept override;

 private:
  FlowDispatcher(const FlowAnalysisOptions& options, protocol::RecordSink& carrier_records);
  void dispatch(std::span<const protocol::FlowPacket> packets, Timestamp now, bool last);

  protocol::FlowPacketReader reader_;
  DeferredRecords carrier_records_;
  std::unique_ptr<protocol::FlowEngine> carriers_;
  std::vector<std::unique_ptr<FlowWorker>> workers_;
  bool finished_ = false;
};

}  // namespace weir::capture
