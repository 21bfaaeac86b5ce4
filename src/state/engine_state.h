// The life of an engine as a service. The supervisor drives it by the states of its modules.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "state/machine.h"
#include "state/table.h"

namespace weir::state {

enum class EngineState : std::uint8_t {
  Starting,
  Running,
  Degraded,
  Draining,
  Stopped,
  Failed,
  kCount,
};

enum class EngineEvent : std::uint8_t {
  Started,   // every module is up
  Impaired,  // a module is not up
  Drain,     // asked for: signal, command
  Fault,     // a critical module has been given up, or one could not be stopped
  Drained,   // nothing runs any more
  kCount,
};

enum class EngineGuard : std::uint8_t { None, HadFault, kCount };

using EngineStateRow = StateRow<EngineState>;
inline constexpr std::array kEngineStates = {
    EngineStateRow{.state = EngineState::Starting,
                   .name = "starting",
                   .meaning = "modules are being started, each after those that it needs",
                   .otherwise = Policy::Ignore},
    EngineStateRow{.state = EngineState::Running,
                   .name = "running",
                   .meaning = "every module is up",
                   .otherwise = Policy::Ignore},
    EngineStateRow{.state = EngineState::Degraded,
                   .name = "degraded",
                   .meaning = "it works as far as it can: some module is not up",
                   .otherwise = Policy::Ignore},
    EngineStateRow{.state = EngineState::Draining,
                   .name = "draining",
                   .meaning = "modules are being stopped, each before those that it needs",
                   .otherwise = Policy::Ignore},
    EngineStateRow{.state = EngineState::Stopped,
                   .name = "stopped",
                   .meaning = "everything is written out, all counters are final",
                   .kind = Kind::Final,
                   .otherwise = Policy::Ignore},
    EngineStateRow{.state = EngineState::Failed,
                   .name = "failed",
                   .meaning = "as stopped, and an error says what went wrong",
                   .kind = Kind::Final,
                   .otherwise = Policy::Ignore},
};

inline constexpr std::array<std::string_view, 5> kEngineEvents = {"started", "impaired", "drain",
                                                                  "fault", "drained"};
inline constexpr std::array<std::string_view, 2> kEngineGuards = {"", "had_fault"};

using EngineRow = Transition<EngineState, EngineEvent, EngineGuard>;
inline constexpr std::array kEngineRows = {
    EngineRow{EngineState::Starting, EngineEvent::Started, EngineState::Running},
    // Once what can come up is up, and something has been given up.
    EngineRow{EngineState::Starting, EngineEvent::Impaired, EngineState::Degraded},
    EngineRow{EngineState::Starting, EngineEvent::Drain, EngineState::Draining},
    EngineRow{EngineState::Starting, EngineEvent::Fault, EngineState::Draining},
    EngineRow{EngineState::Running, EngineEvent::Impaired, EngineState::Degraded},
    EngineRow{EngineState::Running, EngineEvent::Drain, EngineState::Draining},
    EngineRow{EngineState::Running, EngineEvent::Fault, EngineState::Draining},
    EngineRow{EngineState::Degraded, EngineEvent::Started, EngineState::Running},
    EngineRow{EngineState::Degraded, EngineEvent::Drain, EngineState::Draining},
    EngineRow{EngineState::Degraded, EngineEvent::Fault, EngineState::Draining},
    EngineRow{EngineState::Draining, EngineEvent::Drained, EngineState::Failed,
              EngineGuard::HadFault},
    EngineRow{EngineState::Draining, EngineEvent::Drained, EngineState::Stopped},
};

inline constexpr Table<EngineState, EngineEvent, EngineGuard> kEngineTable = {
    .name = "engine",
    .initial = EngineState::Starting,
    .states = kEngineStates,
    .events = kEngineEvents,
    .rows = kEngineRows,
    .guards = kEngineGuards,
};
static_assert(check(kEngineTable) == Problem::None);

using EngineMachine = Machine<kEngineTable>;

}  // namespace weir::state
