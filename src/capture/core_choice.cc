#include "capture/core_choice.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>

namespace weir::capture {

CoreChoice::CoreChoice(std::uint32_t workers) {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  if (static_cast<std::uint32_t>(CPU_COUNT(&allowed)) < workers) return;
  for (std::size_t core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) cores_.push_back({.number = static_cast<int>(core)});
  }
}

int CoreChoice::stay_on_one() noexcept {
  const std::lock_guard lock(mutex_);
  const int here = ::sched_getcpu();
  const auto free = [](const Core& core) { return !core.taken; };
  auto chosen = std::find_if(cores_.begin(), cores_.end(),
                             [&](const Core& core) { return core.number == here && !core.taken; });
  if (chosen == cores_.end()) chosen = std::find_if(cores_.begin(), cores_.end(), free);
  if (chosen == cores_.end()) return -1;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(chosen->number), &one);
  if (::pthread_setaffinity_np(::pthread_self(), sizeof one, &one) != 0) return -1;
  chosen->taken = true;
  return chosen->number;
}

}  // namespace weir::capture
