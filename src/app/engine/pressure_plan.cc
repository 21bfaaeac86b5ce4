#include "app/engine/pressure_plan.h"

#include <algorithm>

#include "control/pressure_ladder.h"
#include "output/store_room.h"

namespace weir::app {
namespace {

using state::Resource;

// How full a disk is whose blocks are all on their way while no packet waits for it yet: it has as
// much to do as it can, which is no reason to do less.
constexpr double kBlocksShare = 0.6;
constexpr double kFull = 0.999;

// What store_room.h has as multiples, as shares of what there is: levels begin where they did.
double fill_of_store(double wanted, const state::PressureLimits& limits) {
  const auto& from = output::kStorePressure.begin;
  const auto& to = limits.begin;
  double from_before = 0;
  double to_before = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (wanted < from[i]) {
      return to_before + (wanted - from_before) / (from[i] - from_before) * (to[i] - to_before);
    }
    from_before = from[i];
    to_before = to[i];
  }
  return std::min(1.0, to_before * wanted);
}

// Packets of the lane wait in its ring until an output has room.
bool waits(const PressureReadings& readings, std::size_t lane) {
  return std::ranges::any_of(readings.sessions, [lane](const SessionReading& session) {
    return session.takes_packets && session.lanes[lane] &&
           std::ranges::any_of(session.outputs, [](const OutputReading& output) {
             return output.when_full == WhenFull::Waits && output.fill >= kFull;
           });
  });
}

class Signals {
 public:
  Signals(const PressureReadings& readings, const state::PressureLimits& limits)
      : readings_(readings), limits_(limits) {}

  std::vector<PlaceSignal> take() {
    double cpu = 0;
    for (std::size_t lane = 0; lane < readings_.rings.size(); ++lane) {
      if (!waits(readings_, lane) && !behind(lane)) cpu = std::max(cpu, readings_.rings[lane]);
    }
    note(Resource::Cpu, "", cpu, "the ring of the kernel fills up");
    if (readings_.memory) {
      note(Resource::Memory, "", *readings_.memory, "what the cgroup may have is taken");
    }
    for (std::size_t i = 0; i < readings_.sessions.size(); ++i) {
      if (readings_.sessions[i].takes_packets) {
        join(Resource::Cpu, "", i);
        join(Resource::Memory, "", i);
      }
      note_session(i);
    }
    return std::move(signals_);
  }

 private:
  PlaceSignal* find(Resource resource, const std::string& place) {
    for (PlaceSignal& one : signals_) {
      if (one.resource == resource && one.place == place) return &one;
    }
    return nullptr;
  }

  // The fullest of a place tells of it.
  void note(Resource resource, const std::string& place, double fill, const std::string& why) {
    PlaceSignal* signal = find(resource, place);
    if (signal == nullptr) {
      signals_.push_back({.resource = resource, .place = place, .fill = fill, .why = why});
    } else if (fill > signal->fill) {
      signal->fill = fill;
      signal->why = why;
    }
  }

  void join(Resource resource, const std::string& place, std::size_t session) {
    PlaceSignal* const signal = find(resource, place);
    if (signal == nullptr) return;
    auto& sessions = signal->sessions;
    if (sessions.empty() || sessions.back() != session) sessions.push_back(session);
  }

  void note_session(std::size_t index) {
    const SessionReading& session = readings_.sessions[index];
    for (const OutputReading& output : session.outputs) {
      if (output.when_full == WhenFull::Loses) {
        note(Resource::Output, output.place, output.fill, "packets wait for its reader");
      } else if (output.fill < kFull || ring_behind(session) < output.fill * kBlocksShare) {
        note(Resource::Output, output.place, output.fill * kBlocksShare, "its blocks are taken");
      } else {
        note(Resource::Output, output.place, ring_behind(session),
             "packets wait for it in the ring of the kernel");
      }
      if (session.takes_packets) join(Resource::Output, output.place, index);
    }
    // Who has several stores has room as long as one of them has.
    const auto roomiest = std::ranges::min_element(session.stores, {}, &StoreReading::wanted);
    for (const StoreReading& store : session.stores) {
      note(Resource::Output, store.place, fill_of_store(store.wanted, limits_), store.why);
      if (session.takes_packets && store.wanted <= roomiest->wanted) {
        join(Resource::Output, store.place, index);
      }
    }
    if (session.flows) {
      note(Resource::Memory, "flows " + session.name, *session.flows,
           "flows fill their table: the oldest end early");
    }
  }

