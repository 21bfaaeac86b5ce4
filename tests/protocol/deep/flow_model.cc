#include "protocol/deep/flow_model.h"

#include <algorithm>
#include <limits>

#include "protocol/deep/likely_server_ports.h"

namespace weir::protocol {
namespace {

constexpr std::int64_t kTickNs = std::int64_t{1} << 28;

std::int64_t tick_at(Timestamp time) {
  std::int64_t tick = time.ns / kTickNs;
  if (time.ns % kTickNs < 0) --tick;
  return tick;
}

std::int64_t signed_difference(std::uint32_t from, std::uint32_t to) {
  return static_cast<std::int32_t>(to - from);
}

// ^?S[^HAFGIQ]*R.* as a regular expression says it.
bool syn_then_reset(const std::string& history) {
  std::size_t at = history.starts_with('^') ? 1 : 0;
  if (at == history.size() || history[at++] != 'S') return false;
  for (; at < history.size(); ++at) {
    if (history[at] == 'R') return true;
    if (std::string("HAFGIQ").find(history[at]) != std::string::npos) return false;
  }
  return false;
}

Endpoints named_ends(const FlowKey& key, End originator) {
  Endpoints ends{.originator = key.low,
                 .responder = key.high,
                 .originator_port = key.low_port,
                 .responder_port = key.high_port,
                 .ip_protocol = key.ip_protocol,
                 .ip_version = key.ip_version};
  if (originator == End::High) {
    std::swap(ends.originator, ends.responder);
    std::swap(ends.originator_port, ends.responder_port);
  }
  return ends;
}

}  // namespace

// ---- One packet of a TCP connection.

class FlowModel::Segment {
 public:
  Segment(FlowModel& model, OneFlow& flow, const FlowPacket& packet)
      : model_(model),
        flow_(flow),
        packet_(packet),
        from_(packet.sender),
        me_(flow.side(packet.sender)),
        peer_(flow.side(other(packet.sender))),
        syn_((packet.tcp_flags & kTcpSyn) != 0),
        fin_((packet.tcp_flags & kTcpFin) != 0),
        rst_((packet.tcp_flags & kTcpRst) != 0),
        ack_((packet.tcp_flags & kTcpAck) != 0) {}

  bool is_reuse() {
    if (packet_.bad_header || !syn_) return false;
    Side& opener = flow_.opener();
    Side& answerer = flow_.answerer();
    if (ack_ && opener.state != State::Nothing) return false;
    if (opener.closed || answerer.closed) return true;
    const Side& beginner = ack_ ? answerer : opener;
    if (packet_.sequence == beginner.start) return false;
    const bool swapped = !ack_ && beginner.state == State::SynAck &&
                         answerer.state == State::Nothing && packet_.sequence == answerer.start;
    return !swapped;
  }

  // True: it completes the end of the connection.
  bool process() {
    const bool opener = from_ == flow_.originator;
    const auto length = static_cast<std::uint32_t>((rst_ ? 0 : packet_.payload_bytes) +
                                                   (syn_ ? 1 : 0) + (fin_ ? 1 : 0));
    const std::uint32_t end = packet_.sequence + length;
    if (opener) {
      if (!flow_.originator_seen) flow_.partial = !syn_ || ack_;
    } else if (!flow_.responder_seen && !flow_.partial) {
      flow_.partial = !syn_;
    }
    number_sender(end);

    const Place place = place_of(me_, packet_.sequence, me_.last, me_.last_wraps);
    write_history(place.relative);
    if (packet_.window == 0 && !rst_ && peer_.state != State::Closed && me_.state != State::Reset) {
      event(flow_, from_, 'W');
    }
    if (!me_.closed || !peer_.closed) {
      flow_.last = packet_.time;
      model_.note_seen(flow_, packet_);
    }
    if (fin_) {
      me_.fin_seen = true;
      me_.fin = static_cast<std::uint64_t>(place.relative) + length;
    }
    std::int64_t acknowledged = 0;
    if (ack_) acknowledged = take_acknowledgement();
    const std::int64_t advanced = advance(end);

    bool closes = change_state(opener, advanced);
    if (ack_) acknowledge(other(from_), acknowledged);
    (opener ? flow_.originator_seen : flow_.responder_seen) = true;
    if (packet_.payload_bytes > 0 && !rst_ && !place.before_start && !packet_.payload_cut) {
      send(place.relative + (syn_ ? 1 : 0), packet_.payload_bytes);
    }
    check_end(from_);
    if (closes) close(from_);
    return complete_;
  }

