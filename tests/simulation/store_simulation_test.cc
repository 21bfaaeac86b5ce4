// Runs of a store on a simulated disk, few enough for every build, and whether such runs notice a
// mistake. Thousands of seeds: make simulate.
#include <string>

#include <gtest/gtest.h>

#include "simulation/run_directory.h"
#include "simulation/store_run.h"

namespace weir::test {
namespace {

// Of so many seeds from 1 on, how many failed.
struct Failures {
  std::uint32_t count = 0;
  std::string first;
};

Failures run(const RunDirectory& directory, std::uint32_t seeds, StoreRunOptions options) {
  Failures failures;
  for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
    options.seed = seed;
    const StoreRunResult result = run_store(options, directory.path());
    if (result.failure.empty()) continue;
    if (failures.count++ == 0) {
      failures.first = "seed " + std::to_string(seed) + ": " + result.failure;
    }
  }
  return failures;
}

TEST(StoreSimulation, KeepsWhatWasAcknowledgedWhateverTheDiskDoes) {
  const RunDirectory directory;
  const Failures failures = run(directory, 60, {});
  EXPECT_EQ(failures.count, 0U) << failures.first;
}

TEST(StoreSimulation, NoticesADiskThatIgnoresSyncs) {
  const RunDirectory directory;
  const Failures failures = run(directory, 60, {.ignore_syncs = true});
  EXPECT_GE(failures.count, 3U);
}

TEST(StoreSimulation, NoticesWritesThatAreAcknowledgedWhenTheyAreSubmitted) {
  const RunDirectory directory;
  const Failures failures = run(directory, 60, {.complete_on_submit = true});
  EXPECT_GE(failures.count, 3U);
}

TEST(StoreSimulation, DoesTheSameForTheSameSeed) {
  const RunDirectory directory;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const StoreRunResult first = run_store({.seed = seed}, directory.path());
    const StoreRunResult second = run_store({.seed = seed}, directory.path());
    EXPECT_EQ(first.digest, second.digest);
    EXPECT_EQ(first.counts.written, second.counts.written);
    EXPECT_EQ(first.counts.packets, second.counts.packets);
  }
}

}  // namespace
}  // namespace weir::test
