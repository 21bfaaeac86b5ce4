// Changes of a configuration that are asked for one at a time, through the API: each gives the
// configuration with it, to be applied as a generation of its own.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "control/config.h"

namespace weir::control {

// ErrorCode::Exists when the name is taken.
Result<Config> with_session(Config config, SessionConfig session);
// The others: ErrorCode::NotFound with the sessions that there are.
Result<Config> without_session(Config config, std::string_view name);
Result<Config> with_filter(Config config, std::string_view name, std::string filter);
Result<Config> with_paused(Config config, std::string_view name);
Result<Config> with_resumed(Config config, std::string_view name);
// Of a module, or of all that have no level of their own when `module` is empty.
Config with_log_level(Config config, std::string_view module, telemetry::LogLevel level);

}  // namespace weir::control
