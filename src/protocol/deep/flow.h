// One flow, as it lies in memory: 240 bytes for every kind, because millions of them are open at
// once. What few flows need is in FlowExtra.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <type_traits>

#include "base/time.h"
#include "protocol/deep/flow_key.h"
#include "protocol/deep/flow_packet.h"
#include "protocol/deep/store_ref.h"
#include "protocol/deep/uid.h"

namespace weir::protocol {

// An index into one of a shard's pools.
using PoolIndex = std::uint32_t;
inline constexpr PoolIndex kNoIndex = 0xffffffff;

// What has been seen of one end of a TCP connection, as Zeek tells its states apart.
enum class TcpState : std::uint8_t {
  Inactive,    // nothing yet
  SynSent,     // SYN
  SynAckSent,  // SYN and ACK without a SYN before
  Partial,     // data, but no SYN
  Established,
  Closed,  // FIN
  Reset,   // RST
};

// One end of a TCP connection. Sequence numbers that follow each other are compared modulo 2^32;
// "relative" ones count from `start`, so the first byte after a SYN is 1.
struct TcpEndpoint {
  std::uint32_t start = 0;         // of the SYN, or what it would have been
  std::uint32_t last = 0;          // one past the last byte that was sent
  std::uint32_t acknowledged = 0;  // by the other end
  std::uint16_t last_wraps = 0;    // how often the numbers began anew
  std::uint16_t acknowledged_wraps = 0;
  std::uint32_t in_order =
      1;  // relative: everything before has been seen, or is known to be missing
  std::uint32_t trimmed = 1;  // relative: acknowledged as far as here
  std::uint32_t fin = 0;      // relative: one past the FIN
  std::uint16_t rst = 0;      // relative, low bits: where the last RST stood
  std::uint8_t syn = 0;       // relative, low bits: where the last SYN stood
  TcpState state : 4 = TcpState::Inactive;
  TcpState before : 4 = TcpState::Inactive;

  // Does everything a connection needs to have been set up well so far? (Also after its FIN.)
  [[nodiscard]] bool clean() const noexcept {
    return state == TcpState::Established ||
           (state == TcpState::Closed && before == TcpState::Established);
  }
  [[nodiscard]] std::uint64_t last_wide() const noexcept {
    return (std::uint64_t{last_wraps} << 32) | last;
  }
  [[nodiscard]] std::uint64_t acknowledged_wide() const noexcept {
    return (std::uint64_t{acknowledged_wraps} << 32) | acknowledged;
  }
  // None of the data has been acknowledged; perhaps the SYN has.
  [[nodiscard]] bool nothing_acknowledged() const noexcept {
    const std::uint64_t wide = acknowledged_wide();
    return wide == start || wide == std::uint64_t{start} + 1;
  }
};
static_assert(sizeof(TcpEndpoint) == 32);

// The letters of a history that are written once for each direction.
enum class HistoryLetter : std::uint8_t { Syn, Fin, Rst, Inconsistent, Data, Ack, MultiFlag };
inline constexpr unsigned kHistoryLetters = 7;

// UDP and ICMP: what each end sent. And the uid, once somebody has asked for it: everything that a
// carrier carries does.
struct DatagramState {
  std::array<std::uint64_t, 2> payload_bytes{};  // by End
  Uid uid;
};

inline constexpr std::size_t kHistoryInline = 11;

// How far a packet's own time lay behind the flow clock, rounded up: in ms, and from 24 days on in
// seconds, because files may come in another order than their times.
class Lag {
 public:
  Lag() = default;
  explicit Lag(Duration lag) noexcept {
    const std::int64_t ns = lag.count();
    coded_ = 0;
    if (ns <= 0) return;
    const std::int64_t ms = ns / kMs + 1;
    const std::int64_t seconds = ns / (1000 * kMs) + 1;
    coded_ = ms < kInSeconds
                 ? static_cast<std::uint32_t>(ms)
                 : kInSeconds |
                       static_cast<std::uint32_t>(std::min<std::int64_t>(seconds, kInSeconds - 1));
  }
  [[nodiscard]] bool none() const noexcept { return coded_ == 0; }
  [[nodiscard]] Duration value() const noexcept {
    if (coded_ < kInSeconds) return std::chrono::milliseconds(coded_);
    return std::chrono::seconds(coded_ - kInSeconds);
  }