  [[nodiscard]] bool behind(std::size_t lane) const {
    return lane < readings_.behind.size() && readings_.behind[lane];
  }
  [[nodiscard]] double ring_behind(const SessionReading& session) const {
    double most = 0;
    for (std::size_t lane = 0; lane < readings_.rings.size(); ++lane) {
      if (session.lanes[lane]) most = std::max(most, readings_.rings[lane]);
    }
    return most;
  }

  const PressureReadings& readings_;
  const state::PressureLimits& limits_;
  std::vector<PlaceSignal> signals_;
};

// Of those that can be relieved, each once, lowest first.
std::vector<std::uint32_t> priorities_of(const PlaceSignal& signal,
                                         const std::vector<SessionReading>& sessions) {
  std::vector<std::uint32_t> priorities;
  for (const std::size_t i : signal.sessions) priorities.push_back(sessions[i].priority);
  std::ranges::sort(priorities);
  priorities.erase(std::unique(priorities.begin(), priorities.end()), priorities.end());
  return priorities;
}

}  // namespace

void RingsBehindDisks::look(PressureReadings& readings, const state::PressureLimits& limits,
                            MonotonicTime now) {
  waited_.resize(readings.rings.size());
  readings.behind.assign(readings.rings.size(), false);
  for (std::size_t lane = 0; lane < waited_.size(); ++lane) {
    std::optional<MonotonicTime>& waited = waited_[lane];
    if (waits(readings, lane)) {
      waited = now;
    } else if (waited &&
               (readings.rings[lane] < limits.begin.front() || now - *waited >= kPatience)) {
      waited.reset();
    }
    readings.behind[lane] = waited.has_value();
  }
}

std::vector<PlaceSignal> signals_of(const PressureReadings& readings,
                                    const state::PressureLimits& limits) {
  return Signals(readings, limits).take();
}

std::uint32_t ranks_of(const PlaceSignal& signal, const std::vector<SessionReading>& sessions) {
  return static_cast<std::uint32_t>(priorities_of(signal, sessions).size());
}

Ladders ladders_of(const control::PressureConfig& config) {
  Ladders ladders;
  if (!config.enabled) return ladders;
  ladders[static_cast<std::size_t>(Resource::Cpu)] = control::ladder_of(config.cpu);
  ladders[static_cast<std::size_t>(Resource::Output)] = control::ladder_of(config.output);
  ladders[static_cast<std::size_t>(Resource::Memory)] = control::ladder_of(config.memory);
  return ladders;
}

state::PressureOptions options_of(const control::PressureConfig& config, const Ladders& ladders) {
  state::PressureOptions options{
      .limits = {.begin = {config.elevated / 100.0, config.high / 100.0, config.critical / 100.0}},
      .pace = {.step_interval = config.step_interval, .recover_after = config.recover_after}};
  for (std::size_t i = 0; i < ladders.size(); ++i) {
    options.rungs[i] = static_cast<std::uint32_t>(ladders[i].size());
  }
  return options;
}

std::vector<capture::Relief> reliefs_of(const std::vector<SessionReading>& sessions,
                                        const std::vector<PlaceSignal>& signals,
                                        std::span<const std::uint32_t> steps,
                                        const Ladders& ladders) {
  std::vector<capture::Relief> reliefs(sessions.size());
  for (std::size_t i = 0; i < signals.size(); ++i) {
    const std::vector<capture::Relief>& ladder =
        ladders[static_cast<std::size_t>(signals[i].resource)];
    if (steps[i] == 0 || ladder.empty()) continue;
    const std::vector<std::uint32_t> priorities = priorities_of(signals[i], sessions);
    for (const std::size_t session : signals[i].sessions) {
      const auto at = std::ranges::lower_bound(priorities, sessions[session].priority);
      const auto rank = static_cast<std::uint32_t>(at - priorities.begin());
      const std::uint32_t rung =
          state::rung_of(steps[i], static_cast<std::uint32_t>(ladder.size()), rank);
      if (rung == 0) continue;
      reliefs[session] = control::stricter(reliefs[session], ladder[rung - 1]);
    }
  }
  return reliefs;
}

}  // namespace weir::app
