#include "capture/inline_flows.h"

namespace weir::capture {

Result<std::unique_ptr<InlineFlows>> InlineFlows::make(const FlowAnalysisOptions& options,
                                                       protocol::RecordSink& records) {
  WEIR_TRY(auto engine, protocol::FlowEngine::make(options.flows, protocol::all_shards(), records));
  return std::unique_ptr<InlineFlows>(new InlineFlows(options, std::move(engine)));
}

void InlineFlows::take(const PacketBatch& batch, const HeadersArray& headers, const KeysArray& keys,
                       const Verdicts& verdicts, SessionMask session, protocol::FlowUids* uids) {
  const std::span<protocol::FlowPacket> packets =
      reader_.read(batch, headers, keys, verdicts, session, uids);
  engine_->begin(reader_.first());
  engine_->take(packets, room_for(packets, uids));
  engine_->advance(reader_.clock());
}

FlowTotals InlineFlows::totals() const noexcept {
  FlowTotals totals = totals_of(engine_->counters());
  return totals += totals_of(reader_.fragments());
}

}  // namespace weir::capture
