#include "control/http_connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "control/http_poll.h"

namespace weir::control {

HttpConnection::Sent HttpConnection::send_some() noexcept {
  while (out_sent < out.size()) {
    const ssize_t sent =
        ::send(fd.get(), out.data() + out_sent, out.size() - out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Sent::Part;
    if (sent < 0) return Sent::Failed;
    out_sent += static_cast<std::size_t>(sent);
  }
  out.clear();
  out_sent = 0;
  return Sent::All;
}

bool ConnectionWriter::write(std::string_view bytes) {
  if (gone_) return false;
  if (bytes.empty()) return true;  // an empty chunk would end the answer
  std::string& out = connection_.out;
  if (chunked_) {
    std::array<char, 16> digits;
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), bytes.size(), 16).ptr;
    out.append(digits.data(), end);
    out += "\r\n";
    out += bytes;
    out += "\r\n";
  } else {
    out += bytes;
  }
  return flush();
}

bool ConnectionWriter::flush() {
  MonotonicTime until = clock_.monotonic() + stall_max_;
  std::size_t before = connection_.out_sent;
  for (;;) {
    const auto sent = connection_.send_some();
    if (sent == HttpConnection::Sent::All) return true;
    if (sent == HttpConnection::Sent::Part && connection_.out_sent != before) {
      before = connection_.out_sent;
      until = clock_.monotonic() + stall_max_;
    }
    if (sent == HttpConnection::Sent::Failed || !wait_writable(until)) {
      gone_ = true;
      return false;
    }
  }
}

bool ConnectionWriter::wait_writable(MonotonicTime until) const noexcept {
  std::array fds = {pollfd{.fd = connection_.fd.get(), .events = POLLOUT, .revents = 0},
                    pollfd{.fd = stop_fd_, .events = POLLIN, .revents = 0},
                    pollfd{.fd = end_fd_, .events = POLLIN, .revents = 0}};
  for (;;) {
    const Duration left = until - clock_.monotonic();
    if (left <= Duration::zero()) return false;
    if (poll_for(fds, left) == 0) continue;
    if (fds[1].revents != 0 || fds[2].revents != 0) return false;
    return (fds[0].revents & POLLOUT) != 0;
  }
}

StreamWriter::Wake ConnectionWriter::wait(int fd, Duration timeout) {
  // Of the client only its end is of interest; a negative descriptor is ignored by poll.
  std::array fds = {pollfd{.fd = connection_.fd.get(), .events = 0, .revents = 0},
                    pollfd{.fd = stop_fd_, .events = POLLIN, .revents = 0},
                    pollfd{.fd = end_fd_, .events = POLLIN, .revents = 0},
                    pollfd{.fd = fd, .events = POLLIN, .revents = 0}};
  const MonotonicTime until = clock_.monotonic() + timeout;
  while (!gone_) {
    if (poll_for(fds, until - clock_.monotonic()) > 0) {
      if (fds[0].revents != 0 || fds[1].revents != 0 || fds[2].revents != 0) break;
      return Wake::Readable;
    }
    if (clock_.monotonic() >= until) return Wake::TimedOut;
  }
  gone_ = true;
  return Wake::Gone;
}

void ConnectionWriter::finish() noexcept {
  if (!chunked_ || !connection_.out.empty()) return;
  connection_.out = "0\r\n\r\n";
  // A client that is slow has its socket full of the answer, and needs its end all the same.
  if (gone_) {
    connection_.send_some();
  } else {
    (void)flush();
  }
}

}  // namespace weir::control
