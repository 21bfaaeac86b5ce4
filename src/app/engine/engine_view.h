// A running engine as the API and the metrics see it. Nothing here waits for packets or commands.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "app/engine/intake.h"
#include "app/engine/session_table.h"
#include "app/engine/telemetry_module.h"
#include "base/clock.h"
#include "capture/orchestrator.h"
#include "control/config_manager.h"
#include "control/engine_control.h"
#include "state/journaler.h"
#include "state/supervisor.h"
#include "storage/state_store.h"
#include "telemetry/health.h"
#include "telemetry/registry.h"

namespace weir::app {

// What it looks at. Borrowed.
struct EngineParts {
  const Clock& clock;
  Intake& intake;
  const capture::Orchestrator& orchestrator;
  const SessionTable& sessions;
  const control::ConfigManager& config;
  storage::StateStore& store;
  const state::Journaler& journaler;
  const telemetry::Registry& registry;
  const telemetry::HealthMonitor& health;
  const TelemetryModule& telemetry;
};

// Any thread, but for what says otherwise.
class EngineView final : public telemetry::Collector {
 public:
  explicit EngineView(EngineParts parts);

  [[nodiscard]] control::EngineStatus status() const;
  [[nodiscard]] std::vector<control::InterfaceStatus> interfaces() const;
  [[nodiscard]] std::vector<control::GenerationStatus> generations() const;
  [[nodiscard]] control::ConfigDocument configuration() const;
  [[nodiscard]] Result<std::vector<control::JournalRow>> journal(std::uint64_t before,
                                                                 std::size_t rows_max) const;
  [[nodiscard]] std::string metrics() const;
  void collect(telemetry::Collection& into) const override;

  // The engine's thread, now and then: what only that thread may ask.
  void refresh(const state::Supervisor& supervisor);
  void count_reload(bool worked) noexcept;

 private:
  void collect_capture(telemetry::Collection& into) const;
  void collect_interfaces(telemetry::Collection& into) const;
  void collect_rings(telemetry::Collection& into) const;
  void collect_workers(telemetry::Collection& into) const;

  const EngineParts parts_;
  const Timestamp started_;
  mutable std::mutex mutex_;  // guards the next two
  std::string state_ = "starting";
  std::vector<state::ModuleReport> modules_;
  std::atomic<std::uint64_t> reloads_ = 0;
  std::atomic<std::uint64_t> reloads_refused_ = 0;
};

}  // namespace weir::app
