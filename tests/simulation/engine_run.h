// Runs of simulated engines: each life in a process of its own, then what is left of them.
#pragma once

#include <cstdint>
#include <string>

#include "simulation/engine_life.h"

namespace weir::test {

struct EngineRunResult {
  std::string failure;  // empty: all laws held
  std::uint64_t digest = 0;
  std::uint64_t found = 0;  // packets in stores and files
  std::uint64_t lives = 0;
  std::uint64_t kills = 0;
  LifeRecord::Counts life;  // of all lives
};

// `directory` is there, for this run alone; what it holds is removed.
EngineRunResult run_engine(const EnginePlan& plan, const LifeOptions& options,
                           const std::string& directory);

struct EngineRunCounts {
  std::uint64_t digest = 0;  // of all runs
  std::uint64_t failures = 0;
  std::uint64_t found = 0;
  std::uint64_t lives = 0;
  std::uint64_t kills = 0;
  LifeRecord::Counts life;
};

// Seeds on all processors; each failure is told on standard output.
EngineRunCounts run_engines(std::uint64_t first, std::uint64_t count, const LifeOptions& options);

}  // namespace weir::test
