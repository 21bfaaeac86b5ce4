// `weir policy`: keys, signatures and texts of policy documents, without an engine.
#pragma once

#include "app/policy_options.h"

namespace weir::app {

// Returns the exit status.
int policy(const PolicyOptions& options);

}  // namespace weir::app
