// What of the configuration takes effect in a running engine beside its sessions: levels of the
// log, intervals of telemetry, groups of the API, ladders of pressure.
#pragma once

#include "app/engine/engine.h"

namespace weir::app {

class Engine::Settings final : public control::ConfigParticipant {
 public:
  // All borrowed.
  Settings(telemetry::LogService& logs, TelemetryModule& telemetry, ApiModule& api,
           PressureWatch& pressure)
      : logs_(logs), telemetry_(telemetry), api_(api), pressure_(pressure) {}

  [[nodiscard]] std::string_view name() const noexcept override { return "settings"; }
  Result<void> stage(const control::Config& now, const control::Config& next,
                     std::uint64_t generation) override;
  void commit() noexcept override;
  void roll_back() noexcept override { next_.reset(); }

 private:
  telemetry::LogService& logs_;
  TelemetryModule& telemetry_;
  ApiModule& api_;
  PressureWatch& pressure_;
  std::optional<control::Config> next_;
};

}  // namespace weir::app
