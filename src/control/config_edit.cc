#include "control/config_edit.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "control/values.h"

namespace weir::control {
namespace {

std::vector<SessionConfig>::iterator find_session(Config& config, std::string_view name) {
  return std::find_if(config.sessions.begin(), config.sessions.end(),
                      [&](const SessionConfig& one) { return one.name == name; });
}

Error unknown_session(const Config& config, std::string_view name) {
  std::vector<std::string_view> known;
  for (const SessionConfig& one : config.sessions) known.push_back(one.name);
  return Error{.code = ErrorCode::NotFound,
               .context = "session '" + std::string(name) + "': not in the configuration (" +
                          nearest_hint(known, name) + ")"};
}

// The configuration after `change` of the session.
template <typename Change>
Result<Config> with_changed(Config config, std::string_view name, Change&& change) {
  const auto session = find_session(config, name);
  if (session == config.sessions.end()) return unknown_session(config, name);
  change(*session);
  return config;
}

}  // namespace

Result<Config> with_session(Config config, SessionConfig session) {
  if (find_session(config, session.name) != config.sessions.end()) {
    return Error{.code = ErrorCode::Exists,
                 .context = "session '" + session.name +
                            "': there is one already (stop it, or take another name)"};
  }
  config.sessions.push_back(std::move(session));
  return config;
}

Result<Config> without_session(Config config, std::string_view name) {
  const auto session = find_session(config, name);
  if (session == config.sessions.end()) return unknown_session(config, name);
  config.sessions.erase(session);
  return config;
}

Result<Config> with_filter(Config config, std::string_view name, std::string filter) {
  return with_changed(std::move(config), name,
                      [&](SessionConfig& session) { session.filter = std::move(filter); });
}

Result<Config> with_paused(Config config, std::string_view name) {
  return with_changed(std::move(config), name,
                      [](SessionConfig& session) { session.paused = true; });
}

Result<Config> with_resumed(Config config, std::string_view name) {
  return with_changed(std::move(config), name,
                      [](SessionConfig& session) { session.paused = false; });
}

Config with_log_level(Config config, std::string_view module, telemetry::LogLevel level) {
  if (module.empty()) {
    config.telemetry.log_level = level;
    return config;
  }
  auto& levels = config.telemetry.log_levels;
  const auto at =
      std::lower_bound(levels.begin(), levels.end(), module,
                       [](const auto& one, std::string_view wanted) { return one.first < wanted; });
  if (at != levels.end() && at->first == module) {
    at->second = level;
  } else {
    levels.emplace(at, module, level);
  }
  return config;
}

}  // namespace weir::control
