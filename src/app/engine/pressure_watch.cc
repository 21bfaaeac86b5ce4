#include "app/engine/pressure_watch.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/thread_name.h"
#include "control/pressure_ladder.h"

namespace weir::app {
namespace {

using state::PressureLevel;
using telemetry::EventKind;
using telemetry::Metric;

std::string level_name(PressureLevel level) {
  return std::string(state::kPressureTable.name_of(level));
}

std::string percent_text(double fill) { return std::to_string(std::lround(fill * 100)); }

std::string name_of_place(state::Resource resource, std::string_view place) {
  return place.empty() ? std::string(name_of(resource)) : std::string(place);
}

std::string text_or_none(const capture::Relief& relief) {
  return relief.none() ? "none" : control::text_of(relief);
}

PressureLevel level_in(const std::string& name) {
  for (const auto& row : state::kPressureStates) {
    if (row.name == name) return row.state;
  }
  return PressureLevel::Normal;
}

}  // namespace

PressureWatch::PressureWatch(Parts parts, telemetry::Logger log,
                             const control::PressureConfig& config)
    : parts_(parts),
      log_(log),
      queue_(parts.journaler),
      journaler_(queue_, parts.clock),
      enabled_(config.enabled),
      ladders_(ladders_of(config)),
      controller_(journaler_, *this, options_of(config, ladders_)) {
  shown_.enabled = config.enabled;
}

PressureWatch::~PressureWatch() { stop(); }

void PressureWatch::start() {
  thread_ = std::thread([this] {
    name_this_thread("weir-pressure");
    run();
  });
}

void PressureWatch::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void PressureWatch::configure(const control::PressureConfig& config) {
  const std::lock_guard lock(mutex_);
  next_ = config;
}

void PressureWatch::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    look();
    lock.lock();
    wake_.wait_for(lock, kInterval, [this] { return stopping_; });
  }
}

void PressureWatch::look() {
  take_configuration();
  Look seen = measure();
  const MonotonicTime now = parts_.clock.monotonic();
  rings_.look(seen.readings, controller_.options().limits, now);
  const std::vector<PlaceSignal> signals = signals_of(seen.readings, controller_.options().limits);
  for (const PlaceSignal& signal : signals) {
    controller_.signal({.resource = signal.resource,
                        .place = signal.place,
                        .fill = signal.fill,
                        .ranks = ranks_of(signal, seen.readings.sessions),
                        .why = signal.why},
                       now);
  }
  controller_.forget_silent();
  relieve(seen, signals);
  journaler_.retry();
  show(seen, signals);
}

void PressureWatch::take_configuration() {
  std::optional<control::PressureConfig> next;
  {
    const std::lock_guard lock(mutex_);
    next = std::exchange(next_, std::nullopt);
  }
  if (!next) return;
  enabled_ = next->enabled;
  ladders_ = ladders_of(*next);
  controller_.set_options(options_of(*next, ladders_));
}

PressureWatch::Look PressureWatch::measure() const {
  Look look;
  for (std::size_t lane = 0; lane < parts_.orchestrator.lane_count(); ++lane) {
    look.readings.rings.push_back(parts_.orchestrator.lane(lane).source->ring_fill_now() / 1000.0);
  }
  look.readings.memory = parts_.memory.fill();
  parts_.sessions.look_at_open([&](const std::shared_ptr<SessionEntry>& entry) {
    measure_session(*entry, look.readings.sessions.emplace_back());
    look.entries.push_back(entry);
  });
  return look;
}

// A tail is the first to go without, and what its reader is too slow for is nobody's pressure.
void PressureWatch::measure_session(const SessionEntry& entry, SessionReading& into) const {
  const bool tail = entry.origin == SessionOrigin::Tail;
  into.name = entry.config.name;
  into.priority = tail ? 0 : entry.config.priority;
  into.takes_packets = entry.machine().state() == state::SessionState::Running;
  into.lanes = entry.lanes;
  if (entry.parts.analysis != nullptr) into.flows = entry.parts.analysis->flows_fill();
  if (entry.parts.outputs == nullptr || tail) return;
  for (const OutputsPart::Place& place : entry.parts.outputs->places()) {
    into.outputs.push_back({.place = place.name,
                            .fill = place.sink->fill(),
                            .when_full = place.pipe ? WhenFull::Loses : WhenFull::Waits});
  }
  for (const std::string& store : entry.parts.outputs->stores()) {
    const auto room = parts_.stores.room_of(store);
    if (!room) continue;
    into.stores.push_back({.place = "store " + store, .wanted = room->wanted, .why = room->why});
  }
}

