// Waits until nothing in the kernel is still busy with a packet that arrived before: needed once at
// the end, when a new filter is in place and a packet that another processor is just receiving may
// have met the old one.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "security/privileged_operations.h"

namespace weir::interface {

// Owned and used by one thread.
//
// Hooking a packet socket to another protocol makes the kernel wait until every receive path has
// left the old hook (packet(7) does not say so; the kernel's __unregister_prot_hook() and
// synchronize_net() do). The grace period is the whole kernel's, so a second socket that never
// receives anything does for all others: a member of a fan-out group may not be hooked elsewhere
// itself.
class ReceiveBarrier {
 public:
  static Result<ReceiveBarrier> open(security::PrivilegedOperations& privileges);

  // Some tens of milliseconds.
  void wait() noexcept;

 private:
  explicit ReceiveBarrier(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  [[nodiscard]] int hook_to(std::uint16_t ethertype) noexcept;

  UniqueFd fd_;
  bool swapped_ = false;
};

}  // namespace weir::interface
