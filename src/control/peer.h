// Who is at the other end of a connection, as the kernel knows it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace weir::control {

// By which listener a request came: the Unix socket, or the loopback port that serves metrics.
enum class Door : std::uint8_t { Socket, Loopback };

// A value. On the loopback port nobody is known: uid and gid are those of nobody there, and
// authorisation goes by the door.
struct Principal {
  Door door = Door::Socket;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  std::vector<gid_t> groups;  // supplementary ones
  pid_t pid = 0;
};

// The credentials that the peer of a connected Unix socket had when it connected.
Result<Principal> peer_of(int socket);

// "alice (uid 1000)", or "uid 1000" where the user has no name. Asks the system's user database.
std::string who(const Principal& principal);

}  // namespace weir::control
