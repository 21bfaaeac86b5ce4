// The flows of one shard: finds the flow of a packet, lets it live by the rules of its kind, and
// ends it when its time has come or its room is needed.
#pragma once

#include <cstdint>

#include "protocol/deep/flow_notes.h"
#include "protocol/deep/flow_packet.h"
#include "protocol/deep/flow_table.h"
#include "protocol/deep/key_hash.h"
#include "protocol/deep/timer_wheel.h"

namespace weir::protocol {

// One owner. What it does depends on its packets and their times only: not on when advance() is
// called in between, nor on other shards.
class FlowShard {
 public:
  // The wheel is shared by all shards of an engine.
  static Result<FlowShard> make(std::uint32_t index, std::uint32_t flows_max,
                                const FlowServices& services, TimerWheel& wheel);

  // For batches, a few packets ahead: first the table's line, then the flow's.
  void prefetch_entry(std::uint64_t hash) const noexcept { table_.prefetch(hash); }
  void prefetch_flow(std::uint64_t hash) const noexcept;

  // `hash` is key_hash() of the packet's key, `tick` that of its flow clock. Its flow, for
  // uid_of() before the next call.
  PoolIndex take(const FlowPacket& packet, std::uint64_t hash, Tick tick, const HashSecret& secret);
  [[nodiscard]] Uid uid_of(PoolIndex index) noexcept;
  // Everything that is due in this tick, which has passed.
  void expire(Tick tick, const HashSecret& secret);
  // Evicts flows, those that would end soonest first, until no more than `bound` says are left or
  // it has ended as many as it may: how many. `when`: where their records stand.
  struct Bound {
    std::uint32_t flows;
    std::uint32_t evictions;
  };
  struct Moment {
    RecordOrder order;
    Timestamp time;
    Tick tick;
  };
  std::uint32_t shrink(Bound bound, const Moment& when, const HashSecret& secret);
  // Nothing more will come: intervals are no longer reported.
  void stop_reports() noexcept { reports_ = false; }

  [[nodiscard]] std::uint32_t flow_count() const noexcept { return table_.count(); }
  [[nodiscard]] std::uint32_t flows_max() const noexcept { return flows_.count_max(); }
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }

 private:
  FlowShard(std::uint32_t index, const FlowServices& services, TimerWheel& wheel, FlowNotes notes)
      : index_(index), services_(services), wheel_(&wheel), notes_(std::move(notes)) {}

  // When the flow ends if nothing more comes.
  [[nodiscard]] Timestamp end_of(const Flow& flow) const noexcept;
  [[nodiscard]] Timestamp next_look(const Flow& flow, Tick now) const noexcept;
  [[nodiscard]] Timestamp next_report(const Flow& flow, Timestamp now) const noexcept;

  PoolIndex find_or_begin(const FlowPacket& packet, std::uint64_t hash, const HashSecret& secret,
                          bool& fresh);
  PoolIndex take_room(const HashSecret& secret);
  bool evict(const HashSecret& secret);
  void begin(Flow& flow, const FlowPacket& packet, std::uint8_t incarnation);
  void choose_originator(Flow& flow, const FlowPacket& packet);
  void end(Flow& flow, FlowEnd why);
  void remove(PoolIndex index, const HashSecret& secret);

  bool apply(Flow& flow, const FlowPacket& packet);
  bool apply_tcp(Flow& flow, const FlowPacket& packet);
  void apply_udp(Flow& flow, const FlowPacket& packet);
  void apply_icmp(Flow& flow, const FlowPacket& packet);
  void apply_carrier(Flow& flow, const FlowPacket& packet);
  void follow_parent(Flow& flow, const FlowPacket& packet);
  void touch(Flow& flow, const FlowPacket& packet) noexcept;

  std::uint32_t index_;
  FlowServices services_;
  TimerWheel* wheel_;
  Pool<Flow> flows_;
  FlowTable table_;
  FlowNotes notes_;
  Tick now_ = 0;
  Tick earliest_ = 0;  // no flow that may be evicted is armed under an earlier tick
  bool reports_ = true;
};

}  // namespace weir::protocol
