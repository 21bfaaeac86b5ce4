// The text of a policy document as security::PolicyDocument. docs/security.md has its keys.
//
// Who reads a document to put it in force has verified its signature before
// (security/signed_policy.h).
#pragma once

#include <string_view>
#include <vector>

#include "control/config_problem.h"
#include "security/policy.h"

namespace weir::control {

struct PolicyOutcome {
  security::PolicyDocument document;  // whole where there are no problems
  std::vector<ConfigProblem> problems;
  [[nodiscard]] bool ok() const noexcept { return problems.empty(); }
};

// All that is wrong with it at once, by place. One thread a call; no state.
PolicyOutcome read_policy(std::string_view text);

}  // namespace weir::control
