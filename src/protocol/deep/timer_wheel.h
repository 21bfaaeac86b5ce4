// When flows are looked at again: for each tick of the flow clock and each shard a list of flows,
// linked through the flows themselves. Ticks are 268 ms (2^28 ns) of packet time, the wheel holds
// nine minutes of them; what is due later is put as far ahead as goes, and put again then.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "protocol/deep/flow.h"
#include "protocol/deep/pool.h"

namespace weir::protocol {

using Tick = std::int64_t;
inline constexpr unsigned kTickBits = 28;
constexpr Tick tick_of(Timestamp time) noexcept { return time.ns >> kTickBits; }
constexpr Timestamp start_of(Tick tick) noexcept { return {tick << kTickBits}; }
// As records carry it (RecordOrder): never negative, so that times before 1970 sort too.
constexpr std::uint64_t order_tick(Tick tick) noexcept {
  constexpr Tick kOffset = Tick{1} << 40;
  return static_cast<std::uint64_t>(tick + kOffset);
}

// For all shards of one engine. One owner.
class TimerWheel {
 public:
  static constexpr std::uint32_t kSlots = 2048;

  TimerWheel() : heads_(std::size_t{kSlots} * kAllShards, kNoIndex), occupied_(kSlots) {}

  // Puts the flow under the tick of `due`, but after `now` and within what the wheel holds; sets
  // its deadline accordingly.
  void arm(Pool<Flow>& flows, std::uint32_t shard, PoolIndex index, Timestamp due,
           Tick now) noexcept {
    // Not the slot of the tick before `now`: whoever works through that one would never end.
    const Tick latest = now + static_cast<Tick>(kSlots) - 2;
    if (tick_of(due) < now) due = start_of(now);
    if (tick_of(due) > latest) due = start_of(latest);
    Flow& flow = flows[index];
    flow.deadline = due;
    PoolIndex& first = head(tick_of(due), shard);
    flow.previous = kNoIndex;
    flow.next = first;
    if (first != kNoIndex) {
      flows[first].previous = index;
    } else {
      mark(tick_of(due), shard, true);
    }
    first = index;
    ++armed_;
  }
  void disarm(Pool<Flow>& flows, std::uint32_t shard, PoolIndex index) noexcept {
    Flow& flow = flows[index];
    if (flow.next != kNoIndex) flows[flow.next].previous = flow.previous;
    if (flow.previous != kNoIndex) {
      flows[flow.previous].next = flow.next;
    } else {
      const Tick tick = tick_of(flow.deadline);
      head(tick, shard) = flow.next;
      if (flow.next == kNoIndex) mark(tick, shard, false);
    }
    --armed_;
  }
  // The flow under the tick that was put there last; kNoIndex: none.
  [[nodiscard]] PoolIndex first(Tick tick, std::uint32_t shard) const noexcept {
    return heads_[place(tick, shard)];
  }
  // The shards that have flows under the tick, bit by bit.
  [[nodiscard]] std::array<std::uint64_t, 2> occupied(Tick tick) const noexcept {
    return occupied_[slot(tick)];
  }
  [[nodiscard]] std::uint64_t armed() const noexcept { return armed_; }

 private:
  static std::size_t slot(Tick tick) noexcept {
    return static_cast<std::size_t>(tick) & (kSlots - 1);
  }
  static std::size_t place(Tick tick, std::uint32_t shard) noexcept {
    return slot(tick) * kAllShards + shard;
  }
  PoolIndex& head(Tick tick, std::uint32_t shard) noexcept { return heads_[place(tick, shard)]; }
  void mark(Tick tick, std::uint32_t shard, bool occupied) noexcept {
    std::uint64_t& word = occupied_[slot(tick)][shard / 64];
    const std::uint64_t bit = std::uint64_t{1} << (shard % 64);
    word = occupied ? word | bit : word & ~bit;
  }

  std::vector<PoolIndex> heads_;
  std::vector<std::array<std::uint64_t, 2>> occupied_;
  std::uint64_t armed_ = 0;
};

}  // namespace weir::protocol
