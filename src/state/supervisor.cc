#include "state/supervisor.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/assert.h"
#include "base/prng.h"
#include "state/supervised_module.h"

namespace weir::state {
namespace {

constexpr std::string_view kWho = "supervisor";

Error wiring_error(std::string context) {
  return {.code = ErrorCode::Internal, .context = std::move(context)};
}

bool is_active(const SupervisedModule* module) noexcept { return module->active(); }

}  // namespace

Supervisor::Supervisor(Journaler& journaler, const Options& options)
    : journaler_(journaler),
      options_(options),
      recorder_(journaler, "engine"),
      engine_(*this, &recorder_) {}

Supervisor::~Supervisor() = default;

Result<void> Supervisor::add(Module& module, ModulePlan plan) {
  WEIR_ASSERT(!started_ && plan.failures_max > 0);
  if (find(module.name()) != nullptr) {
    return Error{.code = ErrorCode::Exists,
                 .context = "add module " + std::string(module.name()) + ": there is one already"};
  }
  // Each its own chance, or those that failed together would come back together.
  const std::uint64_t seed = Prng(options_.seed + modules_.size()).next();
  modules_.push_back(std::make_unique<Entry>(module, std::move(plan), journaler_, seed));
  return ok();
}

Result<void> Supervisor::start(MonotonicTime now, const Cause& cause) {
  WEIR_ASSERT(!started_);
  WEIR_CHECK(connect());
  WEIR_CHECK(put_in_order());
  started_ = wanted_ = true;
  next_health_ = now + options_.health_interval;
  journaler_.record({.machine = recorder_.machine(),
                     .from = "none",
                     .event = "start",
                     .to = engine_.state_name(),
                     .cause = cause});
  return ok();
}

// Names become modules.
Result<void> Supervisor::connect() {
  for (const auto& entry : modules_) {
    for (const bool needed : {true, false}) {
      for (const std::string& name : needed ? entry->plan().needs : entry->plan().after) {
        Entry* other = find(name);
        if (other == nullptr) {
          return wiring_error("start module " + std::string(entry->name()) + ": there is no " +
                              name + " for it");
        }
        if (needed && entry->plan().criticality == Criticality::Critical &&
            other->plan().criticality == Criticality::Optional) {
          return wiring_error("start module " + std::string(entry->name()) +
                              ": it is critical, but needs the optional " + name);
        }
        (needed ? entry->needs : entry->after).push_back(other);
        (needed ? other->needed_by : other->before).push_back(entry.get());
      }
    }
  }
  return ok();
}

// Each behind what it needs and follows, otherwise as they were added.
Result<void> Supervisor::put_in_order() {
  std::vector<std::unique_ptr<Entry>> ordered;
  const auto placed = [&ordered](const Entry* entry) {
    return std::ranges::any_of(ordered,
                               [entry](const auto& other) { return other.get() == entry; });
  };
  while (!modules_.empty()) {
    const auto next = std::ranges::find_if(modules_, [&placed](const auto& entry) {
      return std::ranges::all_of(entry->needs, placed) && std::ranges::all_of(entry->after, placed);
    });
    if (next == modules_.end()) {
      return wiring_error("start module " + std::string(modules_.front()->name()) +
                          ": it needs itself, by way of others");
    }
    ordered.push_back(std::move(*next));
    modules_.erase(next);
  }
  modules_ = std::move(ordered);
  return ok();
}

MonotonicTime Supervisor::step(MonotonicTime now) {
  journaler_.retry();
  check_health(now);
  while (step_once(now)) {
  }
  return next_step(now);
}

// Stopping goes against the order, starting along it. True when something moved.
bool Supervisor::step_once(MonotonicTime now) {
  bool moved = false;
  for (const auto& entry : std::views::reverse(modules_)) {
    moved = entry->attend(now) || moved;
    escalate(*entry, now);
    moved = stop_if_needed(*entry, now) || moved;
  }
  for (const auto& entry : modules_) moved = start_if_possible(*entry, now) || moved;
  return update_engine(now) || moved;
}

void Supervisor::check_health(MonotonicTime now) {
  if (!started_ || now < next_health_) return;
  next_health_ = now + options_.health_interval;
  for (const auto& entry : modules_) entry->check_health(now);
}

// What needs it must not count on it any longer.
bool Supervisor::going(const Entry& entry, MonotonicTime now) const noexcept {
  const bool up = entry.is(ModuleState::Up) || entry.is(ModuleState::Failing);
  return !wanted_ || !up || entry.restart_asked() || entry.condemned(now);
}

bool Supervisor::start_if_possible(Entry& entry, MonotonicTime now) {
  if (!wanted_ || !entry.is(ModuleState::Down)) return false;
  const auto is_up = [this, now](const Entry* other) {
    return other->is(ModuleState::Up) && !going(*other, now);
  };
  const auto settled = [](const Entry* other) { return other->settled(); };
  if (!std::ranges::all_of(entry.needs, is_up)) return false;
  if (!std::ranges::all_of(entry.after, settled)) return false;
  return entry.start(now, {.who = kWho, .why = "it is wanted, and what it needs is up"});
}

bool Supervisor::stop_if_needed(Entry& entry, MonotonicTime now) {
  if (entry.is(ModuleState::BackingOff)) {
    return !wanted_ && entry.stop(now, {.who = kWho, .why = "the engine is ending"});
  }
  if (!entry.active() || entry.is(ModuleState::Stopping)) return false;
  const auto leaving = std::ranges::find_if(
      entry.needs, [this, now](const Entry* other) { return going(*other, now); });
  const bool needed_goes = leaving != entry.needs.end();
  if (wanted_ && !needed_goes && !entry.restart_asked() && !entry.condemned(now)) return false;

  if (std::ranges::any_of(entry.needed_by, is_active)) return false;
  if (!wanted_ && std::ranges::any_of(entry.before, is_active)) return false;
  if (!wanted_) return entry.stop(now, {.who = kWho, .why = "the engine is ending"});
  if (entry.condemned(now)) return entry.stop_condemned(now);
  if (needed_goes) {
    const std::string why = "it needs " + std::string((*leaving)->name()) + ", which is going down";
    return entry.stop(now, {.who = kWho, .why = why});
  }
  // The cause lives in the entry, and stop() reads it before it is over.
  return entry.stop(now, entry.restart_cause());
}

// What cannot be got over ends the engine.
void Supervisor::escalate(Entry& entry, MonotonicTime now) {
  if (!entry.is(ModuleState::GivenUp)) return;
  if (!wanted_) {
    if (entry.stuck() && !error_) error_ = entry.last_error();
    return;
  }
  if (entry.plan().criticality == Criticality::Optional) return;
  const std::string why = "module " + std::string(entry.name()) +
                          " has been given up, and the engine cannot do without it";
  fail(now, Error(*entry.last_error()).with_context(why), {.who = kWho, .why = why});
}

// It will not come up by itself, for what it needs has been given up.
bool Supervisor::blocked(const Entry& entry) const noexcept {
  return entry.is(ModuleState::Down) &&
         std::ranges::any_of(entry.needs, [this](const Entry* other) {
           return other->is(ModuleState::GivenUp) || blocked(*other);
         });
}

bool Supervisor::update_engine(MonotonicTime now) {
  const EngineState state = engine_.state();
  if (state == EngineState::Draining) {
    const bool quiet = std::ranges::none_of(modules_, [](const auto& entry) {
      return entry->active() || entry->is(ModuleState::BackingOff);
    });
    return quiet && engine_.handle(EngineEvent::Drained, {.who = kWho}, now);
  }
  if (!started_ || !wanted_) return false;
  const auto missing =
      std::ranges::find_if(modules_, [](const auto& entry) { return !entry->is(ModuleState::Up); });
  if (missing == modules_.end()) {
    return state != EngineState::Running &&
           engine_.handle(EngineEvent::Started, {.who = kWho, .why = "every module is up"}, now);
  }
  const bool undecided = std::ranges::any_of(modules_, [this](const auto& entry) {
    return !entry->is(ModuleState::Up) && !entry->is(ModuleState::GivenUp) && !blocked(*entry);
  });
  if (state == EngineState::Degraded || (state == EngineState::Starting && undecided)) return false;
  const std::string why = "module " + std::string((*missing)->name()) + " is " +
                          std::string(kModuleTable.name_of((*missing)->state()));
  return static_cast<bool>(engine_.handle(EngineEvent::Impaired, {.who = kWho, .why = why}, now));
}

void Supervisor::drain(MonotonicTime now, const Cause& cause) {
  end(EngineEvent::Drain, now, cause);
}

void Supervisor::fail(MonotonicTime now, Error error, const Cause& cause) {
  if (!error_) error_ = std::move(error);
  end(EngineEvent::Fault, now, cause);
}

void Supervisor::end(EngineEvent event, MonotonicTime now, const Cause& cause) {
  wanted_ = false;
  for (const auto& entry : modules_) entry->give_up_restarting();
  engine_.handle(event, cause, now);
}

Result<void> Supervisor::retry(std::string_view name, MonotonicTime now, const Cause& cause) {
  WEIR_TRY(Entry * entry, find_to_change("retry", name));
  if (entry->retry(now, cause)) return ok();
  return refusal("retry", *entry, "it has not been given up");
}

Result<void> Supervisor::restart(std::string_view name, MonotonicTime now, const Cause& cause) {
  WEIR_TRY(Entry * entry, find_to_change("restart", name));
  if (!entry->is(ModuleState::Up) && !entry->is(ModuleState::Failing)) {
    return refusal("restart", *entry, "only what is up can be restarted");
  }
  entry->ask_restart(cause);
  while (step_once(now)) {
  }
  return ok();
}

Result<Supervisor::Entry*> Supervisor::find_to_change(std::string_view verb,
                                                      std::string_view name) {
  Entry* entry = find(name);
  if (entry == nullptr) {
    return Error{.code = ErrorCode::NotFound,
                 .context = std::string(verb) + " module " + std::string(name) +
                            ": there is none (see weir ctl status)"};
  }
  if (!wanted_) return refusal(verb, *entry, "the engine is ending");
  return entry;
}

Error Supervisor::refusal(std::string_view verb, const Entry& entry, std::string_view why) {
  return {.code = ErrorCode::Conflict,
          .context = std::string(verb) + " module " + std::string(entry.name()) + ": it is " +
                     std::string(kModuleTable.name_of(entry.state())) + " (" + std::string(why) +
                     ")"};
}

Supervisor::Entry* Supervisor::find(std::string_view name) noexcept {
  for (const auto& entry : modules_) {
    if (entry->name() == name) return entry.get();
  }
  return nullptr;
}

bool Supervisor::allows(EngineGuard /*had_fault*/) noexcept { return error_.has_value(); }

MonotonicTime Supervisor::next_step(MonotonicTime now) const {
  MonotonicTime next = now + options_.health_interval;
  if (started_ && wanted_) next = std::min(next, next_health_);
  for (const auto& entry : modules_) {
    const bool busy = entry->is(ModuleState::Starting) || entry->is(ModuleState::Stopping);
    if (busy) next = std::min(next, now + options_.poll_interval);
    // A deadline that is over waits for other modules.
    const auto deadline = entry->deadline();
    if (deadline && *deadline > now) next = std::min(next, *deadline);
  }
  return next;
}

std::vector<ModuleReport> Supervisor::report() const {
  std::vector<ModuleReport> reports;
  for (const auto& entry : modules_) {
    const bool up = entry->is(ModuleState::Up) || entry->is(ModuleState::Failing);
    ModuleReport& report = reports.emplace_back(ModuleReport{
        .name = std::string(entry->name()),
        .state = entry->state(),
        .health = up ? entry->health().level : HealthLevel::Ok,
        .failures = entry->failures(),
        .starts = entry->starts(),
        .next_try = entry->is(ModuleState::BackingOff) ? entry->deadline() : std::nullopt});
    if (up) {
      report.reason = entry->health().reason;
    } else if (entry->last_error()) {
      report.reason = entry->last_error()->context;
    }
  }
  return reports;
}

}  // namespace weir::state