void PressureWatch::direct(const state::Directive& directive) noexcept {
  if (directive.before == directive.level) return;  // a step: told by whom it relieves
  const std::string resource(name_of(directive.resource));
  const std::string place(directive.place);
  const std::string to = level_name(directive.level);
  const std::string why(directive.why);
  const std::string text = name_of_place(directive.resource, place) + " is under " + to +
                           " pressure (" + percent_text(directive.fill) + " % taken): " + why;
  log_.warning("pressure has changed",
               {{"resource", resource}, {"place", place}, {"to", to}, {"why", why}});
  parts_.news.publish(EventKind::PressureChanged, "state", text,
                      {{"resource", resource},
                       {"place", place},
                       {"from", level_name(directive.before)},
                       {"to", to},
                       {"fill", percent_text(directive.fill)},
                       {"why", why}});
}

void PressureWatch::relieve(const Look& look, const std::vector<PlaceSignal>& signals) {
  std::vector<std::uint32_t> steps;
  for (const PlaceSignal& signal : signals) {
    steps.push_back(controller_.step(signal.resource, signal.place));
  }
  const std::vector<capture::Relief> reliefs =
      reliefs_of(look.readings.sessions, signals, steps, ladders_);
  for (std::size_t i = 0; i < reliefs.size(); ++i) {
    if (look.entries[i]->account().relief() == reliefs[i]) continue;
    std::string why;
    for (std::size_t k = 0; k < signals.size(); ++k) {
      const auto& sessions = signals[k].sessions;
      if (steps[k] == 0 || std::ranges::find(sessions, i) == sessions.end()) continue;
      why += why.empty() ? "" : ", ";
      why += name_of_place(signals[k].resource, signals[k].place) + ": step " +
             std::to_string(steps[k]);
    }
    relieve(*look.entries[i], look.readings.sessions[i], reliefs[i],
            why.empty() ? "there is enough" : why);
  }
}

void PressureWatch::relieve(SessionEntry& entry, const SessionReading& session,
                            const capture::Relief& relief, const std::string& why) {
  const std::string from = text_or_none(entry.account().relief());
  const std::string to = text_or_none(relief);
  entry.account().set_relief(relief);
  relieved_[session.name] = parts_.clock.wall();
  journaler_.record({.machine = "relief " + session.name,
                     .from = from,
                     .event = "relieve",
                     .to = to,
                     .cause = {.who = "pressure", .why = why}});
  log_.warning("the relief of a session has changed",
               {{"session", session.name}, {"from", from}, {"to", to}, {"why", why}});
  parts_.news.publish(EventKind::ReliefChanged, "state",
                      "session " + session.name +
                          (relief.none() ? " has everything again" : " does with less: " + to) +
                          " (" + why + ")",
                      {{"session", session.name},
                       {"priority", std::to_string(session.priority)},
                       {"from", from},
                       {"to", to},
                       {"why", why}});
}

Timestamp PressureWatch::wall_of(MonotonicTime time) const {
  return parts_.clock.wall() + -(parts_.clock.monotonic() - time);
}

void PressureWatch::show(const Look& look, const std::vector<PlaceSignal>& signals) {
  const auto& sessions = look.readings.sessions;
  std::vector<std::size_t> order(sessions.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return sessions[i].priority; });
  control::PressureStatus status{.enabled = enabled_};
  std::vector<double> fills;
  for (const auto& place : controller_.status()) {
    control::PressurePlace row{.resource = std::string(name_of(place.resource)),
                               .place = place.place,
                               .level = level_name(place.level),
                               .since = wall_of(place.since),
                               .fill = static_cast<std::uint64_t>(std::lround(place.fill * 100)),
                               .step = place.step,
                               .steps = place.steps};
    for (const PlaceSignal& signal : signals) {
      if (signal.resource != place.resource || signal.place != place.place) continue;
      for (const std::size_t i : order) {
        if (std::ranges::find(signal.sessions, i) == signal.sessions.end()) continue;
        row.sessions.push_back(sessions[i].name);
      }
    }
    status.places.push_back(std::move(row));
    fills.push_back(place.fill);
  }
  std::map<std::string, Timestamp> relieved;
  for (const std::size_t i : order) {
    const auto since = relieved_.find(sessions[i].name);
    if (since != relieved_.end()) relieved.insert(*since);
    status.sessions.push_back({.session = sessions[i].name,
                               .priority = sessions[i].priority,
                               .relief = control::text_of(look.entries[i]->account().relief()),
                               .since = since == relieved_.end() ? Timestamp{} : since->second});
  }
  relieved_ = std::move(relieved);
  const std::lock_guard lock(mutex_);
  shown_ = std::move(status);
  shown_fills_ = std::move(fills);
}

control::PressureStatus PressureWatch::status() const {
  const std::lock_guard lock(mutex_);
  return shown_;
}

void PressureWatch::collect(telemetry::Collection& into) const {
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < shown_.places.size(); ++i) {
    const control::PressurePlace& row = shown_.places[i];
    const auto level = static_cast<std::uint64_t>(level_in(row.level));
    into.add(Metric::PressureLevel, {row.resource, row.place}, level);
    into.add(Metric::PressureFill, {row.resource, row.place}, shown_fills_[i]);
    into.add(Metric::PressureStep, {row.resource, row.place}, row.step);
  }
}

}  // namespace weir::app
