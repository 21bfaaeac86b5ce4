// `weir query`: packets from stores.
#pragma once

#include "app/query_options.h"

namespace weir::app {

// Returns the exit status.
int query(const QueryOptions& options);

}  // namespace weir::app
