// The end of what has no end of its own: a signal, or nobody who reads the output any more.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "app/ctl/api_client.h"
#include "app/signals.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace weir::app {

// From its making on SIGINT, SIGTERM and SIGHUP no longer end the process: they stop the client. So
// does the end of the reader of `output`, even when there is nothing to be written. Make it while
// there is one thread; `client` outlives it.
class EndWatch {
 public:
  static Result<std::unique_ptr<EndWatch>> open(int output, ApiClient& client);
  ~EndWatch();
  EndWatch(const EndWatch&) = delete;
  EndWatch& operator=(const EndWatch&) = delete;

  [[nodiscard]] bool ended() const noexcept { return ended_; }
  // Until `fd` is writable (true), or the end has come.
  [[nodiscard]] bool wait_for_room(int fd) const noexcept;
  // Until the time is over (true), or the end has come.
  [[nodiscard]] bool wait(int timeout_ms) const noexcept;

 private:
  EndWatch(Signals signals, UniqueFd ended, UniqueFd done, int output, ApiClient& client);
  void watch();

  Signals signals_;
  UniqueFd ended_fd_;  // readable once the end has come
  UniqueFd done_fd_;   // readable once nobody needs the watch
  int output_;
  ApiClient& client_;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace weir::app