 private:
  struct Place {
    std::int64_t relative = 0;
    bool before_start = false;
  };

  static bool beginning(State state) {
    return state == State::Nothing || state == State::Syn || state == State::SynAck;
  }

  void set(Side& side, State state) {
    if (side.state == state) return;
    const Side& opposite = &side == &me_ ? peer_ : me_;
    if (!beginning(state) && beginning(side.state) && beginning(opposite.state)) {
      flow_.handshake_done = true;
    }
    side.before = side.state;
    side.state = state;
  }

  void number_sender(std::uint32_t end) {
    const auto begin_at = [&](std::uint32_t start, std::uint32_t last) {
      me_.start = me_.acknowledged = start;
      me_.last = last;
    };
    if (me_.state == State::Nothing) {
      if (syn_) {
        begin_at(packet_.sequence, end);
      } else {
        begin_at(packet_.sequence - 1, packet_.sequence);
      }
      return;
    }
    if (!syn_ || me_.state == State::Closed) return;
    if (me_.state == State::Reset && me_.before != State::Nothing) return;
    const bool first_only = me_.state == State::Syn || me_.state == State::SynAck;
    if (first_only && packet_.sequence == me_.start) return;
    begin_at(packet_.sequence, end);
  }

  // `last` with its wraps is the latest number of that kind.
  static Place place_of(const Side& side, std::uint32_t number, std::uint32_t last,
                        std::uint64_t wraps) {
    const std::int64_t delta = signed_difference(last, number);
    if (delta < 0 && number > last && wraps > 0) --wraps;
    if (delta > 0 && number < last) ++wraps;
    if (wraps == 0) {
      const std::int64_t relative = signed_difference(side.start, number);
      return {relative, relative < 0};
    }
    return {static_cast<std::int64_t>((wraps << 32) + number) - std::int64_t{side.start}, false};
  }

  void write_history(std::int64_t relative) {
    const int flags = (syn_ ? 1 : 0) + (fin_ ? 1 : 0) + (rst_ ? 1 : 0);
    if (flags > 1) {
      letter_once(flow_, from_, fin_ && rst_ ? 'I' : 'Q', fin_ && rst_ ? 'I' : 'Q');
    } else if (syn_) {
      // Of the places of SYN and RST only the low 8 and 16 bits are kept.
      const auto at = static_cast<std::uint8_t>(relative);
      const char code = ack_ ? 'H' : 'S';
      if (!letter_once(flow_, from_, 'S', code) && at != me_.syn_at) letter(flow_, from_, code);
      me_.syn_at = at;
    } else if (fin_) {
      // Compared with the last FIN, also when that came with other flags.
      const auto at = static_cast<std::uint32_t>(relative + packet_.payload_bytes + 1);
      if (!letter_once(flow_, from_, 'F', 'F') && at != static_cast<std::uint32_t>(me_.fin)) {
        letter(flow_, from_, 'F');
      }
    } else if (rst_) {
      const auto at = static_cast<std::uint16_t>(relative);
      if (!letter_once(flow_, from_, 'R', 'R') && at != me_.rst_at) letter(flow_, from_, 'R');
      me_.rst_at = at;
    } else if (packet_.payload_bytes > 0 || ack_) {
      if (flow_.history == "H") {
        flip("^h");
        flow_.partial = false;
      }
      const char code = packet_.payload_bytes > 0 ? 'D' : 'A';
      letter_once(flow_, from_, code, code);
    }
  }

