// `weir run`: the engine as a service, from a configuration file to the last counter.
#pragma once

#include "app/options.h"
#include "app/systemd_notify.h"

namespace weir::app {

// Returns the exit status.
int run(const RunOptions& options, const SystemdEnvironment& environment);

}  // namespace weir::app
