#include "security/privileged_operations.h"

#include <sys/socket.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

namespace weir::security {
namespace {

// The program as `setcap` must be told it.
std::string path_of_this_program() {
  std::error_code failed;
  const std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", failed);
  return failed ? "$(command -v weir)" : path.string();
}

Error cannot_open_packet_socket(int sys_errno) {
  Error error = system_error(sys_errno, "open a packet socket");
  if (error.code == ErrorCode::Permission) {
    error.context += " (needs CAP_NET_RAW: run as root, or once: sudo setcap cap_net_raw=eip " +
                     path_of_this_program() + ")";
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
