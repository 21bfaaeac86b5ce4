// `weir store repair|gc|pin|unpin|pins`: what changes a store.
#pragma once

#include <string>

#include "app/options.h"

namespace weir::app {

// Returns the exit status.
int look_after(const StoreOptions& options, const std::string& directory);

}  // namespace weir::app
