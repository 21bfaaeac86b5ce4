// One run of a store in several directories, each on a simulated disk of its own: all that happens
// is drawn from a seed.
#pragma once

#include "simulation/store_run.h"

namespace weir::test {

// As run_store(). Each directory is recovered and checked alone; together they have what the ledger
// says, each packet once.
StoreRunResult run_striped(const StoreRunOptions& options, const std::string& directory);

}  // namespace weir::test