  void flip(const std::string& history) {
    flow_.originator = other(flow_.originator);
    flow_.history = history;
    flow_.responder_seen = flow_.originator_seen;
    flow_.originator_seen = true;
  }

  std::int64_t take_acknowledgement() {
    if (peer_.state == State::Nothing) {
      peer_.start = peer_.acknowledged = peer_.last = packet_.acknowledgement - 1;
      return 1;
    }
    const Place place =
        place_of(peer_, packet_.acknowledgement, peer_.acknowledged, peer_.acknowledged_wraps);
    if (place.before_start) return 0;
    const std::int64_t further = signed_difference(peer_.acknowledged, packet_.acknowledgement);
    const bool broken = packet_.acknowledgement == 0 && further > (1 << 20);
    if (!rst_ && further > 0 && !broken) {
      if (packet_.acknowledgement < peer_.acknowledged) ++peer_.acknowledged_wraps;
      peer_.acknowledged = packet_.acknowledgement;
    }
    return place.relative;
  }

  std::int64_t advance(std::uint32_t end) {
    const std::int64_t delta = signed_difference(me_.last, end);
    if ((syn_ || rst_) && std::abs(delta) > (1 << 20)) return delta;
    const bool lone_fin = fin_ && me_.last == me_.start + 1;
    if (lone_fin || (me_.state != State::Reset && delta > 0)) {
      if (end < me_.last) ++me_.last_wraps;
      me_.last = end;
    } else if (me_.state != State::Reset && packet_.payload_bytes > 0) {
      event(flow_, from_, 'T');
    }
    return delta;
  }

  bool change_state(bool opener, std::int64_t advanced) {
    (void)advanced;
    bool closes = false;
    switch (me_.state) {
      case State::Nothing:
        if (syn_ && opener) set(me_, ack_ ? State::SynAck : State::Syn);
        if (syn_ && !opener) answered();
        if (fin_) set(me_, State::Closed);
        if (rst_) set(me_, State::Reset);
        closes = fin_ || rst_;
        if (me_.state == State::Nothing) no_flags(opener);
        break;
      case State::Syn:
      case State::SynAck:
        if (fin_) set(me_, State::Closed);
        if (rst_) set(me_, State::Reset);
        closes = fin_ || rst_;
        break;
      case State::Established:
      case State::Partial:
        if (syn_ && !ack_ && me_.state == State::Partial && peer_.state == State::Nothing) {
          set(me_, State::Syn);
        }
        if (fin_ && !rst_) {
          set(me_, State::Closed);
          if (peer_.state == State::Reset && peer_.before == State::Closed) {
            set(peer_, State::Closed);
          }
        }
        if (rst_) set(me_, State::Reset);
        closes = fin_ || rst_;
        break;
      case State::Closed:
        if (rst_ && peer_.state != State::Closed) {
          set(me_, State::Reset);
          closes = !me_.closed;
        }
        break;
      case State::Reset:
        break;
    }
    return closes;
  }

  void answered() {
    if (!ack_ && peer_.state == State::SynAck && packet_.sequence == me_.start) {
      flow_.partial = false;
      std::string history = flow_.history;
      if (history.size() < kHistoryMax) history += '^';
      flip(history);
      set(peer_, State::Established);
    }
    if (peer_.state == State::Syn) set(peer_, State::Established);
    set(me_, State::Established);
    if (peer_.state == State::Partial) return;
    const Endpoints ends = named_ends(flow_.key, flow_.originator);
    std::uint16_t port = ends.responder_port;
    if (flow_.opener().state == State::Nothing && !likely_tcp_server_port(port) &&
        likely_tcp_server_port(ends.originator_port)) {
      port = ends.originator_port;
    }
    if (port == 21 || port == 22 || port == 23 || port == 513) flow_.interactive = true;
  }

