#include "security/destination_rules.h"

#include <algorithm>

namespace weir::security {
namespace {

constexpr std::string_view kRefused = "security: ";

std::string listed(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

bool is_kind(std::string_view name) noexcept {
  return std::find(kDestinationKindNames.begin(), kDestinationKindNames.end(), name) !=
         kDestinationKindNames.end();
}

}  // namespace

std::string_view name_of(DestinationKind kind) noexcept {
  constexpr std::array<std::string_view, 7> kNames = {"pcapng", "pipe", "pipe", "store",
                                                      "logs",   "tail", "query"};
  return kNames[static_cast<std::size_t>(kind)];
}

bool split_path(std::string_view path, std::vector<std::string>& names) {
  names.clear();
  if (!path.starts_with('/')) return false;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (name == "..") return false;
    if (!name.empty() && name != ".") names.emplace_back(name);
  }
  return true;
}

bool is_below(const std::vector<std::string>& directory, const std::vector<std::string>& path) {
  return directory.size() <= path.size() &&
         std::equal(directory.begin(), directory.end(), path.begin());
}

std::vector<DestinationProblem> problems_in(const DestinationRules& rules) {
  std::vector<DestinationProblem> problems;
  for (const std::string& kind : rules.kinds) {
    if (is_kind(kind)) continue;
    problems.push_back({"kinds", "'" + kind.substr(0, 64) +
                                     "': no kind of destination (there are pcapng, pipe, store, "
                                     "logs, tail and query)"});
  }
  std::vector<std::string> names;
  for (const std::string& directory : rules.directories) {
    if (split_path(directory, names)) continue;
    problems.push_back({"directories", "'" + directory.substr(0, 256) +
                                           "': no absolute path without '..' (write the path that "
                                           "it means)"});
  }
  return problems;
}

std::string refusal_of_kind(const DestinationRulesOf& of, DestinationKind kind) {
  const std::vector<std::string>& kinds = of.rules.kinds;
  const std::string name(name_of(kind));
  if (kinds.empty() || std::find(kinds.begin(), kinds.end(), name) != kinds.end()) return {};
  return "'" + name + "' is none of the kinds that " + of.whose + " allows: " + listed(kinds) +
         " (add it to its kinds, or send packets elsewhere)";
}

std::string refusal_of_path(const DestinationRulesOf& of, std::string_view path) {
  const std::vector<std::string>& directories = of.rules.directories;
  if (directories.empty()) return {};
  std::vector<std::string> names;
  if (!split_path(path, names)) {
    return "is not absolute, or has '..' in it, while " + of.whose +
           " names directories (write the path that it means)";
  }
  std::vector<std::string> root;
  for (const std::string& directory : directories) {
    if (split_path(directory, root) && is_below(root, names)) return {};
  }
  return "is below none of the directories that " + of.whose + " allows: " + listed(directories) +
         " (choose a place below one of them, or add its directory to them)";
}

Error destination_refusal(std::string_view what, std::string_view why) {
  std::string context(kRefused);
  return {.code = ErrorCode::Permission, .context = context.append(what).append(": ").append(why)};
}

bool is_destination_refusal(const Error& error) noexcept {
  return error.code == ErrorCode::Permission && error.context.starts_with(kRefused);
}

}  // namespace weir::security
