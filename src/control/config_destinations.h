// Whether the sessions of a configuration fit its own [security.destinations], as far as the words
// say so. What the disk says (a symbolic link, a pipe where a file is meant) is found when outputs
// are set up.
#pragma once

#include <string>
#include <vector>

#include "control/config.h"
#include "control/config_problem.h"
#include "security/destination_rules.h"

namespace weir::control {

inline constexpr std::string_view kDestinationRulesName = "[security.destinations]";

// Of every destination of every session.
std::vector<ConfigProblem> check_destinations(const Config& config);

}  // namespace weir::control
