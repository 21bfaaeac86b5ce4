// `weir query`: packets from stores.
#pragma once

#include "app/query_options.h"
#include "app/query_report.h"
#include "base/result.h"

namespace weir::app {

// Returns the exit status.
int query(const QueryOptions& options);

// The same, and nothing is said yet. `options` outlives the report. Call it while there is one
// thread: signals are its own from here on.
Result<QueryReport> answer_query(const QueryOptions& options);

}  // namespace weir::app
