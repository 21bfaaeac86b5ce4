#include "app/ctl/end_watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace weir::app {
namespace {

// A request may be about to begin when it is stopped: it is stopped again until it has ended.
constexpr int kStopAgainMs = 20;

void set(const UniqueFd& event) noexcept {
  const std::uint64_t one = 1;
  // Cannot fail: the counter is far from its bound.
  [[maybe_unused]] const auto written = ::write(event.get(), &one, sizeof one);
}

template <std::size_t N>
int poll_again(std::array<pollfd, N>& fds, int timeout_ms) noexcept {
  int ready = 0;
  do {
    ready = ::poll(fds.data(), fds.size(), timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready;
}

}  // namespace

Result<std::unique_ptr<EndWatch>> EndWatch::open(int output, ApiClient& client) {
  WEIR_TRY(Signals signals, Signals::open());
  UniqueFd ended(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd done(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!ended || !done) return system_error(errno, "watch for the end");
  return std::unique_ptr<EndWatch>(
      new EndWatch(std::move(signals), std::move(ended), std::move(done), output, client));
}

EndWatch::EndWatch(Signals signals, UniqueFd ended, UniqueFd done, int output, ApiClient& client)
    : signals_(std::move(signals)),
      ended_fd_(std::move(ended)),
      done_fd_(std::move(done)),
      output_(output),
      client_(client),
      thread_([this] { watch(); }) {}

EndWatch::~EndWatch() {
  set(done_fd_);
  thread_.join();
}

void EndWatch::watch() {
  std::array<pollfd, 3> fds{pollfd{.fd = signals_.fd(), .events = POLLIN, .revents = 0},
                            pollfd{.fd = done_fd_.get(), .events = POLLIN, .revents = 0},
                            // Errors only: a pipe without a reader is one.
                            pollfd{.fd = output_, .events = 0, .revents = 0}};
  for (bool end = false; !end;) {
    poll_again(fds, -1);
    if (fds[1].revents != 0) return;
    end = fds[2].revents != 0;
    if (fds[0].revents != 0) {
      const auto number = signals_.take();
      end = end || (number && *number != SIGUSR1);
    }
  }
  ended_ = true;
  set(ended_fd_);
  std::array<pollfd, 1> done{pollfd{.fd = done_fd_.get(), .events = POLLIN, .revents = 0}};
  do {
    client_.stop();
  } while (poll_again(done, kStopAgainMs) == 0);
}

bool EndWatch::wait_for_room(int fd) const noexcept {
  std::array<pollfd, 2> fds{pollfd{.fd = fd, .events = POLLOUT, .revents = 0},
                            pollfd{.fd = ended_fd_.get(), .events = POLLIN, .revents = 0}};
  poll_again(fds, -1);
  return fds[0].revents != 0;
}

bool EndWatch::wait(int timeout_ms) const noexcept {
  std::array<pollfd, 1> fds{pollfd{.fd = ended_fd_.get(), .events = POLLIN, .revents = 0}};
  return poll_again(fds, timeout_ms) == 0;
}

}  // namespace weir::app
