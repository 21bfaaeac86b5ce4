#include "conversation.h"

#include <algorithm>

#include "applications/applications.h"
#include "mix.h"
#include "random_draws.h"

namespace weir::traffic {
namespace {

constexpr std::int64_t kSegmentGapNs = 12'000;  // a full frame at 1 Gbit/s
constexpr std::int64_t kDelayedAckNs = 40'000'000;
constexpr std::int64_t kRetransmissionTimeoutNs = 220'000'000;
constexpr std::uint8_t kWindowMax = 40;  // segments in a round trip

// The TCP side of a flow, as a middle observer sees it: strictly alternating, so that sequence and
// acknowledgement numbers follow from what has been sent.
class TcpStep {
 public:
  TcpStep(Flow& flow, std::int64_t now_ns, PacketAssembler& assembler, Prng& prng) noexcept
      : flow_(flow), now_(now_ns), assembler_(assembler), prng_(prng) {}

  NextStep run();

 private:
  NextStep send_data();
  NextStep after_segment();
  NextStep begin_message(std::uint32_t index);
  NextStep begin_end();
  void send_control(Direction d, std::uint8_t flags);
  std::int64_t half_trip() { return flow_.rtt_ns / 2 + draw_exponential(prng_, 20'000); }

  Flow& flow_;
  std::int64_t now_;
  PacketAssembler& assembler_;
  Prng& prng_;
};

NextStep TcpStep::run() {
  constexpr auto kClient = Direction::ToServer;
  constexpr auto kServer = Direction::ToClient;
  switch (flow_.phase) {
    case Phase::Begin:
      send_control(kClient, kTcpSyn);
      flow_.phase = Phase::SynAck;
      return half_trip();
    case Phase::SynAck:
      if (applications()[flow_.application].transport == Transport::Probe) {
        send_control(kServer, kTcpRst | kTcpAck);
        return std::nullopt;
      }
      send_control(kServer, kTcpSyn | kTcpAck);
      flow_.phase = Phase::HandshakeAck;
      return half_trip();
    case Phase::HandshakeAck:
      send_control(kClient, kTcpAck);
      return begin_message(0);
    case Phase::Data:
      return send_data();
    case Phase::DataAck:
      send_control(opposite(flow_.message_direction), kTcpAck);
      flow_.unacknowledged = 0;
      return after_segment();
    case Phase::Retransmit: {
      const Direction d = flow_.message_direction;
      assembler_.send_segment(flow_,
                              {.direction = d,
                               .flags = kTcpAck | kTcpPush,
                               .sequence = flow_.next_sequence[index_of(d)] - flow_.segment_bytes,
                               .payload_offset = flow_.message_offset - flow_.segment_bytes,
                               .payload_bytes = flow_.segment_bytes,
                               .retransmission = true},
                              now_);
      flow_.phase = Phase::DataAck;
      return half_trip();
    }
    case Phase::FinFirst:
      send_control(kClient, kTcpFin | kTcpAck);
      flow_.phase = Phase::FinSecond;
      return half_trip();
    case Phase::FinSecond:
      send_control(kServer, kTcpFin | kTcpAck);
      flow_.phase = Phase::FinAck;
      return half_trip();
    case Phase::FinAck:
      send_control(kClient, kTcpAck);
      return std::nullopt;
    case Phase::Reset:
      send_control(kClient, kTcpRst | kTcpAck);
      return std::nullopt;
  }
  return std::nullopt;
}

NextStep TcpStep::send_data() {
  const Direction d = flow_.message_direction;
  const std::uint32_t left = flow_.message_bytes - flow_.message_offset;
  const std::uint32_t bytes = std::min<std::uint32_t>(left, flow_.segment_limit);
  const bool last = bytes == left;
  assembler_.send_segment(flow_,
                          {.direction = d,
                           .flags = static_cast<std::uint8_t>(kTcpAck | (last ? kTcpPush : 0)),
                           .sequence = flow_.next_sequence[index_of(d)],
                           .payload_offset = flow_.message_offset,
                           .payload_bytes = bytes},
                          now_);
  flow_.next_sequence[index_of(d)] += bytes;
  flow_.message_offset += bytes;
  flow_.segment_bytes = bytes;
  flow_.unacknowledged += 1;
  flow_.sent_in_window += 1;
  if (prng_.chance(kRetransmissionsPerThousandSegments, 1000)) {
    flow_.phase = Phase::Retransmit;
    flow_.window = 10;
    return kRetransmissionTimeoutNs + flow_.rtt_ns;
  }
  if (flow_.unacknowledged >= 2) {
    flow_.phase = Phase::DataAck;
    return draw_exponential(prng_, kSegmentGapNs);
  }
  return after_segment();
}

// Goes on with the message, or to the next one.
NextStep TcpStep::after_segment() {
  if (flow_.message_offset == flow_.message_bytes) return begin_message(flow_.message + 1);
  flow_.phase = Phase::Data;
  if (flow_.sent_in_window < flow_.window) return kSegmentGapNs + draw_exponential(prng_, 2'000);
  flow_.sent_in_window = 0;
  flow_.window = static_cast<std::uint8_t>(std::min(flow_.window * 2, int{kWindowMax}));
  return flow_.rtt_ns;
}

NextStep TcpStep::begin_message(std::uint32_t index) {
  // What is not acknowledged yet is so by the answer, unless that comes late or never.
  Flow before = flow_;
  const auto message = assembler_.load_message(flow_, index);
  const bool same_side = message && message->direction == before.message_direction;
  const bool late = !message || (!same_side && message->think_ns > kDelayedAckNs);
  if (flow_.unacknowledged != 0 && late) {
    flow_ = before;  // the acknowledgement belongs to the message before; this one is loaded again
                     // after it
    flow_.phase = Phase::DataAck;
    return kDelayedAckNs;
  }
  if (!message) return begin_end();
  if (!same_side) flow_.unacknowledged = 0;
  flow_.sent_in_window = 0;
  flow_.phase = Phase::Data;
  return message->think_ns + (same_side ? kSegmentGapNs : half_trip());
}

NextStep TcpStep::begin_end() {
  flow_.phase = flow_.ends_with_reset ? Phase::Reset : Phase::FinFirst;
  return half_trip();
}

void TcpStep::send_control(Direction d, std::uint8_t flags) {
  auto& sequence = flow_.next_sequence[index_of(d)];
  assembler_.send_segment(flow_, {.direction = d, .flags = flags, .sequence = sequence}, now_);
  if ((flags & (kTcpSyn | kTcpFin)) != 0) sequence += 1;
}

NextStep datagram_step(Flow& flow, Transport transport, std::int64_t now_ns,
                       PacketAssembler& assembler, Prng& prng) {
  if (flow.phase == Phase::Begin) {
    (void)assembler.load_message(flow, 0);
    flow.phase = Phase::Data;
  }
  if (transport == Transport::Echo) {
    assembler.send_echo(flow, now_ns);
  } else {
    assembler.send_datagram(flow, now_ns);
  }
  const Direction before = flow.message_direction;
  const auto message = assembler.load_message(flow, flow.message + 1);
  if (!message) return std::nullopt;
  const std::int64_t travel = message->direction == before ? 0 : flow.rtt_ns / 2;
  return message->think_ns + travel + draw_exponential(prng, 5'000);
}

NextStep address_resolution_step(Flow& flow, std::int64_t now_ns, PacketAssembler& assembler,
                                 Prng& prng) {
  const bool reply = flow.phase != Phase::Begin;
  assembler.send_address_resolution(flow, reply, now_ns);
  flow.phase = Phase::Data;
  if (reply) return std::nullopt;
  return draw_exponential(prng, 150'000);
}

}  // namespace

NextStep step(Flow& flow, std::int64_t now_ns, PacketAssembler& assembler, Prng& prng) {
  const Transport transport = applications()[flow.application].transport;
  switch (transport) {
    case Transport::Tcp:
    case Transport::Probe:
      return TcpStep(flow, now_ns, assembler, prng).run();
    case Transport::Udp:
    case Transport::Echo:
      return datagram_step(flow, transport, now_ns, assembler, prng);
    case Transport::AddressResolution:
      return address_resolution_step(flow, now_ns, assembler, prng);
  }
  return std::nullopt;
}

}  // namespace weir::traffic
