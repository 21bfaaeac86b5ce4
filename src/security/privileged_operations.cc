#include "security/privileged_operations.h"

#include <sys/socket.h>

#include <cerrno>

#include "security/rights.h"

namespace weir::security {
namespace {

Error cannot_open_packet_socket(int sys_errno) {
  Error error = system_error(sys_errno, "open a packet socket");
  if (error.code == ErrorCode::Permission) {
    error.context += " (" + how_to_grant(Capability::NetRaw) + ")";
  } else if (sys_errno == EAFNOSUPPORT) {
    error.code = ErrorCode::Unsupported;
    error.context += " (this kernel is built without CONFIG_PACKET)";
  }
  return error;
}

}  // namespace

Result<UniqueFd> InProcessPrivileges::open_packet_socket(PacketSocketKind kind) {
  const int type = kind == PacketSocketKind::Frames ? SOCK_RAW : SOCK_DGRAM;
  UniqueFd fd(::socket(AF_PACKET, type | SOCK_CLOEXEC, 0));
  if (!fd) return cannot_open_packet_socket(errno);
  return fd;
}

}  // namespace weir::security
