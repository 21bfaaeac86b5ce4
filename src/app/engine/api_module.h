// The control API as a module that the supervisor starts, watches and stops.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "control/api_server.h"
#include "control/config.h"
#include "state/module.h"
#include "telemetry/event.h"
#include "telemetry/registry.h"

namespace weir::app {

class ApiModule final : public state::Module,
                        public telemetry::Collector,
                        public telemetry::EventObserver {
 public:
  // All borrowed. `control` as the engine began with it.
  ApiModule(const control::ControlConfig& control, std::string metrics_listen,
            control::EngineControl& engine, control::EventFeed& events, const Clock& clock);
  ~ApiModule() override;

  [[nodiscard]] std::string_view name() const noexcept override { return "api"; }
  Result<void> begin_start(MonotonicTime deadline) override;
  Result<void> begin_stop(MonotonicTime deadline) override;
  Result<state::Progress> poll(MonotonicTime now) override;
  [[nodiscard]] state::ModuleHealth health(MonotonicTime now) override;

  // The engine's thread. Takes effect with the next request. Error: Usage, for an unknown group.
  Result<void> set_groups(const control::RoleGroups& groups);
  // Any thread. For lack of a role, since the server was started last.
  [[nodiscard]] std::uint64_t refused_requests() const;
  void collect(telemetry::Collection& into) const override;        // any thread
  void on_event(const telemetry::Event& event) noexcept override;  // any thread

 private:
  control::ApiOptions options_;
  control::EngineControl& engine_;
  control::EventFeed& events_;
  const Clock& clock_;
  mutable std::mutex mutex_;  // held where the server comes and goes
  std::unique_ptr<control::ApiServer> server_;
  std::atomic<bool> stopping_ = false;
  std::thread stopper_;  // commands in hand are waited for, and the engine's thread does them
};

control::RoleGroups groups_of(const control::ControlConfig& config);

}  // namespace weir::app
