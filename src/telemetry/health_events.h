// Tells of health as events.
#pragma once

#include "telemetry/event.h"
#include "telemetry/health.h"

namespace weir::telemetry {

// The thread that checks.
class HealthEvents final : public HealthObserver {
 public:
  explicit HealthEvents(EventHub& events) : events_(events) {}

  void on_health(const HealthChange& change) noexcept override;
  void on_clock_jump(Timestamp now, Duration by) noexcept override;

 private:
  EventHub& events_;
};

}  // namespace weir::telemetry
