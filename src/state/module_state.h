// The life of a module of the engine. The supervisor drives it: it starts, watches, stops and
// restarts the module.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "state/machine.h"
#include "state/table.h"

namespace weir::state {

enum class ModuleState : std::uint8_t {
  Down,
  Starting,
  Up,
  Failing,
  Stopping,
  BackingOff,
  GivenUp,
  kCount,
};

enum class ModuleEvent : std::uint8_t {
  Start,
  Started,
  Failed,     // the start, or the stop, ended with an error; nothing of the module runs
  Unwell,     // it says so itself
  Recovered,  // likewise
  Stop,
  Stopped,
  TimedOut,
  Retry,  // an operator asks for it
  kCount,
};

enum class ModuleGuard : std::uint8_t {
  None,
  Exhausted,   // it has failed too often within its window
  Restarting,  // it was stopped because it failed
  Stuck,       // it could not be stopped in time
  kCount,
};

enum class ModuleAction : std::uint8_t { None, BeginStart, BeginStop, ChooseDelay, kCount };

using ModuleStateRow = StateRow<ModuleState, ModuleAction>;
inline constexpr std::array kModuleStates = {
    ModuleStateRow{.state = ModuleState::Down,
                   .name = "down",
                   .meaning = "nothing of it runs; it starts when it is wanted and what it needs "
                              "is up",
                   .kind = Kind::Resting,
                   .otherwise = Policy::Ignore},
    ModuleStateRow{.state = ModuleState::Starting,
                   .name = "starting",
                   .meaning = "it is coming up",
                   .otherwise = Policy::Ignore,
                   .entry = ModuleAction::BeginStart,
                   .timeout = std::chrono::seconds(10)},
    ModuleStateRow{.state = ModuleState::Up,
                   .name = "up",
                   .meaning = "it works",
                   .kind = Kind::Resting,
                   .otherwise = Policy::Ignore},
    ModuleStateRow{.state = ModuleState::Failing,
                   .name = "failing",
                   .meaning = "it runs, but says that it does not work; when it has not recovered "
                              "in time it is restarted, after what cannot do without it has been "
                              "stopped",
                   .otherwise = Policy::Ignore,
                   .timeout = std::chrono::seconds(5)},
    ModuleStateRow{.state = ModuleState::Stopping,
                   .name = "stopping",
                   .meaning = "it is going down",
                   .otherwise = Policy::Ignore,
                   .entry = ModuleAction::BeginStop,
                   .timeout = std::chrono::seconds(10)},
    ModuleStateRow{.state = ModuleState::BackingOff,
                   .name = "backing_off",
                   .meaning = "it failed, and waits before it is tried again",
                   .otherwise = Policy::Ignore,
                   .entry = ModuleAction::ChooseDelay,
                   .timeout = std::chrono::milliseconds(100)},
    ModuleStateRow{.state = ModuleState::GivenUp,
                   .name = "given_up",
                   .meaning = "it failed too often, or could not be stopped; it waits for an "
                              "operator",
                   .kind = Kind::Resting,
                   .otherwise = Policy::Ignore},
};

inline constexpr std::array<std::string_view, 9> kModuleEvents = {
    "start", "started", "failed", "unwell", "recovered", "stop", "stopped", "timed_out", "retry"};
inline constexpr std::array<std::string_view, 4> kModuleGuards = {"", "exhausted", "restarting",
                                                                  "stuck"};
inline constexpr std::array<std::string_view, 4> kModuleActions = {"", "begin_start", "begin_stop",
                                                                   "choose_delay"};

using ModuleRow = Transition<ModuleState, ModuleEvent, ModuleGuard>;
inline constexpr std::array kModuleRows = {
    ModuleRow{ModuleState::Down, ModuleEvent::Start, ModuleState::Starting},
    ModuleRow{ModuleState::Starting, ModuleEvent::Started, ModuleState::Up},
    ModuleRow{ModuleState::Starting, ModuleEvent::Failed, ModuleState::GivenUp,
              ModuleGuard::Exhausted},
    ModuleRow{ModuleState::Starting, ModuleEvent::Failed, ModuleState::BackingOff},
    ModuleRow{ModuleState::Starting, ModuleEvent::TimedOut, ModuleState::Stopping},
    ModuleRow{ModuleState::Starting, ModuleEvent::Stop, ModuleState::Stopping},
    ModuleRow{ModuleState::Up, ModuleEvent::Unwell, ModuleState::Failing},
    ModuleRow{ModuleState::Up, ModuleEvent::Stop, ModuleState::Stopping},
    ModuleRow{ModuleState::Failing, ModuleEvent::Recovered, ModuleState::Up},
    ModuleRow{ModuleState::Failing, ModuleEvent::TimedOut, ModuleState::Stopping},
    ModuleRow{ModuleState::Failing, ModuleEvent::Stop, ModuleState::Stopping},
    ModuleRow{ModuleState::Stopping, ModuleEvent::Stopped, ModuleState::GivenUp,
              ModuleGuard::Exhausted},
    ModuleRow{ModuleState::Stopping, ModuleEvent::Stopped, ModuleState::BackingOff,
              ModuleGuard::Restarting},
    ModuleRow{ModuleState::Stopping, ModuleEvent::Stopped, ModuleState::Down},
    ModuleRow{ModuleState::Stopping, ModuleEvent::Failed, ModuleState::GivenUp,
              ModuleGuard::Exhausted},
    ModuleRow{ModuleState::Stopping, ModuleEvent::Failed, ModuleState::BackingOff,
              ModuleGuard::Restarting},
    ModuleRow{ModuleState::Stopping, ModuleEvent::Failed, ModuleState::Down},
    ModuleRow{ModuleState::Stopping, ModuleEvent::TimedOut, ModuleState::GivenUp},
    ModuleRow{ModuleState::BackingOff, ModuleEvent::TimedOut, ModuleState::Down},
    ModuleRow{ModuleState::BackingOff, ModuleEvent::Retry, ModuleState::Down},
    ModuleRow{ModuleState::BackingOff, ModuleEvent::Stop, ModuleState::Down},
    ModuleRow{ModuleState::GivenUp, ModuleEvent::Retry, ModuleState::Stopping, ModuleGuard::Stuck},
    ModuleRow{ModuleState::GivenUp, ModuleEvent::Retry, ModuleState::Down},
};

// What an operator asks for at the wrong time is answered.
inline constexpr std::array kModulePolicies = {
    EventPolicy<ModuleState, ModuleEvent>{ModuleEvent::Retry, Policy::Refuse}};

inline constexpr Table<ModuleState, ModuleEvent, ModuleGuard, ModuleAction> kModuleTable = {
    .name = "module",
    .initial = ModuleState::Down,
    .states = kModuleStates,
    .events = kModuleEvents,
    .rows = kModuleRows,
    .policies = kModulePolicies,
    .guards = kModuleGuards,
    .actions = kModuleActions,
    .timeout = ModuleEvent::TimedOut,
};
static_assert(check(kModuleTable) == Problem::None);

using ModuleMachine = Machine<kModuleTable>;

}  // namespace weir::state
