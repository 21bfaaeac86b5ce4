// A module as the supervisor sees it: something that is started, watched and stopped.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "state/backoff.h"

namespace weir::state {

enum class HealthLevel : std::uint8_t {
  Ok,
  Late,     // slower than it should be, but it works
  Stalled,  // it has not moved for too long
  Failing,  // it moves, and fails
};
std::string_view name_of(HealthLevel level) noexcept;  // "ok", "late", "stalled", "failing"

struct ModuleHealth {
  HealthLevel level = HealthLevel::Ok;
  std::string reason;  // in words, when it is not well
};

enum class Progress : std::uint8_t { Busy, Done };

// All calls are made by the supervisor's thread, and none may wait. After begin_start() or
// begin_stop() the supervisor calls poll() until it says Done or fails.
class Module {
 public:
  virtual ~Module() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  // An error, here or from poll(), means that nothing of it runs. Not done by the deadline: it is
  // stopped, and has failed.
  virtual Result<void> begin_start(MonotonicTime deadline) = 0;
  // Also while it is still starting. Not done by the deadline: it is given up, and what it needs is
  // stopped all the same.
  virtual Result<void> begin_stop(MonotonicTime deadline) = 0;
  virtual Result<Progress> poll(MonotonicTime now) = 0;

  // Asked while it is up.
  [[nodiscard]] virtual ModuleHealth health(MonotonicTime now) = 0;
};

enum class Criticality : std::uint8_t {
  Critical,  // without it the engine fails
  Optional,  // without it the engine is degraded
};

struct ModulePlan {
  // It cannot do without these: it starts when they are up, is stopped before they are, and is
  // restarted when they are.
  std::vector<std::string> needs = {};
  // It first starts when these have come up or have been given up, and is stopped before they are
  // when the engine ends; otherwise it does not care.
  std::vector<std::string> after = {};
  Criticality criticality = Criticality::Critical;
  Duration start_limit = std::chrono::seconds(10);
  Duration stop_limit = std::chrono::seconds(10);
  Duration grace = std::chrono::seconds(5);  // how long it may be Stalled or Failing
  BackOffOptions back_off = {};
  // So many failures within the window, and it is given up. At least 1.
  std::size_t failures_max = 5;
  Duration failure_window = std::chrono::minutes(10);
};

}  // namespace weir::state
