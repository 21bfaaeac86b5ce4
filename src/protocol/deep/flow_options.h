// How flows live and how many there may be.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace weir::protocol {

// When a flow ends without a packet that says so. Defaults are Zeek's (base/init-bare.zeek), so
// that the same packets make the same flows.
struct FlowTimeouts {
  Duration tcp = std::chrono::minutes(5);            // idle, after the handshake
  Duration tcp_handshake = std::chrono::minutes(1);  // idle, before
  Duration tcp_attempt = std::chrono::seconds(5);    // a SYN that nobody answered
  Duration tcp_linger = std::chrono::seconds(5);     // after both ends have closed
  // Idle, where people think between packets: responder's ports 21, 22, 23 and 513.
  Duration tcp_interactive = std::chrono::hours(1);
  Duration udp = std::chrono::minutes(1);
  Duration icmp = std::chrono::minutes(1);
  Duration other = std::chrono::minutes(1);
  Duration ip_tunnel = std::chrono::hours(1);  // GRE and IP in IP: without a packet inside
};

// What a bad TCP, UDP or ICMP checksum means. Packets that a host captures before its card has
// filled in the checksum have bad ones and are good.
enum class ChecksumMode : std::uint8_t {
  Auto,    // bad only where the same direction of the flow has shown a good one
  Verify,  // bad; Zeek's default
  Ignore,  // nothing; Zeek's -C
};

// What a flow takes at most, its entry in the table and its share of what few flows need included.
inline constexpr std::uint64_t kBytesPerFlow = 368;
inline constexpr std::uint64_t kFlowsMin = 2048;

struct FlowOptions {
  FlowTimeouts timeouts;
  ChecksumMode checksums = ChecksumMode::Auto;
  std::uint64_t flows_max =
      (std::uint64_t{1} << 30) / kBytesPerFlow;  // of one engine, over all its shards
  // Flows that go on are told again and again at this interval (conn_long.log); 0: never.
  Duration report_interval = std::chrono::minutes(10);
  std::uint64_t uid_seed = 0;
};

}  // namespace weir::protocol
