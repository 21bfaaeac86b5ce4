// `weir ctl`: asks a running engine through its control socket.
#pragma once

#include "app/ctl/options.h"

namespace weir::app {

// Returns the exit status.
int ctl(const CtlOptions& options);

}  // namespace weir::app
