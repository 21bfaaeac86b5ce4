#include "telemetry/report.h"

namespace weir::telemetry {

Result<void> Reporter::report(Timestamp now) {
  EventBatch events = events_.read_after(last_event_, options_.events_max);
  const Report report{.time = now,
                      .metrics = registry_.collect(),
                      .events = std::move(events.events),
                      .events_missed = events.missed};
  WEIR_CHECK(sink_.send(report));
  last_event_ = events.last_id;
  return ok();
}

}  // namespace weir::telemetry
