#include "protocol/deep/likely_server_ports.h"

#include <array>
#include <cstddef>

namespace weir::protocol {
namespace {

// One bit a port: the question is asked for every flow whose beginning is missing.
using PortSet = std::array<std::uint64_t, 1024>;

template <std::size_t N>
constexpr PortSet make_set(const std::uint16_t (&ports)[N]) noexcept {
  PortSet set{};
  for (const std::uint16_t port : ports) set[port / 64] |= std::uint64_t{1} << (port % 64);
  return set;
}

constexpr bool contains(const PortSet& set, std::uint16_t port) noexcept {
  return (set[port / 64] >> (port % 64) & 1) != 0;
}

constexpr PortSet kTcp = make_set({
    21,   22,   25,   53,   79,   80,   81,   88,   135,  139,   143,  389,  443,
    445,  465,  502,  514,  563,  585,  587,  614,  631,  636,   989,  990,  992,
    993,  995,  1080, 1434, 1883, 2811, 3128, 3268, 3306, 3389,  5222, 5223, 5269,
    5432, 6379, 6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000,
});
constexpr PortSet kUdp = make_set({
    53,   67,   88,   123,  137,  161,  162,  389,  443,  514,  1812, 2123,
    2152, 3389, 3544, 4011, 4754, 4789, 5060, 5072, 5353, 5355, 6081, 20000,
});

}  // namespace

bool likely_tcp_server_port(std::uint16_t port) noexcept { return contains(kTcp, port); }
bool likely_udp_server_port(std::uint16_t port) noexcept { return contains(kUdp, port); }

}  // namespace weir::protocol
