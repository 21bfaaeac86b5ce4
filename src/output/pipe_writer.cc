#include "output/pipe_writer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace weir::output {

namespace {

// Room that POLLOUT promises at least, in pipes (PIPE_BUF), sockets and terminals.
constexpr std::size_t kPageBytes = 4096;

}  // namespace

Result<PipeWriter> PipeWriter::open(UniqueFd fd, const std::string& path) {
  UniqueFd cancel(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!cancel) return system_error(errno, "write " + path);
  return PipeWriter(std::move(fd), std::move(cancel));
}

PipeWriter::PipeWriter(UniqueFd fd, UniqueFd cancel) noexcept
    : fd_(std::move(fd)), cancel_(std::move(cancel)) {
  struct stat facts = {};
  if (fstat(fd_.get(), &facts) != 0) return;
  if (S_ISFIFO(facts.st_mode)) style_ = Style::NoWait;
  if (S_ISREG(facts.st_mode) || S_ISBLK(facts.st_mode) ||
      (S_ISCHR(facts.st_mode) && isatty(fd_.get()) == 0)) {
    style_ = Style::Whole;
  }
}

int PipeWriter::send(Bytes bytes, Wait wait, std::size_t& sent) noexcept {
  while (!bytes.empty()) {
    Bytes now = bytes;
    ssize_t written = 0;
    if (style_ == Style::NoWait) {
      iovec piece{const_cast<std::uint8_t*>(now.data()), now.size()};
      written = pwritev2(fd_.get(), &piece, 1, -1, RWF_NOWAIT);
    } else {
      if (style_ == Style::Pages) {
        if (const int error = wait_writable(wait); error != 0) return error;
        now = now.first(std::min(now.size(), kPageBytes));
      }
      written = ::write(fd_.get(), now.data(), now.size());
    }
    if (written > 0) {
      sent += static_cast<std::size_t>(written);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    } else if (written == 0) {
      return EIO;
    } else if (errno == EOPNOTSUPP && style_ == Style::NoWait) {
      style_ = Style::Pages;
    } else if (errno == EAGAIN) {
      if (const int error = wait_writable(wait); error != 0) return error;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// 0 when a write will get on (or tell what is wrong); EAGAIN instead of waiting; ECANCELED after
// cancel().
int PipeWriter::wait_writable(Wait wait) noexcept {
  std::array<pollfd, 2> fds = {pollfd{.fd = fd_.get(), .events = POLLOUT, .revents = 0},
                               pollfd{.fd = cancel_.get(), .events = POLLIN, .revents = 0}};
  const bool never = wait == Wait::Never;
  while (fds[0].revents == 0) {
    if (::poll(fds.data(), fds.size(), never ? 0 : -1) < 0 && errno != EINTR) return errno;
    if (fds[0].revents != 0) break;
    if (never) return EAGAIN;
    if (fds[1].revents != 0) return ECANCELED;
  }
  return 0;
}

void PipeWriter::cancel() noexcept { (void)eventfd_write(cancel_.get(), 1); }

int PipeWriter::close() noexcept { return ::close(fd_.release()) != 0 ? errno : 0; }

}  // namespace weir::output
