#include "state/supervised_module.h"

#include <utility>

namespace weir::state {
namespace {

constexpr std::string_view kWho = "supervisor";

std::string in_ms(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) +
         " ms";
}

bool is_unwell(HealthLevel level) noexcept {
  return level == HealthLevel::Stalled || level == HealthLevel::Failing;
}

}  // namespace

std::string_view name_of(HealthLevel level) noexcept {
  switch (level) {
    case HealthLevel::Ok:
      return "ok";
    case HealthLevel::Late:
      return "late";
    case HealthLevel::Stalled:
      return "stalled";
    case HealthLevel::Failing:
      return "failing";
  }
  return "";
}

SupervisedModule::SupervisedModule(Module& module, ModulePlan plan, Journaler& journaler,
                                   std::uint64_t seed)
    : module_(module),
      plan_(std::move(plan)),
      name_(module.name()),
      recorder_(journaler, "module " + name_),
      machine_(*this, &recorder_),
      back_off_(plan_.back_off, seed) {
  machine_.set_timeout(ModuleState::Starting, plan_.start_limit);
  machine_.set_timeout(ModuleState::Stopping, plan_.stop_limit);
  machine_.set_timeout(ModuleState::Failing, plan_.grace);
}

bool SupervisedModule::start(MonotonicTime now, const Cause& cause) {
  restarting_ = exhausted_ = false;
  ++starts_;
  return send(ModuleEvent::Start, now, cause);
}

bool SupervisedModule::stop(MonotonicTime now, const Cause& cause) {
  restart_asked_ = false;
  return send(ModuleEvent::Stop, now, cause);
}

bool SupervisedModule::stop_condemned(MonotonicTime now) {
  const bool stalled = health_.level == HealthLevel::Stalled;
  note_failure(now, {.code = stalled ? ErrorCode::TimedOut : ErrorCode::Io,
                     .context = "module " + name_ + " is " + std::string(name_of(health_.level)) +
                                ": " + health_.reason});
  restart_asked_ = false;
  restarting_ = true;
  return send(ModuleEvent::TimedOut, now, {.who = kWho, .why = last_error_->context});
}

bool SupervisedModule::retry(MonotonicTime now, const Cause& cause) {
  if (!send(ModuleEvent::Retry, now, cause)) return false;
  recent_failures_.clear();
  back_off_.reset();
  exhausted_ = restarting_ = false;
  return true;
}

void SupervisedModule::ask_restart(const Cause& cause) {
  restart_asked_ = true;
  restart_by_ = cause.who;
  restart_why_ = cause.why;
}

bool SupervisedModule::attend(MonotonicTime now) {
  if (is(ModuleState::Starting)) return attend_starting(now);
  if (is(ModuleState::Stopping)) return attend_stopping(now);
  if (!is(ModuleState::BackingOff) || !machine_.due(now)) return false;
  return send(ModuleEvent::TimedOut, now, {.who = kWho, .why = "it has waited long enough"});
}

bool SupervisedModule::attend_starting(MonotonicTime now) {
  Result<Progress> how_far = progress(now);
  if (!how_far) {
    note_failure(now, std::move(how_far).error());
    return send(ModuleEvent::Failed, now, {.who = kWho, .why = last_error_->context});
  }
  if (*how_far == Progress::Done) {
    back_off_.up(now);
    health_ = {};
    return send(ModuleEvent::Started, now, {.who = kWho});
  }
  if (!machine_.due(now)) return false;
  note_failure(
      now, {.code = ErrorCode::TimedOut,
            .context = "start module " + name_ + ": not up within " + in_ms(plan_.start_limit)});
  restarting_ = true;
  return send(ModuleEvent::TimedOut, now, {.who = kWho, .why = last_error_->context});
}

bool SupervisedModule::attend_stopping(MonotonicTime now) {
  Result<Progress> how_far = progress(now);
  if (!how_far) {
    stuck_ = false;
    last_error_ = std::move(how_far).error();
    return send(ModuleEvent::Failed, now, {.who = kWho, .why = last_error_->context});
  }
  if (*how_far == Progress::Done) {
    stuck_ = false;
    return send(ModuleEvent::Stopped, now, {.who = kWho});
  }
  if (!machine_.due(now)) return false;
  stuck_ = true;
  last_error_ =
      Error{.code = ErrorCode::TimedOut,
            .context = "stop module " + name_ + ": not down within " + in_ms(plan_.stop_limit)};
  return send(ModuleEvent::TimedOut, now, {.who = kWho, .why = last_error_->context});
}

Result<Progress> SupervisedModule::progress(MonotonicTime now) {
  if (begin_error_) return *std::exchange(begin_error_, std::nullopt);
  return module_.poll(now);
}

void SupervisedModule::check_health(MonotonicTime now) {
  if (!is(ModuleState::Up) && !(is(ModuleState::Failing) && !condemned(now))) return;
  health_ = module_.health(now);
  const bool unwell = is_unwell(health_.level);
  if (unwell == is(ModuleState::Failing)) return;
  const Cause cause{.who = kWho, .why = health_.reason};
  send(unwell ? ModuleEvent::Unwell : ModuleEvent::Recovered, now, cause);
}

bool SupervisedModule::send(ModuleEvent event, MonotonicTime now, const Cause& cause) {
  now_ = now;
  const bool moved = static_cast<bool>(machine_.handle(event, cause, now));
  if (is(ModuleState::Up) || is(ModuleState::GivenUp)) settled_ = true;
  return moved;
}

void SupervisedModule::note_failure(MonotonicTime now, Error error) {
  ++failures_;
  last_error_ = std::move(error);
  recent_failures_.push_back(now);
  while (now - recent_failures_.front() > plan_.failure_window) recent_failures_.pop_front();
  exhausted_ = recent_failures_.size() >= plan_.failures_max;
}

bool SupervisedModule::allows(ModuleGuard guard) noexcept {
  switch (guard) {
    case ModuleGuard::Exhausted:
      return exhausted_ && wanted_;
    case ModuleGuard::Restarting:
      return restarting_ && wanted_;
    case ModuleGuard::Stuck:
      return stuck_;
    case ModuleGuard::None:
    case ModuleGuard::kCount:
      break;
  }
  return true;
}

void SupervisedModule::perform(ModuleAction action) noexcept {
  Result<void> begun;
  switch (action) {
    case ModuleAction::BeginStart:
      begun = module_.begin_start(now_ + plan_.start_limit);
      break;
    case ModuleAction::BeginStop:
      begun = module_.begin_stop(now_ + plan_.stop_limit);
      break;
    case ModuleAction::ChooseDelay:
      machine_.set_timeout(ModuleState::BackingOff, back_off_.failed(now_));
      break;
    case ModuleAction::None:
    case ModuleAction::kCount:
      break;
  }
  begin_error_.reset();
  if (!begun) begin_error_ = std::move(begun).error();
}

}  // namespace weir::state
