// Whether the values of a configuration make sense, each by itself and together. What depends on
// the machine (does the interface exist, does the filter compile, can the path be written) is found
// when the configuration is staged.
#pragma once

#include <vector>

#include "control/config.h"
#include "control/config_problem.h"

namespace weir::control {

// All problems; empty when there is none.
std::vector<ConfigProblem> check_config(const Config& config);

// The part of it that looks at several values together: for a configuration whose values have been
// read by config_reader.h, which has checked each.
std::vector<ConfigProblem> check_relations(const Config& config);

}  // namespace weir::control
