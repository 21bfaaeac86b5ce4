// `weir store`: looks into a store of packets, beside an engine or without one.
#pragma once

#include "app/options.h"

namespace weir::app {

// Returns the exit status.
int store(const StoreOptions& options);

}  // namespace weir::app
