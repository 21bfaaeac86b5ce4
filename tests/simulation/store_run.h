// One run of a store on a simulated disk: all that happens is drawn from a seed.
#pragma once

#include <cstdint>
#include <string>

#include "simulation/store_check.h"

namespace weir::test {

struct StoreRunOptions {
  std::uint64_t seed = 1;
  // Mistakes that a run has to notice: see SimFaults.
  bool ignore_syncs = false;
  bool complete_on_submit = false;
  bool verbose = false;  // tells on standard error what happens
};

struct StoreRunResult {
  std::string failure;       // empty: all is as promised
  std::uint64_t digest = 0;  // of what was left on the disk: the same for the same seed
  struct Counts {
    std::uint64_t offered = 0;
    std::uint64_t written = 0;  // acknowledged, when the disk died
    std::uint64_t packets = 0;  // found
    std::uint64_t segments = 0;
    std::uint64_t sealed_by_recovery = 0;
    std::uint64_t damaged = 0;  // segments without a head
    std::uint64_t keys = 0;     // that were looked up
    Counts& operator+=(const Counts& other) noexcept;
  } counts;
};

// `directory` is there, for this run alone; what it holds is removed.
StoreRunResult run_store(const StoreRunOptions& options, const std::string& directory);

}  // namespace weir::test