  void no_flags(bool opener) {
    if (!opener && packet_.payload_bytes == 0 && flow_.opener().state == State::Syn) return;
    if (ack_ && peer_.state == State::Established) {
      set(me_, State::Established);
      flow_.partial = false;
      (opener ? flow_.originator_seen : flow_.responder_seen) = true;
    } else {
      set(me_, State::Partial);
    }
  }

  // ---- Data. Numbers are relative to the start and unwrapped to 64 bits, near to what has been
  // acknowledged.

  static std::int64_t unwrap(const Side& side, std::uint32_t relative) {
    return side.trimmed + signed_difference(static_cast<std::uint32_t>(side.trimmed), relative);
  }
  static bool clean(const Side& side) {
    return side.state == State::Established ||
           (side.state == State::Closed && side.before == State::Established);
  }
  static bool nothing_acknowledged(const Side& side) {
    const std::uint64_t wide = (side.acknowledged_wraps << 32) + side.acknowledged;
    return wide == side.start || wide == std::uint64_t{side.start} + 1;
  }

  static void deliver(Side& side) {
    for (const auto& [begin, end] : side.blocks) {
      if (begin > side.delivered) break;
      side.delivered = std::max(side.delivered, end);
    }
  }

  void send(std::int64_t relative, std::uint32_t bytes) {
    if (me_.skipped) return;
    std::int64_t begin = unwrap(me_, static_cast<std::uint32_t>(relative));
    const std::int64_t end = begin + bytes;
    const std::int64_t known = std::max(unwrap(me_, me_.acknowledged - me_.start), me_.trimmed);
    begin = std::max(begin, known);
    if (begin >= end) return;

    // Only what no other block has.
    std::int64_t at = begin;
    std::vector<std::pair<std::int64_t, std::int64_t>> fresh;
    for (const auto& [other_begin, other_end] : me_.blocks) {
      if (other_end <= at) continue;
      if (other_begin >= end) break;
      if (other_begin > at) fresh.emplace_back(at, other_begin);
      at = std::max(at, other_end);
    }
    if (at < end) fresh.emplace_back(at, end);
    for (const auto& [fresh_begin, fresh_end] : fresh) me_.blocks[fresh_begin] = fresh_end;

    const std::int64_t delivered = me_.delivered;
    deliver(me_);
    if (begin <= delivered && nothing_acknowledged(me_) && size_of(flow_, from_) > 16384) {
      trim(me_, me_.delivered);
    }
    std::int64_t held = 0;
    for (const auto& [one_begin, one_end] : me_.blocks) {
      held += one_end - std::max(one_begin, me_.trimmed);
    }
    const bool far = nothing_acknowledged(me_) && !me_.blocks.empty() &&
                     me_.blocks.rbegin()->second - me_.delivered > 16384;
    if (far || held > 10 * 1024 * 1024) {
      me_.blocks.clear();
      me_.skipped = true;
    }
  }

  void acknowledge(End receiver, std::int64_t relative) {
    Side& side = flow_.side(receiver);
    std::int64_t upto = unwrap(side, static_cast<std::uint32_t>(relative));
    const auto fin = static_cast<std::int64_t>(side.fin);
    if (side.fin_seen && fin >= 0) {
      upto = std::min(upto, unwrap(side, static_cast<std::uint32_t>(fin)) - 1);
    }
    if (upto <= side.trimmed) return;
    if (upto > side.delivered) give_up(receiver, upto);
    trim(side, upto);
    check_end(receiver);
  }

  void give_up(End sender, std::int64_t upto) {
    Side& side = flow_.side(sender);
    if (flow_.partial && side.delivered == 1 && upto == 2) return;
    const auto gap = [&](std::int64_t to) {
      if (clean(side) && clean(flow_.side(other(sender)))) {
        event(flow_, sender, 'G');
        flow_.missed += static_cast<std::uint64_t>(to - side.delivered);
      }
      side.delivered = to;
    };
    if (!side.skipped) {
      for (;;) {
        const auto next = side.blocks.lower_bound(side.delivered);
        if (next == side.blocks.end() || next->first >= upto) break;
        gap(next->first);
        deliver(side);
      }
      if (side.delivered < upto) gap(upto);
    }
    side.delivered = std::max(side.delivered, upto);
  }

