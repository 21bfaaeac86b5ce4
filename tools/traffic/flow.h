// One conversation between two hosts: who talks, how it is wrapped, and how far it has come. A few
// cache lines, because many thousands are active at once.
#pragma once

#include <array>
#include <cstdint>

#include "layers.h"

namespace weir::traffic {

enum class Direction : std::uint8_t { ToServer, ToClient };
constexpr Direction opposite(Direction d) noexcept {
  return d == Direction::ToServer ? Direction::ToClient : Direction::ToServer;
}
constexpr std::size_t index_of(Direction d) noexcept { return static_cast<std::size_t>(d); }

enum class Encapsulation : std::uint8_t { None, Vlan, QinQ, Vxlan, Geneve, Gre };
inline constexpr std::size_t kEncapsulationCount = 6;

enum class Phase : std::uint8_t {
  Begin,
  SynAck,
  HandshakeAck,
  Data,
  DataAck,
  Retransmit,
  FinFirst,
  FinSecond,
  FinAck,
  Reset,
};

struct Flow {
  std::uint64_t seed = 0;  // every byte of its payload follows from this
  Address client;
  Address server;
  std::uint16_t client_port = 0;
  std::uint16_t server_port = 0;
  std::uint8_t application = 0;  // index into applications()
  Encapsulation encapsulation = Encapsulation::None;
  std::uint32_t tenant = 0;      // VLAN identifier, VNI, endpoint number or GRE key
  std::uint32_t outer_hash = 0;  // outer source port, flow cookie
  std::int64_t rtt_ns = 0;
  std::array<std::uint16_t, 2> identification{};

  // Where the conversation stands.
  Phase phase = Phase::Begin;
  Direction message_direction = Direction::ToServer;
  std::uint32_t message = 0;        // index of the current message
  std::uint32_t message_bytes = 0;  // its length
  std::uint32_t message_head = 0;   // of which written by the application, the rest is opaque
  std::uint32_t message_offset = 0;

  // TCP only.
  std::array<std::uint32_t, 2> next_sequence{};
  std::array<std::uint32_t, 2> timestamp{};  // last TSval of each side
  std::uint32_t segment_bytes = 0;           // of the segment sent last, for its retransmission
  std::uint16_t segment_limit = 0;
  std::uint8_t unacknowledged = 0;  // segments since the last ACK
  std::uint8_t window = 0;          // segments per round trip
  std::uint8_t sent_in_window = 0;
  bool ends_with_reset = false;

  [[nodiscard]] Ends ends(Direction d) const noexcept {
    return d == Direction::ToServer ? Ends{client, server} : Ends{server, client};
  }
  [[nodiscard]] std::uint16_t source_port(Direction d) const noexcept {
    return d == Direction::ToServer ? client_port : server_port;
  }
  [[nodiscard]] std::uint16_t destination_port(Direction d) const noexcept {
    return source_port(opposite(d));
  }
};

}  // namespace weir::traffic
