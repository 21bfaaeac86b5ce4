#include "protocol/deep/flow_shard.h"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/deep/likely_server_ports.h"
#include "protocol/deep/tcp_tracker.h"

namespace weir::protocol {
namespace {

constexpr std::uint64_t kByTime = std::uint64_t{1} << 63;

constexpr IpAddress kBroadcast = {
    {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

std::size_t kind_of(const Flow& flow) noexcept { return static_cast<std::size_t>(flow.kind); }

void adjust(telemetry::Counter& gauge, std::int64_t by) noexcept {
  gauge.set(gauge.value() + static_cast<std::uint64_t>(by));
}

// The beginning was not seen: is the sender the one that looks like a server?
bool looks_answered(const FlowPacket& packet) noexcept {
  const bool high = packet.sender == End::High;
  const std::uint16_t source = high ? packet.key.high_port : packet.key.low_port;
  const std::uint16_t destination = high ? packet.key.low_port : packet.key.high_port;
  if (packet.kind == FlowKind::Udp) {
    return likely_udp_server_port(source) && !likely_udp_server_port(destination);
  }
  if (packet.kind != FlowKind::Tcp || packet.bad_header) return false;
  const bool syn = (packet.tcp_flags & kTcpSyn) != 0;
  const bool ack = (packet.tcp_flags & kTcpAck) != 0;
  if ((syn && !ack) || !likely_tcp_server_port(source)) return false;
  // Both may be: the lower port is the better guess. But a SYN with ACK to a server may be a scan.
  if (likely_tcp_server_port(destination)) return !syn && source < destination;
  return true;
}

}  // namespace

Result<FlowShard> FlowShard::make(std::uint32_t index, std::uint32_t flows_max,
                                  const FlowServices& services, TimerWheel& wheel) {
  WEIR_TRY(FlowNotes notes, FlowNotes::make(services, flows_max));
  FlowShard shard(index, services, wheel, std::move(notes));
  WEIR_TRY(shard.flows_, Pool<Flow>::reserve(flows_max));
  WEIR_TRY(shard.table_, FlowTable::make());
  return shard;
}

void FlowShard::prefetch_flow(std::uint64_t hash) const noexcept {
  constexpr std::size_t kCacheLineBytes = 64;
  const PoolIndex index = table_.likely(hash);
  if (index == kNoIndex) return;
  const Flow& flow = flows_[index];
  const auto* bytes = static_cast<const std::uint8_t*>(static_cast<const void*>(&flow));
  for (std::size_t at = 0; at < sizeof(Flow); at += kCacheLineBytes) {
    __builtin_prefetch(bytes + at, 1);
  }
}

PoolIndex FlowShard::take(const FlowPacket& packet, std::uint64_t hash, Tick tick,
                          const HashSecret& secret) {
  now_ = tick;
  notes_.at({.tick = order_tick(tick), .rank = rank_of(packet)}, packet.time);
  bool fresh = false;
  const PoolIndex index = find_or_begin(packet, hash, secret, fresh);
  Flow& flow = flows_[index];
  if (!fresh && packet.parent != flow.parent) follow_parent(flow, packet);

  const bool complete = apply(flow, packet);
  if (complete && flow.closing == 0) {
    if (!fresh) wheel_->disarm(flows_, index_, index);
    flow.closing = 1;
    wheel_->arm(flows_, index_, index, packet.now + services_.options.timeouts.tcp_linger, tick);
    earliest_ = std::min(earliest_, tick_of(flow.deadline));
  } else if (fresh) {
    wheel_->arm(flows_, index_, index, next_look(flow, tick), tick);
    earliest_ = std::min(earliest_, tick_of(flow.deadline));
  }
  return index;
}

// TCP has no room to keep it.
Uid FlowShard::uid_of(PoolIndex index) noexcept {
  Flow& flow = flows_[index];
  if (static_cast<FlowKind>(flow.kind) == FlowKind::Tcp) return notes_.uid_of(flow);
  if (flow.datagram.uid.empty()) flow.datagram.uid = notes_.uid_of(flow);
  return flow.datagram.uid;
}

PoolIndex FlowShard::find_or_begin(const FlowPacket& packet, std::uint64_t hash,
                                   const HashSecret& secret, bool& fresh) {
  PoolIndex index =
      table_.find(hash, [&](PoolIndex candidate) { return flows_[candidate].key == packet.key; });
  if (index != kNoIndex) {
    Flow& flow = flows_[index];
    const bool over = end_of(flow) <= packet.now;
    if (!over &&
        (packet.kind != FlowKind::Tcp || !TcpTracker(flow, notes_, packet).begins_anew())) {
      return index;
    }
    // Another flow with this key: in the room of the one before.
    const auto incarnation =
        static_cast<std::uint8_t>(flow.first == packet.time ? flow.incarnation + 1 : 0);
    wheel_->disarm(flows_, index_, index);
    end(flow, over ? FlowEnd::Timeout : FlowEnd::Reused);
    begin(flow, packet, incarnation);
    fresh = true;
    return index;
  }
  index = take_room(secret);
  while (!table_.insert(hash, index)) {
    // No memory for a larger table: one flow must go.
    const bool evicted = evict(secret);
    WEIR_ASSERT(evicted);
  }
  begin(flows_[index], packet, 0);
  fresh = true;
  return index;
}

PoolIndex FlowShard::take_room(const HashSecret& secret) {
  PoolIndex index = flows_.take();
  if (index != kNoIndex) return index;
  const bool evicted = evict(secret);
  WEIR_ASSERT(evicted);
  return flows_.take();
}

// Ends the flow that would end soonest by itself: attempts that nobody answered and connections
// that have closed come before those that live.
bool FlowShard::evict(const HashSecret& secret) {
  constexpr std::uint32_t kTries = 8;
  std::uint32_t tries = 0;
  earliest_ = std::max(earliest_, now_);
  for (std::uint32_t ticks = 0; ticks < TimerWheel::kSlots; ++ticks, ++earliest_) {
    for (PoolIndex index = wheel_->first(earliest_, index_); index != kNoIndex;) {
      Flow& flow = flows_[index];
      if (tick_of(end_of(flow)) <= earliest_ || ++tries == kTries) {
        wheel_->disarm(flows_, index_, index);
        services_.counters.evicted.add(1);
        end(flow, FlowEnd::Evicted);
        remove(index, secret);
        return true;
      }
      const PoolIndex passed_over = std::exchange(index, flow.next);
      // It waits there to be told of.
      if (next_report(flow, start_of(earliest_)) < start_of(earliest_ + 1)) continue;
      // It was put there before its last packets came.
      wheel_->disarm(flows_, index_, passed_over);
      wheel_->arm(flows_, index_, passed_over, next_look(flow, earliest_ + 1), earliest_ + 1);
    }
  }
  return false;
}

std::uint32_t FlowShard::shrink(Bound bound, const Moment& when, const HashSecret& secret) {
  if (table_.count() <= bound.flows) return 0;
  now_ = std::max(now_, when.tick);
  notes_.at(when.order, when.time);
  std::uint32_t evicted = 0;
  while (table_.count() > bound.flows && evicted < bound.evictions && evict(secret)) ++evicted;
  return evicted;
}

void FlowShard::begin(Flow& flow, const FlowPacket& packet, std::uint8_t incarnation) {
  flow = Flow{};
  flow.key = packet.key;
  flow.first = packet.time;
  flow.seen(packet.time, packet.now);
  flow.kind = static_cast<std::uint8_t>(packet.kind) & 7;
  flow.incarnation = incarnation;
  flow.next = flow.previous = flow.extra = kNoIndex;
  flow.parent = packet.parent;
  flow.store_ref = packet.store_ref;
  if (packet.kind == FlowKind::Tcp) {
    flow.tcp = {};
  } else {
    flow.datagram = {};
  }
  choose_originator(flow, packet);
  services_.counters.begun[kind_of(flow)].add(1);
  adjust(services_.counters.open[kind_of(flow)], 1);
}

void FlowShard::choose_originator(Flow& flow, const FlowPacket& packet) {
  const bool high = packet.sender == End::High;
  flow.originator_high = high ? 1 : 0;
  const IpAddress& receiver = high ? packet.key.low : packet.key.high;
  if (looks_answered(packet) && receiver != kBroadcast) notes_.flip_roles(flow);
}

void FlowShard::end(Flow& flow, FlowEnd why) {
  const auto kind = static_cast<FlowKind>(flow.kind);
  if (kind == FlowKind::IpTunnel) {
    // A capture that ends says nothing about tunnels.
    if (flow.discovered != 0 && reports_) {
      notes_.tell_tunnel(flow, TunnelAction::Expire, notes_.time());
    }
  } else {
    notes_.tell(flow, why);
    if (flow.discovered != 0) notes_.tell_tunnel(flow, TunnelAction::Close, notes_.time());
  }
  notes_.free_extra(flow);
  adjust(services_.counters.open[kind_of(flow)], -1);
}

void FlowShard::remove(PoolIndex index, const HashSecret& secret) {
  table_.erase(key_hash(flows_[index].key, secret), index);
  flows_.give_back(index);
}

void FlowShard::expire(Tick tick, const HashSecret& secret) {
  for (;;) {
    const PoolIndex index = wheel_->first(tick, index_);
    if (index == kNoIndex) return;
    Flow& flow = flows_[index];
    const Timestamp end_time = end_of(flow);
    wheel_->disarm(flows_, index_, index);
    notes_.at({.tick = order_tick(tick), .rank = kByTime | index_},
              reports_ ? end_time : flow.seen_at());
    if (tick_of(end_time) <= tick) {
      end(flow, FlowEnd::Timeout);
      remove(index, secret);
      continue;
    }
    if (reports_ && next_report(flow, start_of(tick)) < start_of(tick + 1)) {
      notes_.tell(flow, FlowEnd::Interval);
    }
    wheel_->arm(flows_, index_, index, next_look(flow, tick + 1), tick + 1);
    earliest_ = std::min(earliest_, tick_of(flow.deadline));
  }
}

Timestamp FlowShard::end_of(const Flow& flow) const noexcept {
  if (flow.closing != 0) return flow.deadline;
  const FlowTimeouts& timeouts = services_.options.timeouts;
  const Timestamp seen = flow.seen_at();
  switch (static_cast<FlowKind>(flow.kind)) {
    case FlowKind::Udp:
      return seen + timeouts.udp;
    case FlowKind::Icmp:
      return seen + timeouts.icmp;
    case FlowKind::Other:
      return seen + timeouts.other;
    case FlowKind::IpTunnel:
      return seen + timeouts.ip_tunnel;
    case FlowKind::Tcp:
      break;
  }
  if (flow.interactive != 0) return seen + timeouts.tcp_interactive;
  if (flow.handshake_done != 0) return seen + timeouts.tcp;
  const TcpState originator = flow.tcp[index_of(flow.originator())].state;
  const TcpState responder = flow.tcp[index_of(other(flow.originator()))].state;
  // Inactive: every packet so far was unusable.
  const bool attempt = (originator == TcpState::Inactive || originator == TcpState::SynSent ||
                        originator == TcpState::SynAckSent) &&
                       responder == TcpState::Inactive;
  const Timestamp idle = seen + timeouts.tcp_handshake;
  if (!attempt) return idle;
  // Repeating the SYN does not make it live longer.
  return std::min(idle, (flow.lag.none() ? flow.first : seen) + timeouts.tcp_attempt);
}

// The first moment from `now` on at which a flow that goes on is told.
Timestamp FlowShard::next_report(const Flow& flow, Timestamp now) const noexcept {
  const Duration interval = services_.options.report_interval;
  if (interval <= Duration(0) || flow.kind == static_cast<std::uint8_t>(FlowKind::IpTunnel)) {
    return {std::numeric_limits<std::int64_t>::max()};
  }
  const std::int64_t passed = std::max<std::int64_t>(0, (now - flow.first).count() - 1);
  return flow.first + interval * (passed / interval.count() + 1);
}

Timestamp FlowShard::next_look(const Flow& flow, Tick now) const noexcept {
  const Timestamp over = end_of(flow);
  return reports_ ? std::min(over, next_report(flow, start_of(now))) : over;
}

bool FlowShard::apply(Flow& flow, const FlowPacket& packet) {
  switch (packet.kind) {
    case FlowKind::Tcp:
      return apply_tcp(flow, packet);
    case FlowKind::Udp:
      apply_udp(flow, packet);
      break;
    case FlowKind::Icmp:
      apply_icmp(flow, packet);
      break;
    case FlowKind::Other:
    case FlowKind::IpTunnel:
      touch(flow, packet);
      flow.seen(packet.time, packet.now);
      break;
  }
  if (packet.carries_next) apply_carrier(flow, packet);
  return false;
}

void FlowShard::touch(Flow& flow, const FlowPacket& packet) noexcept {
  flow.packets[index_of(packet.sender)] += 1;
  flow.ip_bytes[index_of(packet.sender)] += packet.ip_bytes;
}

namespace {

// Whether the checksum leaves the packet out, and what a good one says of its direction.
bool refused_by_checksum(Flow& flow, const FlowPacket& packet, ChecksumMode mode) noexcept {
  const unsigned bit = 1u << index_of(packet.sender);
  if (packet.checksum == Checksum::Good) flow.sent_good = (flow.sent_good | bit) & 3;
  if (packet.checksum != Checksum::Bad) return false;
  return mode == ChecksumMode::Verify ||
         (mode == ChecksumMode::Auto && (flow.sent_good & bit) != 0);
}

}  // namespace

bool FlowShard::apply_tcp(Flow& flow, const FlowPacket& packet) {
  if (packet.bad_header) {
    notes_.weird(flow, Weird::BadTcpHeaderLen);
    return false;
  }
  if (refused_by_checksum(flow, packet, services_.options.checksums)) {
    notes_.weird(flow, Weird::BadTcpChecksum);
    notes_.scaled(flow, packet.sender, ScaledEvent::BadChecksum);
    return false;
  }
  const bool complete = TcpTracker(flow, notes_, packet).process();
  touch(flow, packet);
  return complete;
}

void FlowShard::apply_udp(Flow& flow, const FlowPacket& packet) {
  touch(flow, packet);
  if (packet.bad_header) return;
  if (refused_by_checksum(flow, packet, services_.options.checksums)) {
    notes_.weird(flow, Weird::BadUdpChecksum);
    notes_.scaled(flow, packet.sender, ScaledEvent::BadChecksum);
    return;
  }
  constexpr std::uint64_t kHeaderBytes = 8;
  if (packet.stated_payload_bytes != packet.payload_bytes) {
    notes_.weird(flow, Weird::UdpDatagramLengthMismatch, packet.stated_payload_bytes + kHeaderBytes,
                 packet.payload_bytes + kHeaderBytes);
  }
  flow.seen(packet.time, packet.now);
  notes_.letter_once(flow, packet.sender, HistoryLetter::Data, 'D');
  flow.active = (flow.active | 1u << index_of(packet.sender)) & 3;
  flow.datagram.payload_bytes[index_of(packet.sender)] += packet.stated_payload_bytes;
}

void FlowShard::apply_icmp(Flow& flow, const FlowPacket& packet) {
  if (refused_by_checksum(flow, packet, services_.options.checksums)) {
    notes_.weird(flow, Weird::BadIcmpChecksum);
    return;
  }
  touch(flow, packet);
  flow.seen(packet.time, packet.now);
  flow.active = (flow.active | 1u << index_of(packet.sender)) & 3;
  flow.datagram.payload_bytes[index_of(packet.sender)] += packet.payload_bytes;
}

// The first flow inside shows that it is a tunnel.
void FlowShard::apply_carrier(Flow& flow, const FlowPacket& packet) {
  if (flow.discovered != 0) return;
  flow.discovered = 1;
  flow.tunnel = static_cast<std::uint8_t>(packet.tunnel) & 7;
  notes_.tell_tunnel(flow, TunnelAction::Discover, packet.time);
}

void FlowShard::follow_parent(Flow& flow, const FlowPacket& packet) {
  if (!notes_.add_parent(flow, packet.parent)) {
    const FlowExtra* const more = notes_.extra_of(flow);
    const auto bit = static_cast<unsigned>(Weird::TunnelMaxChangesPerConnectionExceeded);
    const bool told = more != nullptr && (more->weirds_told >> bit & 1) != 0;
    notes_.weird(flow, Weird::TunnelMaxChangesPerConnectionExceeded, kTunnelParentsMax - 1);
    if (!told) notes_.letter(flow, flow.originator(), 'X');
  }
  flow.parent = packet.parent;
}

}  // namespace weir::protocol