  static void trim(Side& side, std::int64_t upto) {
    std::erase_if(side.blocks, [&](const auto& block) { return block.second <= upto; });
    deliver(side);
    side.trimmed = upto;
  }

  [[nodiscard]] bool pending(End end) const {
    const Side& side = flow_.side(end);
    if (side.skipped) return false;
    const std::int64_t last = unwrap(side, side.last - side.start);
    if (last < side.delivered) return false;
    if (last != side.delivered && last - 1 != side.delivered) return true;
    return side.state != State::Reset && !flow_.side(other(end)).blocks.empty();
  }

  void check_end(End end) {
    Side& side = flow_.side(end);
    const bool over = side.fin_seen || side.state == State::Closed || side.state == State::Reset;
    if (side.told_end || !over || pending(end)) return;
    side.told_end = true;
    if (flow_.close_waits) {
      close(end);
      flow_.close_waits = false;
    }
  }

  void close(End end) {
    Side& side = flow_.side(end);
    const Side& opposite = flow_.side(other(end));
    flow_.close_waits = pending(end);
    if (flow_.close_waits || side.closed) return;
    side.closed = true;
    if (side.state == State::Reset || opposite.closed || opposite.state == State::Nothing) {
      complete_ = true;
    }
  }

  FlowModel& model_;
  OneFlow& flow_;
  const FlowPacket& packet_;
  const End from_;
  Side& me_;
  Side& peer_;
  const bool syn_;
  const bool fin_;
  const bool rst_;
  const bool ack_;
  bool complete_ = false;
};

// ---- Flows.

void FlowModel::note_seen(OneFlow& flow, const FlowPacket& packet) const {
  flow.last = packet.time;
  const std::int64_t lag = now_.ns - packet.time.ns;
  // Lags are known to the next ms, long ones to the next second.
  const std::int64_t unit =
      lag / 1'000'000 + 1 < (std::int64_t{1} << 31) ? 1'000'000 : 1'000'000'000;
  flow.last_was_late = lag > 0;
  flow.seen_at = lag <= 0 ? packet.time : Timestamp{packet.time.ns + (lag / unit + 1) * unit};
}

void FlowModel::take(std::span<FlowPacket> packets) {
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (!started_ || packets[i].now > now_) now_ = packets[i].now;
    started_ = true;
    pass_ticks(tick_at(now_));
    if (packets[i].is_notice) continue;
    const Uid uid = take(packets[i]);
    if (packets[i].carries_next) packets[i + 1].parent = uid;
  }
}

void FlowModel::finish(Timestamp now) {
  if (!started_ || now > now_) now_ = now;
  pass_ticks(tick_at(now_));
  over_ = true;
  for (const auto& [key, flow] : flows_) end(flow, FlowEnd::Timeout, flow.seen_at);
  flows_.clear();
}

// Everything that is due in ticks before `until`, in order.
void FlowModel::pass_ticks(std::int64_t until) {
  for (;;) {
    auto next = flows_.end();
    std::int64_t next_tick = until;
    for (auto flow = flows_.begin(); flow != flows_.end(); ++flow) {
      std::int64_t due = tick_at(end_of(flow->second));
      if (const auto report = next_report(flow->second)) due = std::min(due, tick_at(*report));
      if (due < next_tick) {
        next_tick = due;
        next = flow;
      }
    }
    if (next == flows_.end()) return;
    OneFlow& flow = next->second;
    if (tick_at(end_of(flow)) <= next_tick) {
      end(flow, FlowEnd::Timeout, end_of(flow));
      flows_.erase(next);
    } else {
      conns.push_back(record_of(flow, FlowEnd::Interval));
      flow.report_from = next_tick + 1;
    }
  }
}

