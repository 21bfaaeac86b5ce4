#include "state/diagram.h"

#include <chrono>

namespace weir::state {
namespace {

std::string text_of(Duration duration) {
  const std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

std::string listed(const std::vector<std::string_view>& events) {
  std::string text;
  for (const std::string_view event : events) {
    if (!text.empty()) text += ", ";
    text += "`" + std::string(event) + "`";
  }
  return text;
}

std::string_view word_of(Kind kind) {
  switch (kind) {
    case Kind::Passing:
      return "passing";
    case Kind::Resting:
      return "resting";
    case Kind::Final:
      return "final";
  }
  return "";
}

std::string rest_of(const Drawing& drawing, const Drawing::State& state) {
  std::string text;
  const auto add = [&text](const std::string& part) {
    if (!text.empty()) text += "; ";
    text += part;
  };
  if (!state.refused.empty()) add("refuses " + listed(state.refused));
  if (!state.faults.empty()) {
    add("takes " + listed(state.faults) + " for a `" + std::string(drawing.fault) + "`");
  }
  if (!state.ignored.empty()) add("ignores " + listed(state.ignored));
  return text;
}

}  // namespace

std::string mermaid(const Drawing& drawing) {
  const auto name = [&drawing](std::size_t state) {
    return std::string(drawing.states[state].name);
  };
  std::string text = "stateDiagram-v2\n    [*] --> " + name(drawing.initial) + "\n";
  for (const Drawing::Arrow& arrow : drawing.arrows) {
    text += "    " + name(arrow.from) + " --> " + name(arrow.to) + " : " + std::string(arrow.event);
    if (!arrow.guard.empty()) text += " [" + std::string(arrow.guard) + "]";
    if (arrow.is_timeout) text += " (" + text_of(drawing.states[arrow.from].timeout) + ")";
    text += "\n";
  }
  for (const Drawing::State& state : drawing.states) {
    const std::string id(state.name);
    if (!state.entry.empty()) text += "    " + id + " : entry / " + std::string(state.entry) + "\n";
    if (!state.exit.empty()) text += "    " + id + " : exit / " + std::string(state.exit) + "\n";
    if (state.kind == Kind::Final) text += "    " + id + " --> [*]\n";
  }
  return text;
}

std::string states_table(const Drawing& drawing) {
  std::string text = "| state | kind | is | every other event |\n|---|---|---|---|\n";
  for (const Drawing::State& state : drawing.states) {
    text += "| `" + std::string(state.name) + "` | " + std::string(word_of(state.kind)) + " | " +
            std::string(state.meaning) + " | " + rest_of(drawing, state) + " |\n";
  }
  return text;
}

}  // namespace weir::state
