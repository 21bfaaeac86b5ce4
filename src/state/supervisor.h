// Starts the modules of an engine in the order of what they need, watches them, restarts what
// fails, gives up what fails too often, stops them in reverse order, and makes the engine's state
// out of theirs. Every transition goes to the journal, by "supervisor" unless somebody asked for
// it.
//
// One thread drives it by step(); it has none of its own and knows the time only by `now`. Nothing
// here waits. Other threads may read state().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "state/engine_state.h"
#include "state/journaler.h"
#include "state/module.h"
#include "state/module_state.h"

namespace weir::state {

class SupervisedModule;

// What there is to say of a module.
struct ModuleReport {
  std::string name;
  ModuleState state;
  HealthLevel health = HealthLevel::Ok;
  std::string reason;          // of its health, or of its last failure while it is not up
  std::uint64_t failures = 0;  // since the engine started
  std::uint64_t starts = 0;    // that were begun
  std::optional<MonotonicTime> next_try;  // while it is backing off
};

class Supervisor final : private MachineHandler<EngineGuard, NoAction> {
 public:
  struct Options {
    Duration health_interval = std::chrono::seconds(1);
    Duration poll_interval = std::chrono::milliseconds(20);  // of what starts or stops
    std::uint64_t seed = 1;                                  // of the chance in waiting times
  };

  Supervisor(Journaler& journaler, const Options& options);
  ~Supervisor() override;
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Before start(), in any order. The module outlives the supervisor. Error: Exists, for a name.
  Result<void> add(Module& module, ModulePlan plan);
  // Begins to start everything. Internal errors, and nothing is started: a module needs one that
  // does not exist, or itself by way of others; a critical one needs an optional one.
  Result<void> start(MonotonicTime now, const Cause& cause);
  // Does what is due. Returns when it must be called again at the latest.
  MonotonicTime step(MonotonicTime now);

  // Stops everything; the engine is Stopped once that is done, or Failed.
  void drain(MonotonicTime now, const Cause& cause);
  // The engine as a whole is at fault: stops everything, and it is Failed once that is done.
  void fail(MonotonicTime now, Error error, const Cause& cause);
  // Tries a module again that has been given up or waits, with all its failures forgotten. Errors:
  // NotFound; Conflict when it is neither, or the engine is ending.
  Result<void> retry(std::string_view name, MonotonicTime now, const Cause& cause);
  // Stops a module that is up, and what needs it, and starts them again. Errors likewise.
  Result<void> restart(std::string_view name, MonotonicTime now, const Cause& cause);

  [[nodiscard]] EngineState state() const noexcept { return engine_.state(); }
  [[nodiscard]] std::string_view state_name() const noexcept { return engine_.state_name(); }
  [[nodiscard]] bool ended() const noexcept { return engine_.ended(); }
  // Why the engine fails: the first error that cannot be got over.
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }
  // In the order in which modules are started.
  [[nodiscard]] std::vector<ModuleReport> report() const;

 private:
  using Entry = SupervisedModule;

  bool allows(EngineGuard guard) noexcept override;
  void perform(NoAction /*action*/) noexcept override {}

  void end(EngineEvent event, MonotonicTime now, const Cause& cause);
  Result<void> connect();
  Result<void> put_in_order();
  Entry* find(std::string_view name) noexcept;
  Result<Entry*> find_to_change(std::string_view verb, std::string_view name);
  static Error refusal(std::string_view verb, const Entry& entry, std::string_view why);

  bool step_once(MonotonicTime now);
  bool attend(Entry& entry, MonotonicTime now);
  bool start_if_possible(Entry& entry, MonotonicTime now);
  bool stop_if_needed(Entry& entry, MonotonicTime now);
  bool going(const Entry& entry, MonotonicTime now) const noexcept;
  bool blocked(const Entry& entry) const noexcept;
  void check_health(MonotonicTime now);
  void escalate(Entry& entry, MonotonicTime now);
  bool update_engine(MonotonicTime now);
  [[nodiscard]] MonotonicTime next_step(MonotonicTime now) const;

  Journaler& journaler_;
  const Options options_;
  MoveRecorder recorder_;
  Machine<kEngineTable> engine_;
  std::vector<std::unique_ptr<Entry>> modules_;  // in the order of their start, once started
  bool started_ = false;
  bool wanted_ = false;  // false once the engine drains
  std::optional<Error> error_;
  MonotonicTime next_health_{};
};

}  // namespace weir::state
