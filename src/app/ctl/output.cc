#include "app/ctl/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace weir::app {
namespace {

// A pipe that is writable has room for this much at least: the write does not wait.
constexpr std::size_t kPieceBytes = 4096;

}  // namespace

Result<void> CtlOutput::open_pipe() {
  struct stat facts {};
  if (path_ == "-" || ::stat(path_.c_str(), &facts) != 0 || !S_ISFIFO(facts.st_mode)) return ok();
  return open();
}

Result<void> CtlOutput::open_file() {
  if (path_ == "-" || file_) return ok();
  return open();
}

Result<void> CtlOutput::open() {
  file_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file_) return system_error(errno, "write " + path_);
  return ok();
}

int CtlOutput::fd() const noexcept { return path_ == "-" ? STDOUT_FILENO : file_.get(); }

bool CtlOutput::is_terminal() const noexcept { return path_ == "-" && ::isatty(fd()) == 1; }

Result<void> CtlOutput::write(std::string_view bytes, const EndWatch* watch) {
  while (!bytes.empty()) {
    std::size_t piece = bytes.size();
    if (watch != nullptr) {
      if (!watch->wait_for_room(fd())) return ok();
      piece = std::min(piece, kPieceBytes);
    }
    const ssize_t written = ::write(fd(), bytes.data(), piece);
    if (written < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return system_error(errno, path_ == "-" ? "write to standard output" : "write " + path_);
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return ok();
}

}  // namespace weir::app
