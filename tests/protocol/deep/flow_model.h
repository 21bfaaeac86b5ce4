// The flow layer as a slow model: flows in a map, sequence numbers in 64 bits, data as a list of
// blocks, no wheel, no pools, no bounds. Written from Zeek's rules and from what the headers of
// protocol/deep say where weir does otherwise; it knows nothing of how weir does it.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "protocol/deep/flow_options.h"
#include "protocol/deep/flow_packet.h"

namespace weir::protocol {

class FlowModel {
 public:
  explicit FlowModel(const FlowOptions& options) : options_(options) {}

  // As FlowEngine.
  void take(std::span<FlowPacket> packets);
  void finish(Timestamp now);

  std::vector<ConnRecord> conns;
  std::vector<TunnelRecord> tunnels;

 private:
  enum class State : std::uint8_t {
    Nothing,
    Syn,
    SynAck,
    Partial,
    Established,
    Closed,
    Reset,
  };

  struct Side {
    State state = State::Nothing;
    State before = State::Nothing;
    std::uint32_t start = 0;
    std::uint32_t last = 0;
    std::uint32_t acknowledged = 0;
    std::uint64_t last_wraps = 0;
    std::uint64_t acknowledged_wraps = 0;
    std::map<std::int64_t, std::int64_t> blocks;  // begin to end: sent, not yet acknowledged
    std::int64_t delivered = 1;
    std::int64_t trimmed = 1;
    bool skipped = false;
    bool fin_seen = false;
    std::uint64_t fin = 0;  // one past it; far beyond everything when it stood before the start
    std::uint8_t syn_at = 0;
    std::uint16_t rst_at = 0;
    bool closed = false;
    bool told_end = false;
    std::map<char, std::uint64_t> events;  // by letter
    bool sent_good = false;
    std::uint64_t packets = 0;
    std::uint64_t ip_bytes = 0;
    std::uint64_t payload_bytes = 0;  // UDP, ICMP
    bool active = false;
  };

  struct OneFlow {
    FlowKey key;
    FlowKind kind{};
    Timestamp first;
    Timestamp last;
    Timestamp seen_at;  // by the flow clock
    bool last_was_late = false;
    std::uint32_t incarnation = 0;
    End originator = End::Low;
    std::array<Side, 2> sides;
    std::string history;
    std::set<char> letters;
    std::uint64_t missed = 0;
    Uid parent;
    std::vector<Uid> parents;
    unsigned parent_changes = 0;
    bool too_many_changes = false;
    bool partial = false;
    bool originator_seen = false;
    bool responder_seen = false;
    bool handshake_done = false;
    bool interactive = false;
    bool close_waits = false;
    std::optional<Timestamp> closing;
    bool discovered = false;
    TunnelType tunnel = TunnelType::None;
    std::int64_t report_from = 0;  // tick

    Side& side(End end) { return sides[index_of(end)]; }
    [[nodiscard]] const Side& side(End end) const { return sides[index_of(end)]; }
    Side& opener() { return side(originator); }
    Side& answerer() { return side(other(originator)); }
  };

  struct KeyOrder {
    bool operator()(const FlowKey& a, const FlowKey& b) const {
      return std::memcmp(&a, &b, sizeof(FlowKey)) < 0;
    }
  };

  // One packet of a TCP connection.
  class Segment;

  Uid take(const FlowPacket& packet);
  OneFlow begin(const FlowPacket& packet, std::uint32_t incarnation) const;
  void pass_ticks(std::int64_t until);
  [[nodiscard]] Timestamp end_of(const OneFlow& flow) const;
  [[nodiscard]] std::optional<Timestamp> next_report(const OneFlow& flow) const;
  void end(const OneFlow& flow, FlowEnd why, Timestamp time);
  [[nodiscard]] ConnRecord record_of(const OneFlow& flow, FlowEnd why) const;
  [[nodiscard]] Uid uid_of(const OneFlow& flow) const;
  [[nodiscard]] bool refused(OneFlow& flow, const FlowPacket& packet) const;
  void note_seen(OneFlow& flow, const FlowPacket& packet) const;
  bool apply(OneFlow& flow, const FlowPacket& packet);
  static void letter(OneFlow& flow, End end, char upper);
  static bool letter_once(OneFlow& flow, End end, char group, char upper);
  static void event(OneFlow& flow, End end, char upper);
  static std::uint64_t size_of(const OneFlow& flow, End end);

  FlowOptions options_;
  std::map<FlowKey, OneFlow, KeyOrder> flows_;
  bool started_ = false;
  bool over_ = false;
  Timestamp now_;
};

}  // namespace weir::protocol