Timestamp FlowModel::end_of(const OneFlow& flow) const {
  if (flow.closing) return *flow.closing;
  const FlowTimeouts& timeouts = options_.timeouts;
  if (flow.kind == FlowKind::Udp) return flow.seen_at + timeouts.udp;
  if (flow.kind == FlowKind::Icmp) return flow.seen_at + timeouts.icmp;
  if (flow.kind == FlowKind::Other) return flow.seen_at + timeouts.other;
  if (flow.kind == FlowKind::IpTunnel) return flow.seen_at + timeouts.ip_tunnel;
  if (flow.interactive) return flow.seen_at + timeouts.tcp_interactive;
  if (flow.handshake_done) return flow.seen_at + timeouts.tcp;
  const Timestamp idle = flow.seen_at + timeouts.tcp_handshake;
  const State opener = flow.side(flow.originator).state;
  const bool attempt =
      (opener == State::Nothing || opener == State::Syn || opener == State::SynAck) &&
      flow.side(other(flow.originator)).state == State::Nothing;
  if (!attempt) return idle;
  return std::min(idle, (flow.last_was_late ? flow.seen_at : flow.first) + timeouts.tcp_attempt);
}

std::optional<Timestamp> FlowModel::next_report(const OneFlow& flow) const {
  const Duration interval = options_.report_interval;
  // What has closed does not go on.
  if (interval <= Duration(0) || flow.kind == FlowKind::IpTunnel || flow.closing) {
    return std::nullopt;
  }
  Timestamp report = flow.first + interval;
  const std::int64_t behind = flow.report_from * kTickNs - report.ns;
  if (behind > 0) {
    report.ns += (behind + interval.count() - 1) / interval.count() * interval.count();
  }
  return report;
}

Uid FlowModel::uid_of(const OneFlow& flow) const {
  return make_uid(flow.key, flow.first, flow.incarnation, options_.uid_seed);
}

FlowModel::OneFlow FlowModel::begin(const FlowPacket& packet, std::uint32_t incarnation) const {
  OneFlow flow;
  flow.key = packet.key;
  flow.kind = packet.kind;
  flow.first = packet.time;
  flow.incarnation = incarnation;
  flow.originator = packet.sender;
  flow.parent = packet.parent;
  if (!packet.parent.empty()) flow.parents.push_back(packet.parent);
  flow.report_from = tick_at(now_);

  // Who looks like a server is one, where the beginning does not say.
  const Endpoints ends = named_ends(packet.key, packet.sender);
  bool answer = false;
  if (packet.kind == FlowKind::Udp) {
    answer = likely_udp_server_port(ends.originator_port) &&
             !likely_udp_server_port(ends.responder_port);
  } else if (packet.kind == FlowKind::Tcp && !packet.bad_header) {
    const bool syn = (packet.tcp_flags & kTcpSyn) != 0;
    const bool ack = (packet.tcp_flags & kTcpAck) != 0;
    const bool unsure = !syn || ack;
    if (unsure && likely_tcp_server_port(ends.originator_port)) {
      answer = !likely_tcp_server_port(ends.responder_port) ||
               (!syn && ends.originator_port < ends.responder_port);
    }
  }
  if (answer) {
    flow.originator = other(flow.originator);
    flow.history = "^";
  }
  return flow;
}

