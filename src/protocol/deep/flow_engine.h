// All flows of one worker: shards, the flow clock that they have in common, and their records in
// order.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "protocol/deep/flow_shard.h"
#include "protocol/deep/notice_filter.h"

namespace weir::protocol {

using ShardSet = std::bitset<kAllShards>;
[[nodiscard]] ShardSet all_shards() noexcept;
[[nodiscard]] ShardSet carrier_shard() noexcept;

// One owner. Packets of shards that it does not have are left alone. Time is the flow clock: it
// never goes back, packets that come late are taken at the time that it has reached.
class FlowEngine {
 public:
  // `options.flows_max` is for all 65 shards together: each gets its part, whoever has it, so that
  // what is evicted does not depend on how shards are shared out.
  static Result<std::unique_ptr<FlowEngine>> make(const FlowOptions& options, ShardSet shards,
                                                  RecordSink& records);
  FlowEngine(const FlowEngine&) = delete;
  FlowEngine& operator=(const FlowEngine&) = delete;

  // When the capture began, for those whose first packet comes later. What has begun has begun.
  void begin(Timestamp first);
  // Packets in their order. What carries another is followed by what it carries, in the same span:
  // the carrier's uid is written there. `uids`, unless it is empty, has a place for each packet:
  // those of shards that it has are written, with no uid for a packet of no flow.
  void take(std::span<FlowPacket> packets, std::span<Uid> uids = {});
  // From the next call on at most so many 16ths (1 to 16) of the flows that it may hold: beyond
  // them flows are evicted, those first that would end soonest, at most kEvictionsMax a call. Flows
  // that carry others stay.
  void limit_flows(std::uint32_t sixteenths) noexcept;
  // More than a batch of packets can begin.
  static constexpr std::uint32_t kEvictionsMax = 1024;
  // Time passes without packets: flows end whose time has come.
  void advance(Timestamp now);
  // The last packet was taken: all flows end, as if time went on. `now`: the clock of the whole
  // capture, which this engine may not have seen to the end.
  void finish(Timestamp now);

  [[nodiscard]] const FlowCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] std::uint64_t flow_count() const noexcept;
  // All packets before this ordinal have been taken, of whatever shard: no record of them will
  // come any more.
  void passed(std::uint64_t ordinal);

 private:
  static constexpr std::uint32_t kWholeShare = 16;
  FlowEngine(const FlowOptions& options, ShardSet shards, RecordSink& records);

  void tell_notice(const FlowPacket& packet, std::uint64_t hash);
  void shrink();
  void take_chunk(std::span<FlowPacket> packets, std::span<Uid> uids);
  [[nodiscard]] FlowShard& shard(std::uint32_t index) noexcept {
    return shards_[static_cast<std::size_t>(place_[index])];
  }
  void move_clock(Timestamp now);
  [[nodiscard]] Duration interval_before(Timestamp time, Duration interval) const noexcept;
  void advance_to(Tick tick);
  void expire(Tick tick);
  void report_before(Tick tick);
  [[nodiscard]] StatsRecord take_stats(Timestamp time) noexcept;
  [[nodiscard]] CaptureLossRecord take_loss(Timestamp time) noexcept;
  void tell(std::uint64_t tick, const StatsRecord& stats);
  void tell(std::uint64_t tick, const CaptureLossRecord& loss);

  const FlowOptions options_;
  RecordSink& records_;
  FlowCounters counters_;
  const FlowServices services_;
  const HashSecret secret_;
  const ShardSet owned_;
  TimerWheel wheel_;
  std::array<std::int8_t, kAllShards> place_;  // in `shards_`; -1: not ours
  std::vector<FlowShard> shards_;
  NoticeFilter notices_;
  std::uint32_t share_ = kWholeShare;
  std::size_t next_shrunk_ = 0;  // in `shards_`
  bool started_ = false;
  Timestamp begun_;
  Tick tick_ = 0;
  Timestamp now_;

  // What stats.log and capture_loss.log have told of, and when they tell next.
  struct Told {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::array<std::uint64_t, kFlowKinds> begun{};
    std::uint64_t evicted = 0;
    std::uint64_t acknowledgements = 0;
    std::uint64_t gaps = 0;
  };
  std::uint64_t packets_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t next_ordinal_ = 0;
  Told told_;
  Told loss_told_;
  Timestamp next_stats_;
  Timestamp next_loss_;
};

}  // namespace weir::protocol
