#include "capture/lane_flows.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::capture {
namespace {

using Turn = std::lock_guard<std::mutex>;

// Packets of this age may still wait in a ring while the line seems quiet.
constexpr Duration kQuietSlack = std::chrono::seconds(1);

bool has_carrier(std::span<const protocol::FlowPacket> packets) noexcept {
  return std::any_of(packets.begin(), packets.end(), [](const protocol::FlowPacket& packet) {
    return packet.shard == protocol::kCarrierShard;
  });
}

}  // namespace

Result<std::unique_ptr<SharedCarriers>> SharedCarriers::make(const FlowAnalysisOptions& options,
                                                             std::uint32_t lanes,
                                                             protocol::RecordSink& records) {
  std::unique_ptr<SharedCarriers> carriers(new SharedCarriers(lanes));
  WEIR_TRY(carriers->engine_,
           protocol::FlowEngine::make(options.flows, protocol::carrier_shard(), records));
  return carriers;
}

void SharedCarriers::take(std::span<protocol::FlowPacket> packets, std::span<protocol::Uid> uids,
                          Timestamp begun) {
  const Turn turn(turn_);
  engine_->begin(begun);
  // Each lane counts its own packets, and records must not go back behind those of earlier turns.
  const std::uint64_t first = next_ordinal_;
  for (protocol::FlowPacket& packet : packets) {
    if (packet.shard != protocol::kCarrierShard) continue;
    packet.ordinal = std::max(first, packet.ordinal);
    next_ordinal_ = packet.ordinal + 1;
  }
  engine_->take(packets, uids);
}

void SharedCarriers::advance(Timestamp now) {
  const Turn turn(turn_);
  engine_->advance(now);
}

void SharedCarriers::finish(Timestamp now) {
  const Turn turn(turn_);
  WEIR_ASSERT(lanes_ > 0);
  if (--lanes_ == 0) {
    engine_->finish(now);
  } else {
    engine_->advance(now);
  }
}

Result<std::unique_ptr<LaneFlows>> LaneFlows::make(const FlowAnalysisOptions& options,
                                                   SharedCarriers& carriers,
                                                   protocol::RecordSink& records) {
  std::unique_ptr<LaneFlows> lane(new LaneFlows(options, carriers));
  WEIR_TRY(lane->engine_,
           protocol::FlowEngine::make(options.flows, ~protocol::carrier_shard(), records));
  return lane;
}

void LaneFlows::take(const PacketBatch& batch, const HeadersArray& headers, const KeysArray& keys,
                     const Verdicts& verdicts, SessionMask session, protocol::FlowUids* uids) {
  const std::span<protocol::FlowPacket> packets =
      reader_.read(batch, headers, keys, verdicts, session, uids);
  const std::span<protocol::Uid> of_each = room_for(packets, uids);
  engine_->begin(reader_.first());
  if (has_carrier(packets)) carriers_.take(packets, of_each, reader_.first());
  engine_->take(packets, of_each);
  pass_time(reader_.clock());
}

void LaneFlows::idle(Timestamp now) {
  engine_->advance(now + -kQuietSlack);
  pass_time(now + -kQuietSlack);
}

void LaneFlows::pass_time(Timestamp now) {
  const protocol::Tick tick = protocol::tick_of(now);
  if (tick <= told_tick_) return;
  told_tick_ = tick;
  carriers_.advance(now);
}

void LaneFlows::finish() {
  engine_->finish(reader_.clock());
  carriers_.finish(reader_.clock());
}

FlowTotals LaneFlows::totals() const noexcept {
  FlowTotals totals = totals_of(engine_->counters());
  return totals += totals_of(reader_.fragments());
}

}  // namespace weir::capture
