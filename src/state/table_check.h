// What is wrong with a table, found when it is compiled: static_assert(check(kTable) ==
// Problem::None). Machine does so for the table that it runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "state/table.h"

namespace weir::state {

enum class Problem : std::uint8_t {
  None,
  StatesNotInOrder,   // not one row for each state, in the order of the enum
  NamesMissing,       // a state, event, guard or action has none
  SameNameTwice,      // two states, events, guards or actions are called the same
  Unreachable,        // no way leads from the initial state to some state
  TwoRows,            // the same state, event and guard twice
  RowNeverTaken,      // a row stands behind one for the same state and event without a guard
  FinalHasWayOut,     // a final state has a row, or a timeout
  NoWayToEnd,         // a passing state leads to no final one (or, where there is none, to no rest)
  TimeoutNotHandled,  // a state with a timeout has no row without a guard for the timeout's event
  NoPolicy,           // some state and event have neither row nor policy
  TwoPolicies,        // the same state and event twice, or an event twice for all states
  PolicyNeverUsed,    // a policy for a state and event that a row without a guard takes
  FaultNotHandled,    // Policy::Fault in a state without a row without a guard for the fault event
};

namespace checks {

consteval bool all_named(std::span<const std::string_view> names, std::size_t count) {
  if (names.size() != count) return false;
  for (const std::string_view name : names) {
    if (name.empty()) return false;
  }
  return true;
}

consteval bool all_differ(std::span<const std::string_view> names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = i + 1; j < names.size(); ++j) {
      if (names[i] == names[j]) return false;
    }
  }
  return true;
}

// None needs no name, and has none.
consteval std::span<const std::string_view> but_first(std::span<const std::string_view> names) {
  return names.empty() ? names : names.subspan(1);
}

template <typename T>
consteval Problem names_of(const T& table) {
  std::array<std::string_view, T::kStates> states{};
  if (table.states.size() != T::kStates) return Problem::StatesNotInOrder;
  for (std::size_t i = 0; i < T::kStates; ++i) {
    if (static_cast<std::size_t>(table.states[i].state) != i) return Problem::StatesNotInOrder;
    if (table.states[i].meaning.empty()) return Problem::NamesMissing;
    states[i] = table.states[i].name;
  }
  const auto guards = but_first(table.guards);
  const auto actions = but_first(table.actions);
  if (table.name.empty() || !all_named(states, T::kStates) ||
      !all_named(table.events, T::kEvents) || !all_named(guards, T::kGuards - 1) ||
      !all_named(actions, T::kActions - 1)) {
    return Problem::NamesMissing;
  }
  const bool differ =
      all_differ(states) && all_differ(table.events) && all_differ(guards) && all_differ(actions);
  return differ ? Problem::None : Problem::SameNameTwice;
}

template <typename T>
consteval Problem rows_of(const T& table) {
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const auto& row = table.rows[i];
    if (table.row_of(row.from).kind == Kind::Final) return Problem::FinalHasWayOut;
    for (std::size_t j = i + 1; j < table.rows.size(); ++j) {
      const auto& later = table.rows[j];
      if (row.from != later.from || row.event != later.event) continue;
      if (row.guard == later.guard) return Problem::TwoRows;
      if (row.guard == T::Guard::None) return Problem::RowNeverTaken;
    }
  }
  return Problem::None;
}

template <typename T>
consteval Problem reached(const T& table) {
  std::array<bool, T::kStates> reached{};
  reached[static_cast<std::size_t>(table.initial)] = true;
  for (std::size_t round = 0; round < T::kStates; ++round) {
    for (const auto& row : table.rows) {
      if (reached[static_cast<std::size_t>(row.from)])
        reached[static_cast<std::size_t>(row.to)] = true;
    }
  }
  for (const bool state : reached) {
    if (!state) return Problem::Unreachable;
  }
  return Problem::None;
}

template <typename T>
consteval Problem ends(const T& table) {
  bool has_final = false;
  for (const auto& state : table.states) has_final = has_final || state.kind == Kind::Final;
  std::array<bool, T::kStates> ends{};
  for (std::size_t i = 0; i < T::kStates; ++i) {
    ends[i] = table.states[i].kind == (has_final ? Kind::Final : Kind::Resting);
  }
  for (std::size_t round = 0; round < T::kStates; ++round) {
    for (const auto& row : table.rows) {
      if (ends[static_cast<std::size_t>(row.to)]) ends[static_cast<std::size_t>(row.from)] = true;
    }
  }
  for (std::size_t i = 0; i < T::kStates; ++i) {
    if (!ends[i] && table.states[i].kind == Kind::Passing) return Problem::NoWayToEnd;
  }
  return Problem::None;
}

template <typename T>
consteval Problem timeouts_of(const T& table) {
  for (const auto& state : table.states) {
    if (state.timeout == Duration{}) continue;
    if (state.kind == Kind::Final) return Problem::FinalHasWayOut;
    if (!table.timeout || !table.always_handles(state.state, *table.timeout)) {
      return Problem::TimeoutNotHandled;
    }
  }
  return Problem::None;
}

template <typename T>
consteval Problem every_event_of(const T& table) {
  for (const auto& state : table.states) {
    for (std::size_t i = 0; i < T::kEvents; ++i) {
      const auto event = static_cast<typename T::Event>(i);
      if (table.always_handles(state.state, event)) continue;
      const Policy policy = table.policy_of(state.state, event);
      if (policy == Policy::None) return Problem::NoPolicy;
      if (policy == Policy::Fault &&
          (!table.fault || !table.always_handles(state.state, *table.fault))) {
        return Problem::FaultNotHandled;
      }
    }
  }
  return Problem::None;
}

template <typename T>
consteval Problem policies_of(const T& table) {
  for (std::size_t i = 0; i < table.policies.size(); ++i) {
    const auto& policy = table.policies[i];
    if (policy.state && table.always_handles(*policy.state, policy.event)) {
      return Problem::PolicyNeverUsed;
    }
    for (std::size_t j = i + 1; j < table.policies.size(); ++j) {
      if (policy.event == table.policies[j].event && policy.state == table.policies[j].state) {
        return Problem::TwoPolicies;
      }
    }
  }
  return Problem::None;
}

}  // namespace checks

// The first problem that is found.
template <typename T>
consteval Problem check(const T& table) {
  Problem problem = checks::names_of(table);
  if (problem == Problem::None) problem = checks::rows_of(table);
  if (problem == Problem::None) problem = checks::reached(table);
  if (problem == Problem::None) problem = checks::ends(table);
  if (problem == Problem::None) problem = checks::timeouts_of(table);
  if (problem == Problem::None) problem = checks::policies_of(table);
  if (problem == Problem::None) problem = checks::every_event_of(table);
  return problem;
}

}  // namespace weir::state
