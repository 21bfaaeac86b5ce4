// Draws tables for people: a mermaid state diagram, and what each state is and does with events
// that the diagram does not show. docs/states.md is made of these.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "state/table.h"

namespace weir::state {

// A table without its types.
struct Drawing {
  struct State {
    std::string_view name;
    std::string_view meaning;
    Kind kind{};
    std::string_view entry;  // action, or empty
    std::string_view exit;
    Duration timeout{};
    std::vector<std::string_view> ignored;  // events, when no row takes them
    std::vector<std::string_view> refused;
    std::vector<std::string_view> faults;
  };
  struct Arrow {
    std::size_t from = 0;
    std::size_t to = 0;
    std::string_view event;
    std::string_view guard;
    bool is_timeout = false;
  };

  std::string_view name;
  std::size_t initial = 0;
  std::string_view fault;  // the event that an unexpected one turns into
  std::vector<State> states;
  std::vector<Arrow> arrows;
};

template <typename T>
Drawing drawing_of(const T& table) {
  const auto name_of_action = [&table](typename T::Action action) {
    return table.actions.empty() ? std::string_view{}
                                 : table.actions[static_cast<std::size_t>(action)];
  };
  Drawing drawing{.name = table.name, .initial = static_cast<std::size_t>(table.initial)};
  if (table.fault) drawing.fault = table.name_of(*table.fault);
  for (const auto& row : table.states) {
    Drawing::State& state =
        drawing.states.emplace_back(Drawing::State{.name = row.name,
                                                   .meaning = row.meaning,
                                                   .kind = row.kind,
                                                   .entry = name_of_action(row.entry),
                                                   .exit = name_of_action(row.exit),
                                                   .timeout = row.timeout});
    for (std::size_t i = 0; i < T::kEvents; ++i) {
      const auto event = static_cast<typename T::Event>(i);
      if (table.always_handles(row.state, event)) continue;
      const Policy policy = table.policy_of(row.state, event);
      auto& events = policy == Policy::Refuse  ? state.refused
                     : policy == Policy::Fault ? state.faults
                                               : state.ignored;
      events.push_back(table.name_of(event));
    }
  }
  for (const auto& row : table.rows) {
    const std::string_view guard = table.guards.empty()
                                       ? std::string_view{}
                                       : table.guards[static_cast<std::size_t>(row.guard)];
    drawing.arrows.push_back(
        {.from = static_cast<std::size_t>(row.from),
         .to = static_cast<std::size_t>(row.to),
         .event = table.name_of(row.event),
         .guard = guard,
         .is_timeout = table.timeout == row.event && table.row_of(row.from).timeout != Duration{}});
  }
  return drawing;
}

// "stateDiagram-v2\n    [*] --> created\n ...": the text of a mermaid block.
std::string mermaid(const Drawing& drawing);
// A Markdown table: a row for each state.
std::string states_table(const Drawing& drawing);

}  // namespace weir::state
