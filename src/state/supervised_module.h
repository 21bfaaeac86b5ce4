// A module with its machine and its history, as the supervisor keeps it. Of supervisor.cc alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "state/backoff.h"
#include "state/journaler.h"
#include "state/module.h"
#include "state/module_state.h"

namespace weir::state {

// Of the supervisor's thread. It starts, polls and stops its module and counts its failures; when
// to, is for the supervisor to say, who knows the others.
class SupervisedModule final : private MachineHandler<ModuleGuard, ModuleAction> {
 public:
  SupervisedModule(Module& module, ModulePlan plan, Journaler& journaler, std::uint64_t seed);

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] const ModulePlan& plan() const noexcept { return plan_; }
  [[nodiscard]] ModuleState state() const noexcept { return machine_.state(); }
  [[nodiscard]] bool is(ModuleState state) const noexcept { return machine_.state() == state; }
  // It runs, or may: whatever it needs must stay.
  [[nodiscard]] bool active() const noexcept {
    return is(ModuleState::Starting) || is(ModuleState::Up) || is(ModuleState::Failing) ||
           is(ModuleState::Stopping);
  }
  // Failing for longer than its grace: it will be stopped.
  [[nodiscard]] bool condemned(MonotonicTime now) const noexcept {
    return is(ModuleState::Failing) && machine_.due(now);
  }
  // It has come up once, or has been given up.
  [[nodiscard]] bool settled() const noexcept { return settled_; }
  [[nodiscard]] bool restart_asked() const noexcept { return restart_asked_; }
  [[nodiscard]] bool stuck() const noexcept { return stuck_; }
  [[nodiscard]] std::optional<MonotonicTime> deadline() const noexcept {
    return machine_.deadline();
  }
  [[nodiscard]] const std::optional<Error>& last_error() const noexcept { return last_error_; }
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_; }
  [[nodiscard]] std::uint64_t starts() const noexcept { return starts_; }
  [[nodiscard]] const ModuleHealth& health() const noexcept { return health_; }

  // Each returns whether the machine moved.
  bool start(MonotonicTime now, const Cause& cause);
  bool stop(MonotonicTime now, const Cause& cause);
  bool stop_condemned(MonotonicTime now);
  bool retry(MonotonicTime now, const Cause& cause);
  // Asks what starts or stops how far it is; ends what takes too long, and waiting that is over.
  bool attend(MonotonicTime now);
  void check_health(MonotonicTime now);
  void ask_restart(const Cause& cause);
  // The engine drains: what is stopped is not started again.
  void give_up_restarting() noexcept { wanted_ = false; }
  [[nodiscard]] Cause restart_cause() const noexcept {
    return {.who = restart_by_, .why = restart_why_};
  }

  // Modules by their place, filled by the supervisor.
  std::vector<SupervisedModule*> needs;      // plan().needs
  std::vector<SupervisedModule*> after;      // plan().after
  std::vector<SupervisedModule*> needed_by;  // whose `needs` has this one
  std::vector<SupervisedModule*> before;     // whose `after` has this one

 private:
  bool allows(ModuleGuard guard) noexcept override;
  void perform(ModuleAction action) noexcept override;

  bool send(ModuleEvent event, MonotonicTime now, const Cause& cause);
  bool attend_starting(MonotonicTime now);
  bool attend_stopping(MonotonicTime now);
  Result<Progress> progress(MonotonicTime now);
  void note_failure(MonotonicTime now, Error error);

  Module& module_;
  const ModulePlan plan_;
  const std::string name_;
  MoveRecorder recorder_;
  ModuleMachine machine_;
  BackOff back_off_;

  MonotonicTime now_{};               // of the event being handled, for actions
  std::optional<Error> begin_error_;  // of the begin_start() or begin_stop() just done
  std::optional<Error> last_error_;
  std::deque<MonotonicTime> recent_failures_;  // within the window, at most failures_max
  ModuleHealth health_;
  bool restart_asked_ = false;  // and it has not begun
  std::string restart_by_;
  std::string restart_why_;
  bool wanted_ = true;
  bool restarting_ = false;  // it is being stopped because it failed
  bool exhausted_ = false;   // it has failed failures_max times within the window
  bool stuck_ = false;       // its stop ran out of time
  bool settled_ = false;
  std::uint64_t failures_ = 0;
  std::uint64_t starts_ = 0;
};

}  // namespace weir::state
