// Ports by which a server is told from its client when the beginning of a flow was not seen: the
// ones that Zeek's protocol scripts register (its likely_server_ports).
#pragma once

#include <cstdint>

namespace weir::protocol {

[[nodiscard]] bool likely_tcp_server_port(std::uint16_t port) noexcept;
[[nodiscard]] bool likely_udp_server_port(std::uint16_t port) noexcept;

}  // namespace weir::protocol
