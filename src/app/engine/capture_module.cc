#include "app/engine/capture_module.h"

namespace weir::app {
namespace {

constexpr Duration kWorkerPatience = std::chrono::minutes(1);

}  // namespace

Result<void> CaptureModule::begin_start(MonotonicTime) {
  if (!closed_ && !all_ended_) return ok();
  return Error{.code = ErrorCode::LinkGone,
               .context = "capture: no interface is left (restart the engine)"};
}

Result<void> CaptureModule::begin_stop(MonotonicTime) {
  stopping_ = true;
  orchestrator_.request_stop(capture::ExitReason::Signal);
  return ok();
}

Result<state::Progress> CaptureModule::poll(MonotonicTime) {
  if (!stopping_ || closed_) return state::Progress::Done;
  tend();
  if (!all_ended_) return state::Progress::Busy;
  orchestrator_.join();
  closed_ = true;
  if (auto closed = sessions_.close(); !closed) error_ = std::move(closed).error();
  return state::Progress::Done;
}

void CaptureModule::tend() { all_ended_ = orchestrator_.tend(); }

state::ModuleHealth CaptureModule::health(MonotonicTime) {
  if (all_ended_) {
    return {.level = state::HealthLevel::Failing, .reason = "no interface is left"};
  }
  // A worker that waits for a disk may come back: the engine waits with it for a while, and says
  // so. One that is frozen for longer only a restart can help.
  for (const telemetry::HealthStatus& status : health_.status()) {
    if (status.health == telemetry::Health::Ok || !status.name.starts_with("worker ")) continue;
    const bool frozen = clock_.wall() - status.since >= kWorkerPatience;
    return {.level = frozen ? state::HealthLevel::Stalled : state::HealthLevel::Late,
            .reason = status.name + ": " + status.reason};
  }
  return {};
}

}  // namespace weir::app