Uid FlowModel::take(const FlowPacket& packet) {
  auto known = flows_.find(packet.key);
  bool fresh = known == flows_.end();
  if (!fresh) {
    OneFlow& old = known->second;
    const bool over = end_of(old) <= now_;
    if (over || (packet.kind == FlowKind::Tcp && Segment(*this, old, packet).is_reuse())) {
      end(old, over ? FlowEnd::Timeout : FlowEnd::Reused, packet.time);
      OneFlow next = begin(packet, old.first == packet.time ? old.incarnation + 1 : 0);
      old = next;
      fresh = true;
      note_seen(old, packet);
    }
  } else {
    known = flows_.emplace(packet.key, begin(packet, 0)).first;
    note_seen(known->second, packet);
  }
  OneFlow& flow = known->second;
  if (!fresh && packet.parent != flow.parent) {
    if (flow.parent_changes < 5) {
      ++flow.parent_changes;
      const bool there =
          std::find(flow.parents.begin(), flow.parents.end(), packet.parent) != flow.parents.end();
      if (!packet.parent.empty() && !there) flow.parents.push_back(packet.parent);
    } else if (!flow.too_many_changes) {
      flow.too_many_changes = true;
      letter(flow, flow.originator, 'X');
    }
    flow.parent = packet.parent;
  }
  if (apply(flow, packet) && !flow.closing) flow.closing = now_ + options_.timeouts.tcp_linger;
  return packet.carries_next ? uid_of(flow) : Uid{};
}

bool FlowModel::refused(OneFlow& flow, const FlowPacket& packet) const {
  Side& side = flow.side(packet.sender);
  if (packet.checksum == Checksum::Good) side.sent_good = true;
  if (packet.checksum != Checksum::Bad || options_.checksums == ChecksumMode::Ignore) return false;
  return options_.checksums == ChecksumMode::Verify || side.sent_good;
}

bool FlowModel::apply(OneFlow& flow, const FlowPacket& packet) {
  Side& side = flow.side(packet.sender);
  const auto count = [&] {
    ++side.packets;
    side.ip_bytes += packet.ip_bytes;
  };
  bool complete = false;
  if (packet.kind == FlowKind::Tcp) {
    if (packet.bad_header) return false;
    if (refused(flow, packet)) {
      event(flow, packet.sender, 'C');
      return false;
    }
    complete = Segment(*this, flow, packet).process();
    count();
  } else if (packet.kind == FlowKind::Udp) {
    count();
    if (!packet.bad_header) {
      if (refused(flow, packet)) {
        event(flow, packet.sender, 'C');
      } else {
        note_seen(flow, packet);
        letter_once(flow, packet.sender, 'D', 'D');
        side.active = true;
        side.payload_bytes += packet.stated_payload_bytes;
      }
    }
  } else if (packet.kind == FlowKind::Icmp) {
    if (!refused(flow, packet)) {
      count();
      note_seen(flow, packet);
      side.payload_bytes += packet.payload_bytes;
    }
  } else {
    count();
    note_seen(flow, packet);
  }
  if (packet.carries_next && !flow.discovered) {
    flow.discovered = true;
    flow.tunnel = packet.tunnel;
    tunnels.push_back({.time = packet.time,
                       .uid = uid_of(flow),
                       .ends = named_ends(flow.key, flow.originator),
                       .tenant = flow.key.tenant,
                       .type = flow.tunnel,
                       .action = TunnelAction::Discover});
  }
  return complete;
}

void FlowModel::end(const OneFlow& flow, FlowEnd why, Timestamp time) {
  const bool tunnel_only = flow.kind == FlowKind::IpTunnel;
  if (!tunnel_only) conns.push_back(record_of(flow, why));
  if (!flow.discovered || (tunnel_only && over_)) return;
  tunnels.push_back({.time = time,
                     .uid = uid_of(flow),
                     .ends = named_ends(flow.key, flow.originator),
                     .tenant = flow.key.tenant,
                     .type = flow.tunnel,
                     .action = tunnel_only ? TunnelAction::Expire : TunnelAction::Close});
}

void FlowModel::letter(OneFlow& flow, End end, char upper) {
  const char written = end == flow.originator ? upper : static_cast<char>(upper + ('a' - 'A'));
  if (flow.history.size() < kHistoryMax) flow.history += written;
}

