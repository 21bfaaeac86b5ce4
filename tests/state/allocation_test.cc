// A worker may drive a machine: no transition allocates.
#include <chrono>

#include <gtest/gtest.h>

#include "state/machine.h"
#include "state/module_state.h"
#include "support/alloc_guard.h"

namespace weir::state {
namespace {

using namespace std::chrono_literals;

class Mute final : public MachineHandler<ModuleGuard, ModuleAction>, public MachineObserver {
 public:
  bool allows(ModuleGuard guard) noexcept override { return guard == ModuleGuard::Restarting; }
  void perform(ModuleAction /*action*/) noexcept override { ++performed; }
  void moved(const Move& /*move*/) noexcept override { ++seen; }
  int performed = 0;
  int seen = 0;
};

TEST(MachineAllocation, ATransitionAllocatesNothing) {
  Mute mute;
  ModuleMachine machine(mute, &mute);
  MonotonicTime now{1};
  const std::uint64_t before = test::allocations();
  for (int i = 0; i < 100; ++i) {
    machine.handle(ModuleEvent::Start, {.who = "a", .why = "b"}, now);
    now = now + 1min;
    machine.expire(now, {.who = "a", .why = "too late"});
    machine.handle(ModuleEvent::Stopped, {}, now);
    machine.handle(ModuleEvent::Recovered, {}, now);
    machine.handle(ModuleEvent::Retry, {}, now);
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(mute.seen, 400);
  EXPECT_EQ(mute.performed, 300);
  EXPECT_EQ(machine.ignored(), 100u);
}

}  // namespace
}  // namespace weir::state
