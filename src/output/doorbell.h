// Wakes one thread that has nothing to do, from many that have something for it.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir::output {

// The thread: listen(), look for work, do it, wait(). What is there before a ring() is seen by the
// look, or ends the wait: all accesses are sequentially consistent, and whoever rings has made its
// work visible by a sequentially consistent store before.
class Doorbell {
 public:
  // Costs a load unless the thread listens, and a system call only if it waits.
  void ring() noexcept {
    if (listening_.load() != 0 && listening_.exchange(0) != 0) listening_.notify_one();
  }

  void listen() noexcept { listening_.store(1); }
  void wait() const noexcept { listening_.wait(1); }  // returns at once if rung since listen()

 private:
  std::atomic<std::uint32_t> listening_{0};
};

}  // namespace weir::output
