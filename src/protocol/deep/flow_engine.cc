#include "protocol/deep/flow_engine.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace weir::protocol {
namespace {

// Far enough ahead that memory answers in time, and few enough that nothing is pushed out again.
constexpr std::size_t kChunk = 64;

// As Zeek's stats.log and capture_loss.log; at multiples of them in packet time, so that engines
// that began at different times tell of the same intervals.
constexpr Duration kStatsInterval = std::chrono::minutes(5);
constexpr Duration kLossInterval = std::chrono::minutes(15);

constexpr std::uint64_t kLastRank = ~std::uint64_t{0};

// The last multiple of `interval` that is not after `time`.
Timestamp last_multiple(Timestamp time, Duration interval) noexcept {
  const std::int64_t step = interval.count();
  const std::int64_t rest = ((time.ns % step) + step) % step;
  return {time.ns - rest};
}
Timestamp next_multiple(Timestamp time, Duration interval) noexcept {
  return last_multiple(time, interval) + interval;
}

}  // namespace

ShardSet all_shards() noexcept { return ShardSet().set(); }
ShardSet carrier_shard() noexcept { return ShardSet().set(kCarrierShard); }

Result<std::unique_ptr<FlowEngine>> FlowEngine::make(const FlowOptions& options, ShardSet shards,
                                                     RecordSink& records) {
  std::unique_ptr<FlowEngine> engine(new FlowEngine(options, shards, records));
  const auto flows_max = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(options.flows_max / kAllShards, 16, 1u << 28));
  engine->shards_.reserve(shards.count());
  for (std::uint32_t shard = 0; shard < kAllShards; ++shard) {
    engine->place_[shard] = -1;
    if (!shards.test(shard)) continue;
    WEIR_TRY(FlowShard one, FlowShard::make(shard, flows_max, engine->services_, engine->wheel_));
    engine->place_[shard] = static_cast<std::int8_t>(engine->shards_.size());
    engine->shards_.push_back(std::move(one));
  }
  return engine;
}

FlowEngine::FlowEngine(const FlowOptions& options, ShardSet shards, RecordSink& records)
    : options_(options),
      records_(records),
      services_{options_, records_, counters_},
      secret_(random_hash_secret()),
      owned_(shards) {}

void FlowEngine::take(std::span<FlowPacket> packets, std::span<Uid> uids) {
  for (std::size_t at = 0; at < packets.size(); at += kChunk) {
    const std::size_t count = std::min(kChunk, packets.size() - at);
    take_chunk(packets.subspan(at, count), uids.empty() ? uids : uids.subspan(at, count));
  }
  if (share_ != kWholeShare) [[unlikely]]
    shrink();
  if (started_ && !packets.empty()) passed(next_ordinal_);
}

void FlowEngine::limit_flows(std::uint32_t sixteenths) noexcept {
  share_ = std::clamp(sixteenths, 1u, kWholeShare);
}

// Where it stopped the last time it goes on, so that all shards have their turn.
void FlowEngine::shrink() {
  const RecordOrder order{.tick = order_tick(tick_), .rank = first_rank_of(next_ordinal_)};
  std::uint32_t left = kEvictionsMax;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    FlowShard& one = shards_[next_shrunk_];
    if (one.index() != kCarrierShard) {
      const FlowShard::Bound bound{.flows = one.flows_max() * share_ / kWholeShare,
                                   .evictions = left};
      left -= one.shrink(bound, {.order = order, .time = now_, .tick = tick_}, secret_);
    }
    if (left == 0) return;
    next_shrunk_ = (next_shrunk_ + 1) % shards_.size();
  }
}

void FlowEngine::passed(std::uint64_t ordinal) {
  next_ordinal_ = ordinal;
  if (started_) records_.reached({.tick = order_tick(tick_), .rank = first_rank_of(next_ordinal_)});
}

void FlowEngine::take_chunk(std::span<FlowPacket> packets, std::span<Uid> uids) {
  std::array<std::uint64_t, kChunk> hashes;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (!owned_.test(packets[i].shard)) continue;
    hashes[i] = key_hash(packets[i].key, secret_);
    shard(packets[i].shard).prefetch_entry(hashes[i]);
  }
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (owned_.test(packets[i].shard)) shard(packets[i].shard).prefetch_flow(hashes[i]);
  }
  for (std::size_t i = 0; i < packets.size(); ++i) {
    FlowPacket& packet = packets[i];
    if (!owned_.test(packet.shard)) continue;
    move_clock(packet.now);
    packet.now = now_;
    next_ordinal_ = packet.ordinal + 1;
    if (packet.is_notice) {
      tell_notice(packet, hashes[i]);
      if (!uids.empty()) uids[i] = {};
      continue;
    }
    FlowShard& one = shard(packet.shard);
    const PoolIndex flow = one.take(packet, hashes[i], tick_, secret_);
    counters_.packets.add(1);
    if (packet.carries_next || !uids.empty()) {
      const Uid uid = one.uid_of(flow);
      if (!uids.empty()) uids[i] = uid;
      if (packet.carries_next) (&packet)[1].parent = uid;
    }
    if (!packet.carries_next) {
      ++packets_;
      bytes_ += packet.ip_bytes;
    }
  }
}

