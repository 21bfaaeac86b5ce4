// weir.toml into a Config, or everything that is wrong with it at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/config.h"
#include "control/config_problem.h"
#include "control/toml.h"

namespace weir::control {

struct ReadOutcome {
  Config config;  // whole when there is no problem
  std::vector<ConfigProblem> problems;
  TomlNode document;

  [[nodiscard]] bool ok() const noexcept { return problems.empty(); }
};

// Never fails otherwise: what is too long, too deep or no TOML is a problem as well. Sorted by
// place.
ReadOutcome read_config(std::string_view text);

// The same of what somebody has written down: its sessions must fit its own
// [security.destinations], too. A stored generation may have sessions that those have ended.
ReadOutcome read_written_config(std::string_view text);

// Says where in `document` each problem is that was found on the values.
void locate(std::vector<ConfigProblem>& problems, const TomlNode& document);

// A text that holds one [[session]] and nothing else. How the session fits in with the rest of a
// configuration is not looked at. ErrorCode::Usage with all problems.
Result<SessionConfig> read_session(std::string_view text);

// The text of a file or pipe, at most as much as the reader takes.
Result<std::string> load_config_text(const std::string& path);

// Both of read_written_config(), for those who want all or nothing: ErrorCode::Usage with all
// problems, a line each.
Result<Config> load_config(const std::string& path);

}  // namespace weir::control
