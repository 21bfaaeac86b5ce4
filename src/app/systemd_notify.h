// Tells systemd how the engine is: the notify protocol (sd_notify(3)) by hand, a few lines of text
// in one datagram.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"

namespace weir::app {

// What systemd passes to a service; empty where it does not. main() reads it once, nobody else
// looks at the environment.
struct SystemdEnvironment {
  std::string notify_socket;  // NOTIFY_SOCKET
  std::string watchdog_usec;  // WATCHDOG_USEC
  std::string watchdog_pid;   // WATCHDOG_PID

  // `variables` as in environ(7): "NAME=value" each, a null pointer at the end; null: none.
  static SystemdEnvironment from_environ(const char* const* variables);
};

// One thread. Open it before rights are given up and file systems closed: it stays connected. Where
// nobody listens (no NOTIFY_SOCKET) every call succeeds and does nothing. No call waits for longer
// than a second; an error means that systemd was not told, and the next call may succeed.
class SystemdNotify {
 public:
  // `own_pid` decides whether the watchdog means this process.
  static Result<SystemdNotify> open(const SystemdEnvironment& environment, int own_pid);

  [[nodiscard]] bool listening() const noexcept { return static_cast<bool>(socket_); }
  // How long systemd waits for watchdog() before it restarts the service; nothing: no watchdog.
  // Call at least twice as often.
  [[nodiscard]] std::optional<Duration> watchdog_interval() const noexcept { return watchdog_; }

  // The service is up, or a reload is over. `status` as in status().
  Result<void> ready(std::string_view status);
  // A line for `systemctl status`.
  Result<void> status(std::string_view text);
  // A reload begins; ready() ends it. `now` of the monotonic clock.
  Result<void> reloading(MonotonicTime now);
  Result<void> stopping(std::string_view status);
  // The engine is alive.
  Result<void> watchdog();

 private:
  SystemdNotify() = default;
  Result<void> send(const std::string& message);

  UniqueFd socket_;
  std::optional<Duration> watchdog_;
};

}  // namespace weir::app
