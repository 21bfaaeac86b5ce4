#include "capture/flow_dispatcher.h"

#include "base/assert.h"
#include "capture/flow_worker.h"

namespace weir::capture {

void DeferredRecords::hand_on() {
  for (const protocol::Record& record : records_) next_.take(record);
  records_.clear();
  next_.reached(reached_);
}

FlowDispatcher::FlowDispatcher(const FlowAnalysisOptions& options,
                               protocol::RecordSink& carrier_records)
    : reader_({.checksums = options.flows.checksums, .fragments = options.fragments}),
      carrier_records_(carrier_records) {}

Result<std::unique_ptr<FlowDispatcher>> FlowDispatcher::make(
    const FlowAnalysisOptions& options, std::span<protocol::RecordSink* const> sinks) {
  WEIR_ASSERT(sinks.size() >= 2);
  const std::size_t workers = sinks.size() - 1;
  std::unique_ptr<FlowDispatcher> dispatcher(new FlowDispatcher(options, *sinks[0]));
  WEIR_TRY(dispatcher->carriers_,
           protocol::FlowEngine::make(options.flows, protocol::carrier_shard(),
                                      dispatcher->carrier_records_));
  std::vector<std::unique_ptr<protocol::FlowEngine>> engines;
  for (std::size_t worker = 0; worker < workers; ++worker) {
    protocol::ShardSet shards;
    for (std::size_t shard = worker; shard < protocol::kFlowShards; shard += workers) {
      shards.set(shard);
    }
    WEIR_TRY(auto engine, protocol::FlowEngine::make(options.flows, shards, *sinks[worker + 1]));
    engines.push_back(std::move(engine));
  }
  // Threads only when nothing can fail any more.
  for (auto& engine : engines) {
    dispatcher->workers_.push_back(std::make_unique<FlowWorker>(std::move(engine)));
  }
  return dispatcher;
}

FlowDispatcher::~FlowDispatcher() { finish(); }

void FlowDispatcher::take(const PacketBatch& batch, const HeadersArray& headers,
                          const KeysArray& keys, const Verdicts& verdicts, SessionMask session,
                          [[maybe_unused]] protocol::FlowUids* uids) {
  WEIR_ASSERT(uids == nullptr);
  const std::span<protocol::FlowPacket> packets =
      reader_.read(batch, headers, keys, verdicts, session);
  carriers_->begin(reader_.first());
  carriers_->take(packets);
  dispatch(packets, reader_.clock(), false);
}

void FlowDispatcher::idle(Timestamp now) { dispatch({}, now, false); }

void FlowDispatcher::finish() {
  if (finished_) return;
  finished_ = true;
  carriers_->finish(reader_.clock());
  dispatch({}, reader_.clock(), true);
  for (const auto& worker : workers_) worker->join();
}

// The workers first: they must be able to get on while the carriers' records wait for room.
void FlowDispatcher::dispatch(std::span<const protocol::FlowPacket> packets, Timestamp now,
                              bool last) {
  std::array<FlowBatch*, protocol::kFlowShards> batches{};
  for (std::size_t i = 0; i < workers_.size(); ++i) batches[i] = &workers_[i]->begin_batch();
  for (const protocol::FlowPacket& packet : packets) {
    if (packet.shard == protocol::kCarrierShard) continue;
    FlowBatch& batch = *batches[packet.shard % workers_.size()];
    batch.packets[batch.count++] = packet;
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    batches[i]->first = reader_.first();
    batches[i]->now = now;
    batches[i]->next_ordinal = reader_.next_ordinal();
    batches[i]->last = last;
    workers_[i]->end_batch();
  }
  if (!last) {
    carriers_->advance(now);
    carriers_->passed(reader_.next_ordinal());
  }
  carrier_records_.hand_on();
}

FlowTotals FlowDispatcher::totals() const noexcept {
  FlowTotals totals = totals_of(carriers_->counters());
  totals += totals_of(reader_.fragments());
  for (const auto& worker : workers_) totals += totals_of(worker->counters());
  return totals;
}

}  // namespace weir::capture
