// `weir capture`: the pipeline over a network interface.
#pragma once

#include "app/options.h"

namespace weir::app {

// Returns the exit status.
int capture(const CaptureOptions& options);

}  // namespace weir::app
