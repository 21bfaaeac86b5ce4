// The sockets that the API listens on.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace weir::control {

struct UnixListenerOptions {
  std::string path;
  std::string group;                     // whose members may connect; empty: the owner only
  uid_t owner = static_cast<uid_t>(-1);  // -1: this process's user
};

// A Unix socket in the file system, non-blocking, and its file: owner and group may connect. The
// file is removed by the destructor, as far as it is still this socket's and the folder lets us.
class UnixListener {
 public:
  // Makes the last folder of the path if it is missing. A socket that nobody listens on is
  // replaced. Errors as of HttpServer::open().
  static Result<std::unique_ptr<UnixListener>> open(const UnixListenerOptions& options);
  ~UnixListener();
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  Result<void> set_group(const std::string& group);

 private:
  UnixListener(std::string path, UniqueFd fd) noexcept
      : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  UniqueFd fd_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct LoopbackListener {
  UniqueFd fd;  // non-blocking
  std::uint16_t port = 0;
};

// "127.0.0.1:9478", "[::1]:9478". Error Usage: no such address, or not one of the loopback.
Result<LoopbackListener> listen_on_loopback(const std::string& address);

}  // namespace weir::control
