#include "control/peer.h"

#include <pwd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace weir::control {
namespace {

// The supplementary groups that the peer had when it connected.
Result<std::vector<gid_t>> peer_groups(int socket) {
  std::vector<gid_t> groups(64);
  for (;;) {
    auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) == 0) {
      groups.resize(bytes / sizeof(gid_t));
      return groups;
    }
    // The kernel says how many there are.
    if (errno != ERANGE || bytes <= groups.size() * sizeof(gid_t)) {
      return system_error(errno, "ask for the groups of a peer");
    }
    groups.resize(bytes / sizeof(gid_t));
  }
}

}  // namespace

Result<Principal> peer_of(int socket) {
  ucred credentials{};
  socklen_t bytes = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0) {
    return system_error(errno, "ask for the credentials of a peer");
  }
  WEIR_TRY(auto groups, peer_groups(socket));
  return Principal{.door = Door::Socket,
                   .uid = credentials.uid,
                   .gid = credentials.gid,
                   .groups = std::move(groups),
                   .pid = credentials.pid};
}

std::string who(const Principal& principal) {
  if (principal.door == Door::Loopback) return "somebody on the loopback";
  std::string number = "uid " + std::to_string(principal.uid);
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> text;
  const int failed = ::getpwuid_r(principal.uid, &entry, text.data(), text.size(), &found);
  if (failed != 0 || found == nullptr) return number;
  return std::string(entry.pw_name) + " (" + number + ")";
}

}  // namespace weir::control
