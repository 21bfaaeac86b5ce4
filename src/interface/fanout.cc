#include "interface/fanout.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/assert.h"

namespace weir::interface {
namespace {

constexpr unsigned kTypeShift = 16;
constexpr std::uint32_t kIdMask = 0xffff;

// Without PACKET_FANOUT_FLAG_DEFRAG, which would hand over other packets than were on the wire, and
// without rollover, which would tear flows apart.
Result<void> join(int socket, std::uint32_t id, std::uint32_t type_and_flags) {
  const std::uint32_t argument = id | type_and_flags << kTypeShift;
  if (::setsockopt(socket, SOL_PACKET, PACKET_FANOUT, &argument, sizeof argument) == 0) return ok();
  Error error = system_error(errno, "share the interface between several workers");
  // Kernels before 6.13 refuse a socket whose interface is down.
  if (error.sys_errno == EINVAL) {
    error.context += " (the interface must be up: ip link set dev NAME up)";
  }
  return error;
}

}  // namespace

Result<void> make_fanout_group(std::span<const int> sockets, FanoutRule rule) {
  WEIR_ASSERT(!sockets.empty());
  const std::uint32_t type = rule == FanoutRule::Program ? PACKET_FANOUT_EBPF : PACKET_FANOUT_HASH;
  // The kernel chooses a number that no group of this network namespace has.
  WEIR_CHECK(join(sockets.front(), 0, type | PACKET_FANOUT_FLAG_UNIQUEID));
  std::uint32_t group = 0;
  socklen_t bytes = sizeof group;
  if (::getsockopt(sockets.front(), SOL_PACKET, PACKET_FANOUT, &group, &bytes) != 0) {
    return system_error(errno, "learn the number of the fan-out group");
  }
  for (const int socket : sockets.subspan(1)) WEIR_CHECK(join(socket, group & kIdMask, type));
  return ok();
}

Result<void> set_fanout_program(int socket, int program) {
  if (::setsockopt(socket, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof program) != 0) {
    return system_error(errno, "set the steering program");
  }
  return ok();
}

}  // namespace weir::interface
