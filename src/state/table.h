// State machines as data: what a table says, and what makes it sound. machine.h runs a table,
// diagram.h draws it.
//
// A table is constexpr and names everything: states, events, guards, actions, and for every event
// that a state has no row for, what becomes of it. Enums of states and events count from 0 and end
// in kCount; those of guards and actions begin with None.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/time.h"

namespace weir::state {

// What becomes of an event that no row takes.
enum class Policy : std::uint8_t {
  None,    // not said: the table is not sound
  Ignore,  // nothing happens, and it is counted
  Refuse,  // nothing happens, and the caller is told so
  Fault,   // whoever sends it is confused: the machine takes its fault event instead
};

enum class Kind : std::uint8_t {
  Passing,  // something must follow
  Resting,  // may last for ever
  Final,    // nothing follows
};

// Of machines without guards, and without actions.
enum class NoGuard : std::uint8_t { None, kCount };
enum class NoAction : std::uint8_t { None, kCount };

template <typename State, typename Action = NoAction>
struct StateRow {
  State state;
  std::string_view name;     // as in journals, metrics and diagrams
  std::string_view meaning;  // a few words for docs/states.md
  Kind kind = Kind::Passing;
  Policy otherwise = Policy::None;  // for events without a row and without a policy of their own
  Action entry = Action::None;
  Action exit = Action::None;
  Duration timeout{};  // 0: none. What the machine may be told to use instead: Machine::set_timeout
};

// Of several rows for a state and event, the first whose guard allows it is taken.
template <typename State, typename Event, typename Guard = NoGuard>
struct Transition {
  State from;
  Event event;
  State to;
  Guard guard = Guard::None;  // None: always
};

// For one state, or for all that do not say otherwise. Comes before StateRow::otherwise.
template <typename State, typename Event>
struct EventPolicy {
  Event event;
  Policy policy;
  std::optional<State> state = std::nullopt;
};

template <typename StateEnum, typename EventEnum, typename GuardEnum = NoGuard,
          typename ActionEnum = NoAction>
struct Table {
  using State = StateEnum;
  using Event = EventEnum;
  using Guard = GuardEnum;
  using Action = ActionEnum;
  static constexpr std::size_t kStates = static_cast<std::size_t>(State::kCount);
  static constexpr std::size_t kEvents = static_cast<std::size_t>(Event::kCount);
  static constexpr std::size_t kGuards = static_cast<std::size_t>(Guard::kCount);
  static constexpr std::size_t kActions = static_cast<std::size_t>(Action::kCount);

  std::string_view name;  // of the kind of machine: "session"
  State initial;
  std::span<const StateRow<State, Action>> states;  // in the order of the enum
  std::span<const std::string_view> events;         // names, in the order of the enum
  std::span<const Transition<State, Event, Guard>> rows;
  std::span<const EventPolicy<State, Event>> policies = {};
  std::span<const std::string_view> guards = {};   // names; that of None is empty
  std::span<const std::string_view> actions = {};  // likewise
  std::optional<Event> timeout = std::nullopt;     // the event of a timeout
  std::optional<Event> fault = std::nullopt;       // the event that Policy::Fault turns into

  [[nodiscard]] constexpr const StateRow<State, Action>& row_of(State state) const noexcept {
    return states[static_cast<std::size_t>(state)];
  }
  [[nodiscard]] constexpr std::string_view name_of(State state) const noexcept {
    return row_of(state).name;
  }
  [[nodiscard]] constexpr std::string_view name_of(Event event) const noexcept {
    return events[static_cast<std::size_t>(event)];
  }
  [[nodiscard]] constexpr std::string_view name_of(Guard guard) const noexcept
    requires(kGuards > 1)
  {
    return guards[static_cast<std::size_t>(guard)];
  }
  [[nodiscard]] constexpr std::string_view name_of(Action action) const noexcept
    requires(kActions > 1)
  {
    return actions[static_cast<std::size_t>(action)];
  }

  // Whether a row takes the event whatever the guards say.
  [[nodiscard]] constexpr bool always_handles(State state, Event event) const noexcept {
    for (const auto& row : rows) {
      if (row.from == state && row.event == event && row.guard == Guard::None) return true;
    }
    return false;
  }
  // What becomes of an event that no row takes.
  [[nodiscard]] constexpr Policy policy_of(State state, Event event) const noexcept {
    Policy found = row_of(state).otherwise;
    for (const auto& policy : policies) {
      if (policy.event != event) continue;
      if (policy.state == state) return policy.policy;
      if (!policy.state) found = policy.policy;
    }
    return found;
  }
};

}  // namespace weir::state
