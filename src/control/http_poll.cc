#include "control/http_poll.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace weir::control {

int poll_for(std::span<pollfd> fds, std::optional<Duration> timeout) noexcept {
  timespec time{};
  if (timeout) {
    const Duration::rep ns = std::max<Duration::rep>(timeout->count(), 0);
    time = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  }
  const int ready = ::ppoll(fds.data(), fds.size(), timeout ? &time : nullptr, nullptr);
  if (ready >= 0) return ready;
  for (pollfd& each : fds) each.revents = 0;
  return 0;
}

Result<UniqueFd> make_bell() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return system_error(errno, "make an eventfd");
  return fd;
}

void ring(int bell) noexcept {
  // Fails only when it has rung 2^64 times and nobody came.
  [[maybe_unused]] const int ignored = ::eventfd_write(bell, 1);
}

void silence(int bell) noexcept {
  eventfd_t count = 0;
  [[maybe_unused]] const int ignored = ::eventfd_read(bell, &count);
}

}  // namespace weir::control
