#include "app/commands/config.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "app/human.h"
#include "app/session.h"
#include "base/json_writer.h"
#include "base/link_type.h"
#include "control/config_diff.h"
#include "control/config_reader.h"
#include "control/config_schema_text.h"
#include "control/config_writer.h"
#include "control/values.h"
#include "filter/pcap_compiler.h"
#include "interface/network_interfaces.h"

namespace weir::app {
namespace {

using control::Config;
using control::ConfigPlace;
using control::ConfigProblem;

void print_out(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_problems(const std::vector<ConfigProblem>& problems, const std::string& file,
                    std::string_view prefix) {
  std::string text;
  for (const ConfigProblem& problem : problems) {
    text += std::string(prefix) + control::text_of(problem, file) + "\n";
  }
  std::fwrite(text.data(), 1, text.size(), stderr);
}

ConfigProblem problem_at(ConfigPlace place, const Config& config, std::string message) {
  return {.place = place, .path = control::path_of(place, config), .message = std::move(message)};
}

// Expressions that libpcap refuses, for Ethernet.
std::vector<ConfigProblem> compile_filters(const Config& config) {
  std::vector<ConfigProblem> problems;
  const auto try_one = [&](const std::string& expression, ConfigPlace place) {
    if (expression.empty() || problems.size() >= control::kProblemsMax) return;
    const auto compiled = filter::compile(expression, LinkType::Ethernet);
    if (const auto* refusal = std::get_if<filter::Refusal>(&compiled)) {
      place.key = "filter";
      problems.push_back(problem_at(place, config, refusal->message));
    }
  };
  for (std::size_t i = 0; i < config.sessions.size(); ++i) {
    const control::SessionConfig& session = config.sessions[i];
    try_one(session.filter, {.section = "session", .item = i});
    for (std::size_t k = 0; k < session.rules.size(); ++k) {
      try_one(session.rules[k].expression, {.section = "session", .item = i, .rule = k});
    }
  }
  return problems;
}

// What this host does not have; another one may.
std::vector<ConfigProblem> missing_here(const Config& config) {
  std::vector<ConfigProblem> missing;
  for (std::size_t i = 0; i < config.interfaces.size(); ++i) {
    if (auto found = interface::find_network_interface(config.interfaces[i].name); !found) {
      missing.push_back(problem_at({.section = "interface", .item = i, .key = "name"}, config,
                                   found.error().context));
    }
  }
  const std::string& user = config.engine.user;
  if (!user.empty() && ::getpwnam(user.c_str()) == nullptr) {
    missing.push_back(problem_at({.section = "engine", .key = "user"}, config,
                                 "no user is called '" + user + "' here"));
  }
  const control::ControlConfig& control = config.control;
  for (const auto& [key, group] : {std::pair("viewer_group", &control.viewer_group),
                                   std::pair("operator_group", &control.operator_group),
                                   std::pair("admin_group", &control.admin_group)}) {
    if (group->empty() || ::getgrnam(group->c_str()) != nullptr) continue;
    missing.push_back(problem_at({.section = "control", .key = key}, config,
                                 "no group is called '" + *group + "' here"));
  }
  return missing;
}

void write_problems(JsonWriter& json, const char* name,
                    const std::vector<ConfigProblem>& problems) {
  json.key(name).begin_array();
  for (const ConfigProblem& problem : problems) {
    json.begin_object();
    if (problem.at.line != 0)
      json.field("line", problem.at.line).field("column", problem.at.column);
    json.field("path", problem.path).field("message", problem.message).end_object();
  }
  json.end_array();
}

std::string summary(const Config& config) {
  std::size_t rules = 0;
  for (const auto& session : config.sessions) rules += session.rules.size();
  const auto counted = [](std::size_t count, const char* what) {
    return count_text(count) + " " + what + (count == 1 ? "" : "s");
  };
  return counted(config.interfaces.size(), "interface") + ", " +
         counted(config.sessions.size(), "session") + ", " + counted(rules, "rule");
}

int check(const std::string& file, bool json) {
  auto text = control::load_config_text(file);
  if (!text) return report_error(text.error());
  control::ReadOutcome outcome = control::read_written_config(*text);
  std::vector<ConfigProblem>& problems = outcome.problems;
  std::vector<ConfigProblem> warnings;
  // An expression may be good although a number elsewhere is not.
  std::vector<ConfigProblem> refused = compile_filters(outcome.config);
  control::locate(refused, outcome.document);
  problems.insert(problems.end(), refused.begin(), refused.end());
  std::stable_sort(problems.begin(), problems.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
  if (outcome.ok()) {
    warnings = missing_here(outcome.config);
    control::locate(warnings, outcome.document);
  }
  const int status = outcome.ok() ? 0 : 2;
  if (json) {
    JsonWriter out;
    out.begin_object().field("file", file);
    write_problems(out, "problems", problems);
    write_problems(out, "warnings", warnings);
    out.end_object();
    print_out(out.text() + "\n");
    return status;
  }
  print_problems(problems, file, "weir: ");
  print_problems(warnings, file, "weir: warning: ");
  if (status == 0) print_out(file + ": good (" + summary(outcome.config) + ")\n");
  return status;
}

// The configuration, or nothing when the problems have been told.
std::optional<Config> load(const std::string& file, int& status) {
  auto text = control::load_config_text(file);
  if (!text) {
    status = report_error(text.error());
    return std::nullopt;
  }
  control::ReadOutcome outcome = control::read_config(*text);
  if (outcome.ok()) return std::move(outcome.config);
  print_problems(outcome.problems, file, "weir: ");
  status = 2;
  return std::nullopt;
}

int show(const std::string& file, bool json) {
  int status = 0;
  const auto loaded = load(file, status);
  if (!loaded) return status;
  print_out(json ? control::to_json(*loaded) + "\n" : control::to_toml(*loaded));
  return 0;
}

int diff(const std::vector<std::string>& files, bool json) {
  constexpr int kTrouble = 2;  // 1 says that they differ, as with diff(1)
  int status = 0;
  const auto before = load(files.at(0), status);
  const auto after = load(files.at(1), status);
  if (!before || !after) return kTrouble;
  const std::vector<control::ConfigChange> changes = control::diff(*before, *after);
  if (json) {
    print_out(control::to_json(changes) + "\n");
  } else {
    std::string text;
    for (const control::ConfigChange& change : changes) text += control::text_of(change) + "\n";
    print_out(text);
  }
  return changes.empty() ? 0 : 1;
}

}  // namespace

int config(const ConfigOptions& options) {
  using What = ConfigOptions::What;
  switch (options.what) {
    case What::Check:
      return check(options.files.at(0), options.json);
    case What::Show:
      return show(options.files.at(0), options.json);
    case What::Diff:
      return diff(options.files, options.json);
    case What::Schema:
      break;
  }
  print_out(options.json ? control::schema_json() + "\n" : control::schema_table());
  return 0;
}

}  // namespace weir::app