 private:
  static constexpr std::int64_t kMs = 1'000'000;
  static constexpr std::uint32_t kInSeconds = 0x80000000;
  std::uint32_t coded_;
};

// Plain data in a zeroed pool. Arrays of two are by End.
struct Flow {
  FlowKey key;
  Timestamp first;
  Timestamp last;      // the last packet that counts for the duration
  Timestamp deadline;  // when the flow is looked at again: what the timer wheel goes by

  // Which letters have been written: seven for the originator, seven for the responder.
  std::uint64_t letters_seen : 14;
  std::uint64_t kind : 3;              // FlowKind
  std::uint64_t originator_high : 1;   // the End that opened it
  std::uint64_t closing : 1;           // `deadline` is its end, whatever comes
  std::uint64_t handshake_done : 1;    // the longer timeout holds
  std::uint64_t interactive : 1;       // the longest one does
  std::uint64_t partial : 1;           // TCP: the beginning was not seen
  std::uint64_t first_seen : 2;        // TCP, bit by role: a packet has been processed
  std::uint64_t close_deferred : 1;    // TCP: closed once all data has been seen
  std::uint64_t active : 2;            // UDP, ICMP, by End: sent something
  std::uint64_t sent_good : 2;         // by End: has shown a good checksum
  std::uint64_t did_close : 2;         // TCP, by End
  std::uint64_t told_end : 2;          // TCP, by End: its end of data has been reached
  std::uint64_t skip_data : 2;         // TCP, by End: too much was missing to follow it
  std::uint64_t fin_seen : 2;          // TCP, by End
  std::uint64_t fin_before_start : 2;  // TCP, by End: its number cannot be, and bounds no data
  std::uint64_t tunnel : 3;            // TunnelType that it carries
  std::uint64_t discovered : 1;        // tunnel.log knows
  std::uint64_t incarnation : 8;       // tells flows with one key and one first time apart
  std::uint64_t history_bytes : 4;     // used of `history`
  std::uint64_t tunnel_changes : 3;    // times that the carrier became another one

  StoreRef store_ref;  // of the first packet

  PoolIndex next;  // in the timer wheel, or of the free ones
  PoolIndex previous;
  PoolIndex extra;  // FlowExtra, or kNoIndex
  Lag lag;          // of the last packet
  Uid parent;       // that carried the last packet
  std::array<char, kHistoryInline + 1> history;
  std::array<std::uint64_t, 2> packets;
  std::array<std::uint64_t, 2> ip_bytes;
  union {
    std::array<TcpEndpoint, 2> tcp;
    DatagramState datagram;
  };

  // A packet that counts for the duration; `now` is the flow clock.
  void seen(Timestamp time, Timestamp now) noexcept {
    last = time;
    lag = Lag(now - time);
  }
  // The flow clock at that packet, not before it and at most 1 ms after (1 s, see Lag).
  [[nodiscard]] Timestamp seen_at() const noexcept { return last + lag.value(); }

  [[nodiscard]] End originator() const noexcept {
    return originator_high != 0 ? End::High : End::Low;
  }
  [[nodiscard]] bool is_originator(End end) const noexcept { return end == originator(); }
};
static_assert(sizeof(Flow) == 240);
static_assert(std::is_trivially_copyable_v<Flow>);

// Events of which the first, the tenth, the hundredth ... are in the history.
enum class ScaledEvent : std::uint8_t { Gap, BadChecksum, Retransmission, ZeroWindow };
inline constexpr std::size_t kScaledEvents = 4;

// What most flows never need.
struct FlowExtra {
  std::array<std::array<std::uint32_t, kScaledEvents>, 2> scaled;  // by End, ScaledEvent
  std::uint64_t missed_bytes;
  std::uint64_t weirds_told;          // bit by Weird
  std::array<PoolIndex, 2> segments;  // by End: data beyond a hole, in order; or kNoIndex
  std::array<std::uint32_t, 2> segment_count;
  std::array<Uid, kTunnelParentsMax> parents;
  std::uint8_t parent_count;
  std::uint8_t history_bytes;
  std::array<char, kHistoryMax - kHistoryInline> history;  // goes on where the flow's ends
  PoolIndex next;                                          // of the free ones
};

// Data beyond a hole: [begin, end) in relative sequence numbers.
struct Segment {
  std::uint32_t begin;
  std::uint32_t end;
  PoolIndex next;
};

}  // namespace weir::protocol
