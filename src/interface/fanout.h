// Several packet sockets that share the packets of one interface (PACKET_FANOUT, packet(7)): each
// packet goes to exactly one of them.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"

namespace weir::interface {

enum class FanoutRule : std::uint8_t {
  Program,     // an eBPF program names the socket, counted in the order of joining, modulo their
               // number
  KernelHash,  // the kernel's flow hash, of the outermost addresses and ports
};

// Makes a group of these sockets, which are all bound to the same interface and at least one. No
// other process can be in it. A socket stays in its group until it is closed, and cannot be bound
// again. Until a program is set all packets go to the first socket.
Result<void> make_fanout_group(std::span<const int> sockets, FanoutRule rule);

// For groups of FanoutRule::Program; any of their sockets.
Result<void> set_fanout_program(int socket, int program);

}  // namespace weir::interface
