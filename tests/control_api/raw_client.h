// Speaks HTTP byte by byte over a Unix socket, as clients should and as they should not.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "base/unique_fd.h"

namespace weir::test {

constexpr int kPatienceMs = 20'000;

class RawClient {
 public:
  explicit RawClient(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(static_cast<char*>(address.sun_path), path.data(),
                std::min(path.size(), sizeof address.sun_path - 1));
    connected_ =
        ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  [[nodiscard]] bool connected() const noexcept { return connected_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  void close() { fd_.reset(); }

  // False: the other end is gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Reads until `enough` is in what has come and not been taken, or the end.
  bool read_until(std::string_view enough) {
    while (in_.find(enough) == std::string::npos) {
      if (!read_some()) return false;
    }
    return true;
  }
  // Everything until the other end closes.
  std::string read_all() {
    while (read_some()) {
    }
    return std::exchange(in_, {});
  }
  // One answer with a Content-Length; empty: the end came first.
  std::string read_answer() {
    if (!read_until("\r\n\r\n")) return {};
    const std::size_t head = in_.find("\r\n\r\n") + 4;
    std::size_t body = 0;
    const std::size_t at = in_.find("Content-Length: ");
    if (at < head) body = std::stoul(in_.substr(at + 16));
    while (in_.size() < head + body) {
      if (!read_some()) return {};
    }
    std::string answer = in_.substr(0, head + body);
    in_.erase(0, head + body);
    return answer;
  }
  std::string ask(std::string_view request) {
    send(request);
    return read_answer();
  }
  std::string get(std::string_view path) {
    return ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: weir\r\n\r\n");
  }
  [[nodiscard]] const std::string& buffered() const noexcept { return in_; }

 private:
  bool read_some() {
    pollfd readable{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&readable, 1, kPatienceMs) <= 0) {
      std::fprintf(stderr, "nothing came for %d ms; so far: %.500s\n", kPatienceMs, in_.c_str());
      return false;
    }
    std::array<char, 65536> bytes;
    const ssize_t count = ::recv(fd_.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0) return false;
    in_.append(bytes.data(), static_cast<std::size_t>(count));
    return true;
  }

  UniqueFd fd_;
  bool connected_ = false;
  std::string in_;
};

inline int status_of(std::string_view answer) {
  return answer.starts_with("HTTP/1.1 ") && answer.size() > 12
             ? std::stoi(std::string(answer.substr(9, 3)))
             : 0;
}
inline std::string body_of(const std::string& answer) {
  const std::size_t at = answer.find("\r\n\r\n");
  return at == std::string::npos ? "" : answer.substr(at + 4);
}

}  // namespace weir::test