void FlowEngine::tell_notice(const FlowPacket& packet, std::uint64_t hash) {
  const auto name = static_cast<std::uint64_t>(packet.notice) + 1;
  if (!notices_.passes(hash * (2 * name + 1), now_)) return;
  const FlowKey& key = packet.key;
  records_.take({.order = {.tick = order_tick(tick_), .rank = rank_of(packet)},
                 .body = WeirdRecord{.time = packet.time,
                                     .ends = {.originator = key.low,
                                              .responder = key.high,
                                              .ip_protocol = key.ip_protocol,
                                              .ip_version = key.ip_version},
                                     .has_ends = true,
                                     .tenant = key.tenant,
                                     .name = packet.notice}});
}

void FlowEngine::advance(Timestamp now) {
  move_clock(now);
  if (share_ != kWholeShare) [[unlikely]]
    shrink();
  records_.reached({.tick = order_tick(tick_), .rank = first_rank_of(next_ordinal_)});
}

void FlowEngine::begin(Timestamp first) {
  if (started_) return;
  started_ = true;
  begun_ = now_ = first;
  tick_ = tick_of(first);
  next_stats_ = next_multiple(first, kStatsInterval);
  next_loss_ = next_multiple(first, kLossInterval);
}

// How long the interval was that ends at `time`: the first one begins with the capture, and the
// last one ends with it.
Duration FlowEngine::interval_before(Timestamp time, Duration interval) const noexcept {
  return time - std::max(begun_, last_multiple(time + Duration(-1), interval));
}

void FlowEngine::move_clock(Timestamp now) {
  if (now.ns == std::numeric_limits<std::int64_t>::min()) return;  // no packet yet
  if (!started_) return begin(now);
  if (now <= now_) return;
  now_ = now;
  if (tick_of(now) != tick_) advance_to(tick_of(now));
}

// Each tick that has passed is looked at, as long as there is something that time can end.
void FlowEngine::advance_to(Tick tick) {
  while (tick_ < tick) {
    expire(tick_);
    tick_ = wheel_.armed() == 0 ? tick : tick_ + 1;
    report_before(tick_);
  }
}

void FlowEngine::expire(Tick tick) {
  const std::array<std::uint64_t, 2> occupied = wheel_.occupied(tick);
  for (std::uint32_t word = 0; word < occupied.size(); ++word) {
    for (std::uint64_t bits = occupied[word]; bits != 0; bits &= bits - 1) {
      const auto shard = word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
      shards_[static_cast<std::size_t>(place_[shard])].expire(tick, secret_);
    }
  }
}

// The end of an interval is told when it has passed, unless nothing was there to tell of.
void FlowEngine::report_before(Tick tick) {
  const Timestamp passed = start_of(tick);
  // Every third of the one is the other's: what is told of both comes in the order of time.
  if (next_stats_ < passed) {
    tell(order_tick(tick_of(next_stats_)), take_stats(next_stats_));
    next_stats_ = next_multiple(passed, kStatsInterval);
  }
  if (next_loss_ < passed) {
    tell(order_tick(tick_of(next_loss_)), take_loss(next_loss_));
    next_loss_ = next_multiple(passed, kLossInterval);
  }
}

StatsRecord FlowEngine::take_stats(Timestamp time) noexcept {
  StatsRecord stats{.time = time,
                    .delta = interval_before(time, kStatsInterval),
                    .packets = packets_ - told_.packets,
                    .bytes = bytes_ - told_.bytes,
                    .flows_evicted = counters_.evicted.value() - told_.evicted};
  for (std::size_t kind = 0; kind < stats.flows_begun.size(); ++kind) {
    stats.flows_begun[kind] = counters_.begun[kind].value() - told_.begun[kind];
    stats.flows_active[kind] = counters_.open[kind].value();
    told_.begun[kind] = counters_.begun[kind].value();
  }
  told_.packets = packets_;
  told_.bytes = bytes_;
  told_.evicted = counters_.evicted.value();
  return stats;
}

CaptureLossRecord FlowEngine::take_loss(Timestamp time) noexcept {
  const CaptureLossRecord loss{
      .time = time,
      .delta = interval_before(time, kLossInterval),
      .gaps = counters_.gaps.value() - loss_told_.gaps,
      .acknowledgements = counters_.acknowledgements.value() - loss_told_.acknowledgements};
  loss_told_.gaps = counters_.gaps.value();
  loss_told_.acknowledgements = counters_.acknowledgements.value();
  return loss;
}

void FlowEngine::tell(std::uint64_t tick, const StatsRecord& stats) {
  const bool active = std::any_of(stats.flows_active.begin(), stats.flows_active.end(),
                                  [](std::uint64_t count) { return count != 0; });
  if (stats.packets == 0 && !active) return;
  records_.take({.order = {.tick = tick, .rank = kLastRank}, .body = stats});
}

void FlowEngine::tell(std::uint64_t tick, const CaptureLossRecord& loss) {
  if (loss.acknowledgements == 0) return;
  records_.take({.order = {.tick = tick, .rank = kLastRank}, .body = loss});
}

void FlowEngine::finish(Timestamp now) {
  records_.packets_ended();
  move_clock(now);
  if (!started_) return records_.reached({.tick = kLastRank, .rank = kLastRank});
  const StatsRecord stats = take_stats(now_);
  const CaptureLossRecord loss = take_loss(now_);
  for (FlowShard& one : shards_) one.stop_reports();
  for (; wheel_.armed() != 0; ++tick_) expire(tick_);
  tell(kLastRank, stats);
  tell(kLastRank, loss);
  records_.reached({.tick = kLastRank, .rank = kLastRank});
}

std::uint64_t FlowEngine::flow_count() const noexcept {
  std::uint64_t count = 0;
  for (const FlowShard& one : shards_) count += one.flow_count();
  return count;
}

}  // namespace weir::protocol
