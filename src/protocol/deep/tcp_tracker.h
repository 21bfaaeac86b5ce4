// One packet of a TCP connection: sequence numbers, the state of both ends, history. The rules are
// Zeek's (src/packet_analysis/protocol/tcp), because conn_state and history mean what they do.
#pragma once

#include "protocol/deep/flow_notes.h"
#include "protocol/deep/flow_packet.h"

namespace weir::protocol {

class TcpTracker {
 public:
  TcpTracker(Flow& flow, FlowNotes& notes, const FlowPacket& packet) noexcept
      : flow_(flow),
        notes_(notes),
        packet_(packet),
        sender_(packet.sender),
        me_(flow.tcp[index_of(packet.sender)]),
        peer_(flow.tcp[index_of(other(packet.sender))]) {}

  // Is it the first packet of another connection between the same ends? Tells what is weird in
  // that.
  [[nodiscard]] bool begins_anew() noexcept;

  // True: both ends have closed, the flow ends after a moment of lingering.
  [[nodiscard]] bool process() noexcept;

 private:
  [[nodiscard]] bool has(std::uint8_t flag) const noexcept {
    return (packet_.tcp_flags & flag) != 0;
  }
  [[nodiscard]] std::uint32_t segment_bytes() const noexcept;

  void note_partial() noexcept;
  void begin_endpoint(std::uint32_t end) noexcept;
  void begin_endpoint_with_syn(std::uint32_t end) noexcept;
  void begin_peer() noexcept;
  [[nodiscard]] bool take_relative(const TcpEndpoint& endpoint, std::uint32_t number,
                                   std::uint32_t last, std::uint32_t wraps,
                                   std::uint64_t& relative) const noexcept;
  void write_history(std::uint32_t relative) noexcept;
  void write_once(HistoryLetter which, char upper) noexcept;
  void first_seen_swapped() noexcept;
  void note_window() noexcept;
  void note_syn() noexcept;
  std::uint32_t take_acknowledgement() noexcept;
  std::int32_t advance(std::uint32_t end) noexcept;

  void change_state(std::int32_t advanced) noexcept;
  void leave_inactive() noexcept;
  void first_syn_of_originator() noexcept;
  void first_syn_of_responder() noexcept;
  void first_other() noexcept;
  void change_syn_sent() noexcept;
  void change_established() noexcept;
  void change_closed(std::int32_t advanced) noexcept;
  void change_reset() noexcept;
  void set_state(TcpEndpoint& endpoint, TcpState state) noexcept;
  void establish() noexcept;

  void check_end(End end) noexcept;
  void close(End end) noexcept;
  [[nodiscard]] bool did_close(End end) const noexcept {
    return (flow_.did_close >> index_of(end) & 1) != 0;
  }

  Flow& flow_;
  FlowNotes& notes_;
  const FlowPacket& packet_;
  const End sender_;
  TcpEndpoint& me_;
  TcpEndpoint& peer_;
  // The role of the sender as it was when the packet came: a flip in the middle does not change how
  // this packet is taken.
  bool by_originator_ = false;
  bool closes_ = false;    // the packet closes its sender's direction
  bool complete_ = false;  // the connection has come to its end
};

}  // namespace weir::protocol
