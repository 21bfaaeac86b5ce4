// The capture itself as a module: interfaces, workers and sessions. It is up when the engine
// begins (its interfaces were opened with rights that are given up since), so it cannot be
// restarted alone: when it fails, the engine does, and whoever started the engine starts it anew.
#pragma once

#include <optional>

#include "app/engine/session_table.h"
#include "capture/orchestrator.h"
#include "state/module.h"
#include "telemetry/health.h"

namespace weir::app {

class CaptureModule final : public state::Module {
 public:
  // All borrowed.
  CaptureModule(capture::Orchestrator& orchestrator, SessionTable& sessions,
                const telemetry::HealthMonitor& health, const Clock& clock)
      : orchestrator_(orchestrator), sessions_(sessions), health_(health), clock_(clock) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "capture"; }
  Result<void> begin_start(MonotonicTime deadline) override;
  Result<void> begin_stop(MonotonicTime deadline) override;
  Result<state::Progress> poll(MonotonicTime now) override;
  [[nodiscard]] state::ModuleHealth health(MonotonicTime now) override;

  // Looks at workers that have ended: call it when the orchestrator says so.
  void tend();
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  // Why the outputs did not close well, after the stop.
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

 private:
  capture::Orchestrator& orchestrator_;
  SessionTable& sessions_;
  const telemetry::HealthMonitor& health_;
  const Clock& clock_;
  bool stopping_ = false;
  bool all_ended_ = false;
  bool closed_ = false;
  std::optional<Error> error_;
};

}  // namespace weir::app
