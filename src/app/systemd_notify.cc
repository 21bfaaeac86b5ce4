#include "app/systemd_notify.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

namespace weir::app {
namespace {

constexpr std::size_t kStatusBytesMax = 512;

Error wrong(std::string_view variable, const std::string& value, std::string_view why) {
  return {.code = ErrorCode::Usage,
          .sys_errno = 0,
          .context = std::string(variable) + "=" + value + ": " + std::string(why) +
                     " (systemd sets it; start without it, or as a service)"};
}

std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, status] = std::from_chars(text.data(), last, number);
  if (status != std::errc{} || end != last) return std::nullopt;
  return number;
}

Result<UniqueFd> connect_to(const std::string& path) {
  const bool abstract = path[0] == '@';
  if (!abstract && path[0] != '/') {
    return wrong("NOTIFY_SOCKET", path, "neither a path nor an abstract socket");
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return wrong("NOTIFY_SOCKET", path, "longer than the name of a socket can be");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (abstract) address.sun_path[0] = '\0';
  // The bytes of an abstract name all count, the zero behind a path does not.
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());

  const std::string what = "notify systemd at " + path;
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return system_error(errno, what);
  // A datagram waits while the receiver's queue is full; the engine must not wait long for it.
  const timeval second{.tv_sec = 1, .tv_usec = 0};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second) != 0)
    return system_error(errno, what);
  const void* const generic = &address;
  if (::connect(fd.get(), static_cast<const sockaddr*>(generic), length) != 0)
    return system_error(errno, what);
  return fd;
}

Result<std::optional<Duration>> watchdog_of(const SystemdEnvironment& environment, int own_pid) {
  if (environment.watchdog_usec.empty()) return std::optional<Duration>();
  if (!environment.watchdog_pid.empty()) {
    const auto pid = number_of(environment.watchdog_pid);
    if (!pid) return wrong("WATCHDOG_PID", environment.watchdog_pid, "no process id");
    // Inherited from a parent that is the one meant.
    if (*pid != static_cast<std::uint64_t>(own_pid)) return std::optional<Duration>();
  }
  const auto microseconds = number_of(environment.watchdog_usec);
  constexpr auto kMax =
      static_cast<std::uint64_t>(std::numeric_limits<Duration::rep>::max() / 1000);
  if (!microseconds || *microseconds == 0 || *microseconds > kMax) {
    return wrong("WATCHDOG_USEC", environment.watchdog_usec, "no number of microseconds");
  }
  return std::optional<Duration>(Duration(static_cast<Duration::rep>(*microseconds) * 1000));
}

// A value ends with its line: the text becomes one line, of a bounded length.
std::string status_line(std::string_view text) {
  std::string line = "STATUS=";
  line += text.substr(0, kStatusBytesMax);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace

SystemdEnvironment SystemdEnvironment::from_environ(const char* const* variables) {
  SystemdEnvironment found;
  for (; variables != nullptr && *variables != nullptr; ++variables) {
    const std::string_view variable = *variables;
    const auto take = [&](std::string_view name, std::string& value) {
      if (variable.starts_with(name)) value = variable.substr(name.size());
    };
    take("NOTIFY_SOCKET=", found.notify_socket);
    take("WATCHDOG_USEC=", found.watchdog_usec);
    take("WATCHDOG_PID=", found.watchdog_pid);
  }
  return found;
}

Result<SystemdNotify> SystemdNotify::open(const SystemdEnvironment& environment, int own_pid) {
  SystemdNotify notify;
  if (environment.notify_socket.empty()) return notify;
  WEIR_TRY(notify.socket_, connect_to(environment.notify_socket));
  WEIR_TRY(notify.watchdog_, watchdog_of(environment, own_pid));
  return notify;
}

Result<void> SystemdNotify::ready(std::string_view status) {
  return send("READY=1\n" + status_line(status));
}

Result<void> SystemdNotify::status(std::string_view text) { return send(status_line(text)); }

Result<void> SystemdNotify::reloading(MonotonicTime now) {
  return send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.ns / 1000));
}

Result<void> SystemdNotify::stopping(std::string_view status) {
  return send("STOPPING=1\n" + status_line(status));
}

Result<void> SystemdNotify::watchdog() { return send("WATCHDOG=1"); }

Result<void> SystemdNotify::send(const std::string& message) {
  if (!socket_) return ok();
  while (::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) {
    if (errno != EINTR) return system_error(errno, "notify systemd");
  }
  return ok();
}

}  // namespace weir::app
