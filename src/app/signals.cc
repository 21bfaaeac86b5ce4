#include "app/signals.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <cerrno>

namespace weir::app {
namespace {

void change_mask(int how) noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM}) sigaddset(&set, number);
  pthread_sigmask(how, &set, nullptr);
}

}  // namespace

SignalsEndTheProcess::SignalsEndTheProcess() { change_mask(SIG_UNBLOCK); }

SignalsEndTheProcess::~SignalsEndTheProcess() { change_mask(SIG_BLOCK); }

Result<Signals> Signals::open() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) sigaddset(&set, number);
  if (const int error = pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0)
    return system_error(error, "block signals");
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore,
            nullptr);  // a closed pipe is an error of the write, not of the process
  UniqueFd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return system_error(errno, "create a signal descriptor");
  return Signals(std::move(fd));
}

std::optional<int> Signals::take() noexcept {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace weir::app