// True: it is written now.
bool FlowModel::letter_once(OneFlow& flow, End end, char group, char upper) {
  const char kept = end == flow.originator ? group : static_cast<char>(group + ('a' - 'A'));
  if (!flow.letters.insert(kept).second) return false;
  letter(flow, end, upper);
  return true;
}

void FlowModel::event(OneFlow& flow, End end, char upper) {
  const std::uint64_t count = ++flow.side(end).events[upper];
  for (std::uint64_t power = 1; power <= count; power *= 10) {
    if (power == count) letter(flow, end, upper);
  }
}

std::uint64_t FlowModel::size_of(const OneFlow& flow, End end) {
  const Side& side = flow.side(end);
  const std::uint64_t acknowledged = (side.acknowledged_wraps << 32) + side.acknowledged;
  const std::uint64_t start = side.start;
  if (side.before == State::Syn && side.state == State::Reset &&
      flow.side(other(end)).state == State::Nothing && acknowledged != start &&
      acknowledged != start + 1) {
    return 0;
  }
  std::uint64_t size = std::max((side.last_wraps << 32) + side.last, acknowledged) - start;
  if (size > 0) --size;
  if (side.fin_seen && size > 0) --size;
  return size;
}

ConnRecord FlowModel::record_of(const OneFlow& flow, FlowEnd why) const {
  ConnRecord record{.uid = uid_of(flow),
                    .ends = named_ends(flow.key, flow.originator),
                    .tenant = flow.key.tenant,
                    .first = flow.first,
                    .duration = flow.last - flow.first,
                    .missed_bytes = flow.missed,
                    .end = why};
  const std::array<End, 2> ends = {flow.originator, other(flow.originator)};
  for (std::size_t role = 0; role < 2; ++role) {
    const Side& side = flow.side(ends[role]);
    record.packets[role] = side.packets;
    record.ip_bytes[role] = side.ip_bytes;
    record.payload_bytes[role] =
        flow.kind == FlowKind::Tcp ? size_of(flow, ends[role]) : side.payload_bytes;
  }
  for (const Uid& parent : flow.parents) {
    record.tunnel_parents[record.tunnel_parent_count++] = parent;
  }
  record.history_bytes = static_cast<std::uint8_t>(flow.history.size());
  std::copy(flow.history.begin(), flow.history.end(), record.history.begin());

  const Side& opener = flow.side(ends[0]);
  const Side& answerer = flow.side(ends[1]);
  if (flow.kind == FlowKind::Udp) {
    if (opener.active) record.state = answerer.active ? ConnState::SF : ConnState::S0;
    if (!opener.active && answerer.active) record.state = ConnState::SHR;
  }
  if (flow.kind != FlowKind::Tcp) return record;

  const State o = opener.state;
  const State r = answerer.state;
  const bool o_unknown = o == State::Nothing || o == State::Partial;
  const bool r_unknown = r == State::Nothing || r == State::Partial;
  const bool empty = record.payload_bytes[0] == 0 && record.payload_bytes[1] == 0;
  if (r == State::Reset) {
    const bool refused = o == State::Syn || o == State::SynAck || (o == State::Reset && empty);
    record.state = refused ? ConnState::REJ : o_unknown ? ConnState::RSTRH : ConnState::RSTR;
  } else if (o == State::Reset) {
    if (!r_unknown) {
      record.state = ConnState::RSTO;
    } else if (syn_then_reset(flow.history)) {
      record.state = ConnState::RSTOS0;
    }
  } else if (o == State::Closed) {
    record.state = r == State::Closed ? ConnState::SF : r_unknown ? ConnState::SH : ConnState::S2;
  } else if (r == State::Closed) {
    record.state = o_unknown ? ConnState::SHR : ConnState::S3;
  } else if (o == State::Syn && r == State::Nothing) {
    record.state = ConnState::S0;
  } else if (o == State::Established && r == State::Established) {
    record.state = ConnState::S1;
  }
  return record;
}

}  // namespace weir::protocol
