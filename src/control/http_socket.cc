#include "control/http_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <optional>

#include "control/authorizer.h"
#include "control/peer.h"

namespace weir::control {
namespace {

constexpr int kBacklog = 128;
constexpr mode_t kFolderMode = 0755;
constexpr mode_t kOwnerOnly = 0600;
constexpr mode_t kOwnerAndGroup = 0660;

Error usage(std::string context) {
  return Error{.code = ErrorCode::Usage, .context = std::move(context)};
}

Result<UniqueFd> make_socket(int family) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return system_error(errno, "make a socket");
  return fd;
}

template <typename Address>
const sockaddr* any(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return usage("listen on " + path + ": the path of a socket has 1 to " +
                 std::to_string(sizeof address.sun_path - 1) +
                 " bytes (name another one as control.socket)");
  }
  std::memcpy(static_cast<char*>(address.sun_path), path.data(), path.size());
  return address;
}

// The folder of `path`, locked against another engine that starts at the same time.
Result<UniqueFd> lock_folder(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  if (::mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    return system_error(errno, "make folder " + folder + " for the control socket");
  }
  UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::flock(fd.get(), LOCK_EX) != 0) {
    return system_error(errno, "open folder " + folder + " for the control socket");
  }
  return fd;
}

// Makes way for a socket at `path`; fails where that would take something from somebody.
Result<void> clear_way(const std::string& path, const sockaddr_un& address) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return ok();
    return system_error(errno, "look at " + path);
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Error{.code = ErrorCode::Exists,
                 .context = "listen on " + path +
                            ": there is something that is no socket (remove it, or name another "
                            "path as control.socket)"};
  }
  WEIR_TRY(const UniqueFd probe, make_socket(AF_UNIX));
  if (::connect(probe.get(), any(address), sizeof address) == 0 || errno == EAGAIN) {
    const auto peer = peer_of(probe.get());
    const std::string whose =
        peer && peer->pid > 0 ? "process " + std::to_string(peer->pid) : "another process";
    return Error{.code = ErrorCode::Exists,
                 .context = "listen on " + path + ": " + whose +
                            " does already (stop it, or name another path as control.socket)"};
  }
  if (errno != ECONNREFUSED) return system_error(errno, "ask who listens on " + path);
  if (::unlink(path.c_str()) != 0) return system_error(errno, "remove the left socket " + path);
  return ok();
}

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

std::optional<HostPort> split(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  HostPort result{.host = address.substr(0, colon)};
  const char* const last = address.data() + address.size();
  const auto [end, error] = std::from_chars(address.data() + colon + 1, last, result.port);
  if (error != std::errc() || end != last) return std::nullopt;
  if (result.host.size() > 2 && result.host.front() == '[' && result.host.back() == ']') {
    result.host = result.host.substr(1, result.host.size() - 2);
  }
  return result;
}

struct Loopback {
  sockaddr_storage address{};
  socklen_t bytes = 0;
};

std::optional<Loopback> loopback_address(const HostPort& wanted) {
  Loopback result;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, wanted.host.c_str(), &v4.sin_addr) == 1) {
    if (ntohl(v4.sin_addr.s_addr) >> 24 != 127) return std::nullopt;
    v4.sin_family = AF_INET;
    v4.sin_port = htons(wanted.port);
    std::memcpy(&result.address, &v4, sizeof v4);
    result.bytes = sizeof v4;
    return result;
  }
  if (::inet_pton(AF_INET6, wanted.host.c_str(), &v6.sin6_addr) != 1) return std::nullopt;
  if (std::memcmp(&v6.sin6_addr, &in6addr_loopback, sizeof in6addr_loopback) != 0) {
    return std::nullopt;
  }
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(wanted.port);
  std::memcpy(&result.address, &v6, sizeof v6);
  result.bytes = sizeof v6;
  return result;
}

// Both families have the port at the same place.
Result<std::uint16_t> port_of(int fd) {
  sockaddr_in6 bound{};
  socklen_t bytes = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &bytes) != 0) {
    return system_error(errno, "ask for the port of a socket");
  }
  return ntohs(bound.sin6_port);
}
static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));

}  // namespace

Result<std::unique_ptr<UnixListener>> UnixListener::open(const UnixListenerOptions& options) {
  WEIR_TRY(const sockaddr_un address, unix_address(options.path));
  WEIR_TRY(const UniqueFd folder, lock_folder(options.path));
  WEIR_CHECK(clear_way(options.path, address));
  WEIR_TRY(UniqueFd fd, make_socket(AF_UNIX));
  if (::bind(fd.get(), any(address), sizeof address) != 0) {
    return system_error(errno, "make socket " + options.path);
  }
  std::unique_ptr<UnixListener> listener(new UnixListener(options.path, std::move(fd)));
  struct stat made {};
  if (::lstat(options.path.c_str(), &made) != 0) {
    return system_error(errno, "look at " + options.path);
  }
  listener->device_ = made.st_dev;
  listener->inode_ = made.st_ino;
  if (options.owner != static_cast<uid_t>(-1) && options.owner != made.st_uid &&
      ::lchown(options.path.c_str(), options.owner, static_cast<gid_t>(-1)) != 0) {
    return system_error(errno,
                        "give socket " + options.path + " to uid " + std::to_string(options.owner));
  }
  // Nobody can connect before listen(), so nobody sees another mode than the right one.
  WEIR_CHECK(listener->set_group(options.group));
  if (::listen(listener->fd(), kBacklog) != 0) {
    return system_error(errno, "listen on " + options.path);
  }
  return listener;
}

UnixListener::~UnixListener() {
  struct stat found {};
  if (::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

Result<void> UnixListener::set_group(const std::string& group) {
  if (!group.empty()) {
    WEIR_TRY(const gid_t gid, group_of(group));
    if (::lchown(path_.c_str(), static_cast<uid_t>(-1), gid) != 0) {
      return system_error(errno, "give socket " + path_ + " to group " + group);
    }
  }
  if (::chmod(path_.c_str(), group.empty() ? kOwnerOnly : kOwnerAndGroup) != 0) {
    return system_error(errno, "set the mode of socket " + path_);
  }
  return ok();
}

Result<LoopbackListener> listen_on_loopback(const std::string& address) {
  const auto wanted = split(address);
  const auto loopback = wanted ? loopback_address(*wanted) : std::nullopt;
  if (!loopback) {
    return usage("listen on " + address +
                 ": not an address of the loopback with a port (write 127.0.0.1:9478 or "
                 "[::1]:9478; a proxy in front can serve other hosts)");
  }
  LoopbackListener result;
  WEIR_TRY(result.fd, make_socket(loopback->address.ss_family));
  const int on = 1;
  if (::setsockopt(result.fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      ::bind(result.fd.get(), any(loopback->address), loopback->bytes) != 0 ||
      ::listen(result.fd.get(), kBacklog) != 0) {
    const Error error = system_error(errno, "listen on " + address);
    if (error.sys_errno != EADDRINUSE) return error;
    return Error{.code = ErrorCode::Exists,
                 .sys_errno = error.sys_errno,
                 .context = error.context + " (name another port as telemetry.listen)"};
  }
  WEIR_TRY(result.port, port_of(result.fd.get()));
  return result;
}

}  // namespace weir::control
