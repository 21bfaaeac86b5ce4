// Runs of a store on a simulated disk: many seeds, or one that is to be looked at.
//
//   store_simulation --seeds FIRST COUNT | --seed N | --replay N
//
// Prints the seed of each failure, and exits with 1 when there was one.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

#include "simulation/run_directory.h"
#include "simulation/seed_arguments.h"
#include "simulation/shared_memory.h"
#include "simulation/store_run.h"

namespace weir::test {
namespace {

// Shared with the process that does the runs: an assertion, or waiting for ever, ends that one.
struct Progress {
  std::uint64_t next = 0;  // seeds that were begun
  std::uint64_t failures = 0;
  StoreRunResult::Counts all;
};

void run_seeds(const SeedArguments& asked, const std::string& directory, Progress& progress) {
  while (progress.next < asked.count) {
    const StoreRunOptions options{.seed = asked.first + progress.next++, .verbose = asked.replay};
    const StoreRunResult result = run_store(options, directory);
    progress.all += result.counts;
    if (result.failure.empty()) continue;
    ++progress.failures;
    std::printf("seed %s: %s\n", std::to_string(options.seed).c_str(), result.failure.c_str());
    (void)std::fflush(stdout);
  }
}

int run(const SeedArguments& asked) {
  const RunDirectory directory;
  if (directory.path().empty()) {
    std::fprintf(stderr, "store_simulation: no directory for the runs\n");
    return 2;
  }
  std::printf("store_simulation: seeds %s to %s\n", std::to_string(asked.first).c_str(),
              std::to_string(asked.first + asked.count - 1).c_str());
  const SharedMemory<Progress> shared(1);
  Progress& progress = shared.all().front();
  while (progress.next < asked.count) {
    (void)std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
      run_seeds(asked, directory.path(), progress);
      std::_Exit(0);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) return 2;
    if (status == 0) continue;
    ++progress.failures;
    std::printf("seed %s: ended by signal %d\n",
                std::to_string(asked.first + progress.next - 1).c_str(), WTERMSIG(status));
  }
  const StoreRunResult::Counts& all = progress.all;
  const auto text = [](std::uint64_t value) { return std::to_string(value); };
  const std::string sum = text(progress.failures) + " of " + text(asked.count) + " seeds failed; " +
                          text(all.offered) + " packets offered, " + text(all.written) +
                          " acknowledged, " + text(all.packets) + " found in " +
                          text(all.segments) + " segments (" + text(all.sealed_by_recovery) +
                          " sealed by recovery, " + text(all.damaged) + " without a head), " +
                          text(all.keys) + " keys looked up";
  std::printf("store_simulation: %s\n", sum.c_str());
  return progress.failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace weir::test

int main(int argc, char** argv) {
  const auto asked =
      weir::test::parse_seed_arguments(std::span(argv, static_cast<std::size_t>(argc)));
  if (!asked) {
    std::fprintf(stderr, "usage: store_simulation --seeds FIRST COUNT | --seed N | --replay N\n");
    return 2;
  }
  return weir::test::run(*asked);
}
