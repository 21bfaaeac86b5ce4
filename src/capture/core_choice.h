// Where the workers of a capture run: each stays on a core of its own, so that its ring, its blocks
// and its tables stay in that core's caches.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

namespace weir::capture {

// A worker stays where the scheduler put it, which knows what else runs on this machine (another
// weir, too); only where a sibling is there already it goes to the first core that is free. With
// more workers than cores that this process may use, nobody stays anywhere.
class CoreChoice {
 public:
  explicit CoreChoice(std::uint32_t workers);

  // Binds the calling thread to a core and returns it; -1 when it is left to the scheduler. Once a
  // worker; any thread.
  int stay_on_one() noexcept;

 private:
  struct Core {
    int number;
    bool taken = false;
  };
  std::mutex mutex_;
  std::vector<Core> cores_;  // that this process may use; empty: nobody stays
};

}  // namespace weir::capture
