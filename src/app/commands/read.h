// `weir read`: the pipeline over capture files.
#pragma once

#include "app/options.h"

namespace weir::app {

// Returns the exit status.
int read(const ReadOptions& options);

}  // namespace weir::app
