// Signals as a descriptor: blocked for every thread, read by the main one.
#pragma once

#include <optional>

#include "base/result.h"
#include "base/unique_fd.h"

namespace weir::app {

class Signals {
 public:
  // Blocks SIGINT, SIGTERM, SIGHUP and SIGUSR1 and ignores SIGPIPE. Call before the first thread
  // starts. A signal that was ignored before (nohup, a background job) stays ignored.
  static Result<Signals> open();

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  // The next pending signal's number, or nothing.
  std::optional<int> take() noexcept;

 private:
  explicit Signals(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// While this lives, SIGINT and SIGTERM end the process as usual: for a step that waits for somebody
// else before anything is at stake (opening a FIFO waits for its reader). Only while there is one
// thread.
class SignalsEndTheProcess {
 public:
  SignalsEndTheProcess();
  ~SignalsEndTheProcess();
  SignalsEndTheProcess(const SignalsEndTheProcess&) = delete;
  SignalsEndTheProcess& operator=(const SignalsEndTheProcess&) = delete;
};

}  // namespace weir::app
