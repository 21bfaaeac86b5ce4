#include "control/config_problem.h"

namespace weir::control {

std::string path_of(const ConfigPlace& place, const Config& config) {
  std::string path(place.section);
  const auto add_item = [&](const std::string& name, std::size_t index) {
    path += "[" + (name.empty() ? std::to_string(index + 1) : name) + "]";
  };
  if (place.item && place.section == "interface") {
    add_item(config.interfaces.at(*place.item).name, *place.item);
  } else if (place.item) {
    add_item(config.sessions.at(*place.item).name, *place.item);
  }
  if (place.rule) path += ".rule[" + std::to_string(*place.rule + 1) + "]";
  if (!place.key.empty()) path += "." + std::string(place.key);
  return path;
}

std::string text_of(const ConfigProblem& problem, std::string_view file) {
  std::string text(file);
  if (problem.at.line != 0) {
    if (!text.empty()) text += ":";
    text += std::to_string(problem.at.line) + ":" + std::to_string(problem.at.column);
  }
  for (const std::string& part : {problem.path, problem.message}) {
    if (!text.empty() && !part.empty()) text += ": ";
    text += part;
  }
  return text;
}

Error error_of(const std::vector<ConfigProblem>& problems, std::string_view file) {
  std::string context;
  for (const ConfigProblem& problem : problems) {
    if (!context.empty()) context += "\n";
    context += text_of(problem, file);
  }
  return Error{.code = ErrorCode::Usage, .context = std::move(context)};
}

}  // namespace weir::control
