#include "telemetry/health_events.h"

#include <chrono>
#include <string>

#include "telemetry/text.h"

namespace weir::telemetry {

void HealthEvents::on_health(const HealthChange& change) noexcept {
  const bool well = change.to == Health::Ok;
  const bool dead = change.to == Health::Stalled || change.to == Health::Failing;
  std::string text = std::string(change.name) + " is " + std::string(name_of(change.to));
  if (!change.reason.empty()) text.append(": ").append(change.reason);
  events_.publish({.kind = EventKind::HealthChanged,
                   .module = "telemetry",
                   .text = text,
                   .fields = {{"name", std::string(change.name)},
                              {"from", std::string(name_of(change.from))},
                              {"to", std::string(name_of(change.to))},
                              {"reason", std::string(change.reason)}},
                   .severity = well   ? Severity::Info
                               : dead ? Severity::Error
                                      : Severity::Warning});
}

void HealthEvents::on_clock_jump(Timestamp, Duration by) noexcept {
  std::string seconds = by < Duration::zero() ? "-" : "";
  append_decimal(seconds,
                 static_cast<std::uint64_t>(by < Duration::zero() ? -by.count() : by.count()), 9);
  events_.publish({.kind = EventKind::ClockJumped,
                   .module = "telemetry",
                   .text = "the wall clock was set by " + seconds + " s",
                   .fields = {{"seconds", seconds}}});
}

}  // namespace weir::telemetry
