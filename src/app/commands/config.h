// `weir config`: looks at configuration files, without an engine.
#pragma once

#include "app/options.h"

namespace weir::app {

// Returns the exit status.
int config(const ConfigOptions& options);

}  // namespace weir::app
