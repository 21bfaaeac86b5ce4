#include "protocol/deep/tcp_tracker.h"

#include <string_view>

#include "protocol/deep/conn_record.h"
#include "protocol/deep/likely_server_ports.h"
#include "protocol/deep/tcp_data.h"

namespace weir::protocol {
namespace {

// Jumps of more are not believed of a SYN, a RST, or an acknowledgement of 0.
constexpr std::int32_t kLargeJump = 1 << 20;

constexpr unsigned kOriginatorSeen = 1;
constexpr unsigned kResponderSeen = 2;

std::int32_t distance(std::uint32_t from, std::uint32_t to) noexcept {
  return static_cast<std::int32_t>(to - from);
}

bool in_handshake(TcpState state) noexcept {
  return state == TcpState::Inactive || state == TcpState::SynSent || state == TcpState::SynAckSent;
}

void set_last(TcpEndpoint& endpoint, std::uint32_t last) noexcept {
  if (last < endpoint.last) ++endpoint.last_wraps;
  endpoint.last = last;
}

// Ports where people think between packets.
bool interactive(std::uint16_t port) noexcept {
  return port == 21 || port == 22 || port == 23 || port == 513;
}

}  // namespace

bool TcpTracker::begins_anew() noexcept {
  if (packet_.bad_header || !has(kTcpSyn)) return false;
  const TcpEndpoint& originator = flow_.tcp[index_of(flow_.originator())];
  const TcpEndpoint& responder = flow_.tcp[index_of(other(flow_.originator()))];
  // A SYN with ACK begins something only where nothing of the originator was seen.
  if (has(kTcpAck) && originator.state != TcpState::Inactive) return false;
  const TcpEndpoint& beginner = has(kTcpAck) ? responder : originator;

  if (flow_.did_close == 0) {
    if (packet_.sequence == beginner.start) return false;
    // SYN and its answer may have been swapped on the way to us.
    if (!has(kTcpAck) && beginner.state == TcpState::SynAckSent &&
        responder.state == TcpState::Inactive && packet_.sequence == responder.start) {
      return false;
    }
    notes_.weird(flow_, beginner.state == TcpState::SynSent ? Weird::SynSeqJump
                                                            : Weird::ActiveConnectionReuse);
    return true;
  }
  if (originator.state == TcpState::Reset || responder.state == TcpState::Reset) return true;
  const auto active = [&](const TcpEndpoint& endpoint, End end) {
    return endpoint.state != TcpState::Inactive && !did_close(end);
  };
  if (active(originator, flow_.originator()) || active(responder, other(flow_.originator()))) {
    notes_.weird(flow_, Weird::ActiveConnectionReuse);
  } else if (packet_.time - flow_.last < notes_.options().timeouts.tcp_linger) {
    notes_.weird(flow_, Weird::PrematureConnectionReuse);
  }
  return true;
}

// SYN and FIN take a number each; what a RST carries is not part of the stream.
std::uint32_t TcpTracker::segment_bytes() const noexcept {
  return (has(kTcpRst) ? 0 : packet_.payload_bytes) + (has(kTcpSyn) ? 1 : 0) +
         (has(kTcpFin) ? 1 : 0);
}

bool TcpTracker::process() noexcept {
  by_originator_ = flow_.is_originator(sender_);
  note_partial();
  const std::uint32_t end = packet_.sequence + segment_bytes();
  begin_endpoint(end);

  std::uint64_t relative = 0;
  const bool before_start =
      take_relative(me_, packet_.sequence, me_.last, me_.last_wraps, relative);
  const auto sequence = static_cast<std::uint32_t>(relative);
  if (before_start && !has(kTcpRst)) notes_.weird(flow_, Weird::TcpSeqUnderflowOrMisorder);

  write_history(sequence);
  note_window();
  if (flow_.did_close != 3) flow_.seen(packet_.time, packet_.now);
  if (has(kTcpSyn)) note_syn();
  if (has(kTcpFin)) {
    const unsigned bit = 1u << index_of(sender_);
    flow_.fin_seen = (flow_.fin_seen | bit) & 3;
    me_.fin = sequence + segment_bytes();
    const bool before = static_cast<std::int64_t>(relative + segment_bytes()) < 0;
    flow_.fin_before_start =
        (before ? flow_.fin_before_start | bit : flow_.fin_before_start & ~bit) & 3;
  }
  const std::uint32_t acknowledged = has(kTcpAck) ? take_acknowledgement() : 0;
  const std::int32_t advanced = advance(end);
  change_state(advanced);
  // After the change of state, so that holes that a FIN or RST shows are told from others.
  if (has(kTcpAck)) {
    const End receiver = other(sender_);
    if (TcpData(flow_, notes_, receiver).acknowledged(acknowledged)) check_end(receiver);
  }
  flow_.first_seen = (flow_.first_seen | (by_originator_ ? kOriginatorSeen : kResponderSeen)) & 3;

  if (packet_.payload_bytes > 0 && !has(kTcpRst) && !before_start) {
    if (packet_.payload_cut) {
      notes_.weird(flow_, Weird::TruncatedTcpPayload);
    } else {
      TcpData(flow_, notes_, sender_)
          .sent(sequence + (has(kTcpSyn) ? 1 : 0), packet_.payload_bytes);
    }
  }
  check_end(sender_);
  if (closes_) close(sender_);
  return complete_;
}

// A connection is partial when its first packet in a direction is not the one that it should be.
void TcpTracker::note_partial() noexcept {
  if (by_originator_) {
    if ((flow_.first_seen & kOriginatorSeen) == 0) {
      flow_.partial = !has(kTcpSyn) || has(kTcpAck) ? 1 : 0;
    }
  } else if ((flow_.first_seen & kResponderSeen) == 0 && flow_.partial == 0) {
    flow_.partial = has(kTcpSyn) ? 0 : 1;
  }
}

void TcpTracker::begin_endpoint(std::uint32_t end) noexcept {
  switch (me_.state) {
    case TcpState::Inactive:
      // Without a SYN numbers are counted as if there had been one.
      me_.start = packet_.sequence - (has(kTcpSyn) ? 0 : 1);
      me_.acknowledged = me_.start;
      me_.last = has(kTcpSyn) ? end : packet_.sequence;
      break;
    case TcpState::SynSent:
    case TcpState::SynAckSent:
      if (has(kTcpSyn) && packet_.sequence != me_.start) begin_endpoint_with_syn(end);
      break;
    case TcpState::Established:
    case TcpState::Partial:
      if (!has(kTcpSyn)) break;
      if (tcp_payload_bytes(flow_, sender_) > 0) notes_.weird(flow_, Weird::SynInsideConnection);
      // Perhaps it was not established after all, and this SYN is the one that does it.
      begin_endpoint_with_syn(end);
      break;
    case TcpState::Reset:
      // The RST that came first may have been forged.
      if (has(kTcpSyn) && me_.before == TcpState::Inactive) {
        me_.start = me_.acknowledged = packet_.sequence;
        me_.last = end;
      }
      break;
    case TcpState::Closed:
      break;
  }
}

void TcpTracker::begin_endpoint_with_syn(std::uint32_t end) noexcept {
  if (packet_.sequence != me_.start) notes_.weird(flow_, Weird::SynSeqJump);
  me_.start = me_.acknowledged = packet_.sequence;
  me_.last = end;
}

// The other end has not been seen, and is acknowledged: its numbers must be where this says.
void TcpTracker::begin_peer() noexcept {
  const bool answered = me_.state == TcpState::SynSent || me_.state == TcpState::SynAckSent ||
                        me_.state == TcpState::Established;
  if (!has(kTcpSyn) && !has(kTcpFin) && !has(kTcpRst) && answered && !notes_.told_weird(flow_)) {
    notes_.weird(flow_, Weird::PossibleSplitRouting);
  }
  peer_.start = peer_.acknowledged = peer_.last = packet_.acknowledgement - 1;
}

// `number` counted from the start of the endpoint, in 64 bits. True: it lies before the start.
bool TcpTracker::take_relative(const TcpEndpoint& endpoint, std::uint32_t number,
                               std::uint32_t last, std::uint32_t wraps,
                               std::uint64_t& relative) const noexcept {
  const std::int32_t delta = distance(last, number);
  if (delta < 0 && wraps > 0 && number > last) --wraps;
  if (delta > 0 && number < last) ++wraps;
  if (wraps == 0) {
    const std::int32_t from_start = distance(endpoint.start, number);
    relative = static_cast<std::uint64_t>(std::int64_t{from_start});
    return from_start < 0;
  }
  relative = ((std::uint64_t{wraps} << 32) | number) - endpoint.start;
  return false;
}

void TcpTracker::write_history(std::uint32_t relative) noexcept {
  const unsigned flags =
      (has(kTcpSyn) ? 1u : 0u) + (has(kTcpFin) ? 1u : 0u) + (has(kTcpRst) ? 1u : 0u);
  if (flags > 1) {
    if (has(kTcpFin) && has(kTcpRst)) {
      write_once(HistoryLetter::Inconsistent, 'I');
    } else {
      write_once(HistoryLetter::MultiFlag, 'Q');
    }
  } else if (flags == 0) {
    if (packet_.payload_bytes > 0) {
      write_once(HistoryLetter::Data, 'D');
    } else if (has(kTcpAck)) {
      write_once(HistoryLetter::Ack, 'A');
    }
  } else if (has(kTcpSyn)) {
    // Again only when it stands elsewhere: a repeated one tells nothing new.
    const char letter = has(kTcpAck) ? 'H' : 'S';
    const auto at = static_cast<std::uint8_t>(relative);
    if (notes_.letter_once(flow_, sender_, HistoryLetter::Syn, letter) && at != me_.syn) {
      notes_.letter(flow_, sender_, letter);
    }
    me_.syn = at;
  } else if (has(kTcpFin)) {
    const std::uint32_t at = relative + packet_.payload_bytes;
    if (notes_.letter_once(flow_, sender_, HistoryLetter::Fin, 'F') && at + 1 != me_.fin) {
      notes_.letter(flow_, sender_, 'F');
    }
  } else {
    const auto at = static_cast<std::uint16_t>(relative);
    if (notes_.letter_once(flow_, sender_, HistoryLetter::Rst, 'R') && at != me_.rst) {
      notes_.letter(flow_, sender_, 'R');
    }
    me_.rst = at;
  }
}

void TcpTracker::write_once(HistoryLetter which, char upper) noexcept {
  const bool plain = which == HistoryLetter::Data || which == HistoryLetter::Ack;
  if (plain && flow_.history_bytes == 1 && flow_.history[0] == 'H') {
    // It began with a SYN and ACK. That may have been a scan whose sender is the originator; but
    // nobody goes on after such a scan, so it was an answer to a SYN that we missed.
    notes_.flip_roles(flow_);
    notes_.set_history(flow_, "^h");
    flow_.partial = 0;
    first_seen_swapped();
  }
  notes_.letter_once(flow_, sender_, which, upper);
}

// After a flip: what was seen of the originator is the responder's now, and the originator counts
// as seen.
void TcpTracker::first_seen_swapped() noexcept {
  const bool originator = (flow_.first_seen & kOriginatorSeen) != 0;
  flow_.first_seen = originator ? kOriginatorSeen | kResponderSeen : kOriginatorSeen;
}

// No room at the receiver: of interest as long as somebody could want to send.
void TcpTracker::note_window() noexcept {
  if (packet_.window == 0 && !has(kTcpRst) && peer_.state != TcpState::Closed &&
      me_.state != TcpState::Reset) {
    notes_.scaled(flow_, sender_, ScaledEvent::ZeroWindow);
  }
}

void TcpTracker::note_syn() noexcept {
  if (has(kTcpRst)) notes_.weird(flow_, Weird::TcpChristmas);
  if (has(kTcpUrg)) notes_.weird(flow_, Weird::BaroqueSyn);
  if (packet_.payload_bytes > 0) notes_.weird(flow_, Weird::SynWithData);
}

// How far the other end's data has been acknowledged, relative.
std::uint32_t TcpTracker::take_acknowledgement() noexcept {
  if (peer_.state == TcpState::Inactive) {
    begin_peer();
    return 1;
  }
  std::uint64_t relative = 0;
  if (take_relative(peer_, packet_.acknowledgement, peer_.acknowledged, peer_.acknowledged_wraps,
                    relative)) {
    notes_.weird(flow_, Weird::TcpAckUnderflowOrMisorder);
    return 0;
  }
  if (!has(kTcpRst)) {  // which may say anything
    const std::int32_t further = distance(peer_.acknowledged, packet_.acknowledgement);
    const bool broken = packet_.acknowledgement == 0 && further > kLargeJump;
    if (further > 0 && !broken) {
      if (packet_.acknowledgement < peer_.acknowledged) ++peer_.acknowledged_wraps;
      peer_.acknowledged = packet_.acknowledgement;
    }
  }
  return static_cast<std::uint32_t>(relative);
}

// The sender's numbers go on to `end`; how far, or how far back.
std::int32_t TcpTracker::advance(std::uint32_t end) noexcept {
  const std::int32_t delta = distance(me_.last, end);
  const bool control = has(kTcpSyn) || has(kTcpRst);
  if (control && (delta > kLargeJump || delta < -kLargeJump)) return delta;
  // Backwards only for a FIN: of more than 2 GB perhaps only SYN and FIN have been seen.
  const bool only_fin = has(kTcpFin) && me_.last == me_.start + 1;
  // After a reset numbers are not believed any more.
  const bool believed = me_.state != TcpState::Reset;
  if (only_fin || (believed && delta > 0)) {
    set_last(me_, end);
  } else if (believed && packet_.payload_bytes > 0) {
    notes_.scaled(flow_, sender_, ScaledEvent::Retransmission);
  }
  return delta;
}

void TcpTracker::set_state(TcpEndpoint& endpoint, TcpState state) noexcept {
  if (endpoint.state == state) return;
  const TcpEndpoint& opposite = &endpoint == &me_ ? peer_ : me_;
  if (!in_handshake(state) && in_handshake(endpoint.state) && in_handshake(opposite.state)) {
    flow_.handshake_done = 1;
  }
  endpoint.before = endpoint.state;
  endpoint.state = state;
}

void TcpTracker::change_state(std::int32_t advanced) noexcept {
  switch (me_.state) {
    case TcpState::Inactive:
      return leave_inactive();
    case TcpState::SynSent:
    case TcpState::SynAckSent:
      return change_syn_sent();
    case TcpState::Established:
    case TcpState::Partial:
      return change_established();
    case TcpState::Closed:
      return change_closed(advanced);
    case TcpState::Reset:
      return change_reset();
  }
}

void TcpTracker::leave_inactive() noexcept {
  if (has(kTcpSyn)) {
    if (by_originator_) {
      first_syn_of_originator();
    } else {
      first_syn_of_responder();
    }
  }
  if (has(kTcpFin)) {
    set_state(me_, TcpState::Closed);
    closes_ = true;
  }
  if (has(kTcpRst)) {
    set_state(me_, TcpState::Reset);
    closes_ = true;
  }
  if (me_.state == TcpState::Inactive) first_other();
}

void TcpTracker::first_syn_of_originator() noexcept {
  if (has(kTcpAck)) notes_.weird(flow_, Weird::ConnectionOriginatorSynAck);
  set_state(me_, has(kTcpAck) ? TcpState::SynAckSent : TcpState::SynSent);
}

void TcpTracker::first_syn_of_responder() noexcept {
  if (has(kTcpAck)) {
    const std::uint32_t sent = peer_.last - peer_.start;
    const bool acknowledges_it = packet_.acknowledgement - peer_.start <= sent;
    if (peer_.state != TcpState::Inactive && peer_.state != TcpState::Partial && !acknowledges_it) {
      notes_.weird(flow_, Weird::BadSynAck);
    }
  } else if (peer_.state == TcpState::SynAckSent && packet_.sequence == me_.start) {
    // SYN and answer were swapped on the way to us.
    flow_.partial = 0;
    notes_.flip_roles(flow_);
    first_seen_swapped();
    set_state(peer_, TcpState::Established);
  } else {
    notes_.weird(flow_, Weird::SimultaneousOpen);
  }
  if (peer_.state == TcpState::SynSent) set_state(peer_, TcpState::Established);
  set_state(me_, TcpState::Established);
  if (peer_.state != TcpState::Partial) establish();
}

void TcpTracker::establish() noexcept {
  const Endpoints ends = ends_of(flow_);
  std::uint16_t service = ends.responder_port;
  const TcpState originator = flow_.tcp[index_of(flow_.originator())].state;
  if (originator == TcpState::Inactive && !likely_tcp_server_port(service) &&
      likely_tcp_server_port(ends.originator_port)) {
    service = ends.originator_port;
  }
  if (interactive(service)) flow_.interactive = 1;
}

// Neither SYN nor FIN nor RST.
void TcpTracker::first_other() noexcept {
  const TcpEndpoint& originator = flow_.tcp[index_of(flow_.originator())];
  // Some stacks acknowledge a SYN before they answer it.
  if (!by_originator_ && packet_.payload_bytes == 0 && originator.state == TcpState::SynSent) {
    return;
  }
  if (has(kTcpAck) && peer_.state == TcpState::Established) {
    // The answer to a SYN that was missed, and what comes after it.
    set_state(me_, TcpState::Established);
    flow_.partial = 0;
    flow_.first_seen = (flow_.first_seen | (by_originator_ ? kOriginatorSeen : kResponderSeen)) & 3;
    return;
  }
  set_state(me_, TcpState::Partial);
}

void TcpTracker::change_syn_sent() noexcept {
  if (has(kTcpSyn)) {
    if (by_originator_) {
      if (has(kTcpAck) && !has(kTcpFin) && !has(kTcpRst) && me_.state != TcpState::SynAckSent) {
        notes_.weird(flow_, Weird::RepeatedSynWithAck);
      }
    } else if (!has(kTcpAck) && me_.state != TcpState::SynSent) {
      notes_.weird(flow_, Weird::RepeatedSynReplyWoAck);
    }
  }
  if (has(kTcpFin)) {
    if (peer_.state == TcpState::Inactive || peer_.state == TcpState::SynSent) {
      notes_.weird(flow_, Weird::InappropriateFin);
    }
    set_state(me_, TcpState::Closed);
    closes_ = true;
  }
  if (has(kTcpRst)) {
    set_state(me_, TcpState::Reset);
    closes_ = true;
  } else if (packet_.payload_bytes > 0) {
    notes_.weird(flow_, Weird::DataBeforeEstablished);
  }
}

void TcpTracker::change_established() noexcept {
  if (has(kTcpSyn) && !has(kTcpAck) && me_.state == TcpState::Partial &&
      peer_.state == TcpState::Inactive) {
    notes_.weird(flow_, Weird::SynAfterPartial);
    set_state(me_, TcpState::SynSent);
  }
  if (has(kTcpFin) && !has(kTcpRst)) {
    set_state(me_, TcpState::Closed);
    // A FIN and then a RST of the other end was a normal end after all.
    if (peer_.state == TcpState::Reset && peer_.before == TcpState::Closed) {
      set_state(peer_, TcpState::Closed);
    }
    closes_ = true;
  }
  if (has(kTcpRst)) {
    set_state(me_, TcpState::Reset);
    closes_ = true;
  }
}

void TcpTracker::change_closed(std::int32_t advanced) noexcept {
  if (has(kTcpSyn)) notes_.weird(flow_, Weird::SynAfterClose);
  if (has(kTcpFin) && advanced > 0) notes_.weird(flow_, Weird::FinAdvancedLastSeq);
  // After both FINs a RST changes nothing.
  if (has(kTcpRst) && peer_.state != TcpState::Closed) {
    set_state(me_, TcpState::Reset);
    if (!did_close(sender_)) closes_ = true;
  }
}

void TcpTracker::change_reset() noexcept {
  if (has(kTcpSyn)) notes_.weird(flow_, Weird::SynAfterReset);
  if (packet_.payload_bytes > 0 && !has(kTcpRst)) notes_.weird(flow_, Weird::DataAfterReset);
}

// Once all data before a FIN or RST has been seen, a close that waited for it can happen.
void TcpTracker::check_end(End end) noexcept {
  const TcpEndpoint& endpoint = flow_.tcp[index_of(end)];
  const unsigned bit = 1u << index_of(end);
  const bool over = (flow_.fin_seen & bit) != 0 || endpoint.state == TcpState::Closed ||
                    endpoint.state == TcpState::Reset;
  if ((flow_.told_end & bit) != 0 || !over || TcpData(flow_, notes_, end).pending()) return;
  flow_.told_end = (flow_.told_end | bit) & 3;
  if (flow_.close_deferred == 0) return;
  close(end);
  flow_.close_deferred = 0;
}

void TcpTracker::close(End end) noexcept {
  const TcpEndpoint& endpoint = flow_.tcp[index_of(end)];
  const TcpEndpoint& opposite = flow_.tcp[index_of(other(end))];
  if (TcpData(flow_, notes_, end).pending()) {
    flow_.close_deferred = 1;
    return;
  }
  flow_.close_deferred = 0;
  if (did_close(end)) return;
  flow_.did_close = (flow_.did_close | 1u << index_of(end)) & 3;
  if (endpoint.state == TcpState::Reset || did_close(other(end)) ||
      opposite.state == TcpState::Inactive) {
    complete_ = true;
  }
}

}  // namespace weir::protocol
