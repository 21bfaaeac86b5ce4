// Runs of a store on a simulated disk: many seeds, or one that is to be looked at.
//
//   store_simulation --seeds FIRST COUNT | --seed N | --replay N
//
// Prints the seed of each failure, and exits with 1 when there was one.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "simulation/run_directory.h"
#include "simulation/store_run.h"

namespace weir::test {
namespace {

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t count = 1;
  StoreRunOptions run;
};

std::optional<std::uint64_t> number(const char* text) {
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text, &end, 10);
  if (end == text || *end != '\0') return std::nullopt;
  return value;
}

std::optional<Arguments> arguments(std::span<char*> given) {
  Arguments parsed;
  const bool many = given.size() == 4 && std::string_view(given[1]) == "--seeds";
  const bool one = given.size() == 3 && std::string_view(given[1]) == "--seed";
  parsed.run.verbose = given.size() == 3 && std::string_view(given[1]) == "--replay";
  if (!many && !one && !parsed.run.verbose) return std::nullopt;
  const auto first = number(given[2]);
  const auto count = many ? number(given[3]) : std::optional<std::uint64_t>(1);
  if (!first || !count) return std::nullopt;
  parsed.first = *first;
  parsed.count = *count;
  return parsed;
}

// Shared with the process that does the runs: an assertion, or waiting for ever, ends that one.
struct Progress {
  std::uint64_t next = 0;  // seeds that were begun
  std::uint64_t failures = 0;
  StoreRunResult::Counts all;
};

class SharedProgress {
 public:
  SharedProgress()
      : memory_(::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    WEIR_ASSERT(memory_ != MAP_FAILED);
    new (memory_) Progress;
  }
  ~SharedProgress() { ::munmap(memory_, sizeof(Progress)); }
  SharedProgress(const SharedProgress&) = delete;
  SharedProgress& operator=(const SharedProgress&) = delete;
  Progress& operator*() const noexcept { return *static_cast<Progress*>(memory_); }
  Progress* operator->() const noexcept { return static_cast<Progress*>(memory_); }

 private:
  void* memory_;
};

void run_seeds(const Arguments& asked, const std::string& directory, Progress& progress) {
  while (progress.next < asked.count) {
    StoreRunOptions options = asked.run;
    options.seed = asked.first + progress.next++;
    const StoreRunResult result = run_store(options, directory);
    progress.all += result.counts;
    if (result.failure.empty()) continue;
    ++progress.failures;
    std::printf("seed %s: %s\n", std::to_string(options.seed).c_str(), result.failure.c_str());
    (void)std::fflush(stdout);
  }
}

int run(const Arguments& asked) {
  const RunDirectory directory;
  if (directory.path().empty()) {
    std::fprintf(stderr, "store_simulation: no directory for the runs\n");
    return 2;
  }
  std::printf("store_simulation: seeds %s to %s\n", std::to_string(asked.first).c_str(),
              std::to_string(asked.first + asked.count - 1).c_str());
  const SharedProgress progress;
  while (progress->next < asked.count) {
    (void)std::fflush(stdout);
    const pid_t child = ::fork();
    if (child == 0) {
      run_seeds(asked, directory.path(), *progress);
      std::_Exit(0);
    }
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) return 2;
    if (status == 0) continue;
    ++progress->failures;
    std::printf("seed %s: ended by signal %d\n",
                std::to_string(asked.first + progress->next - 1).c_str(), WTERMSIG(status));
  }
  const StoreRunResult::Counts& all = progress->all;
  const auto text = [](std::uint64_t value) { return std::to_string(value); };
  const std::string sum = text(progress->failures) + " of " + text(asked.count) +
                          " seeds failed; " + text(all.offered) + " packets offered, " +
                          text(all.written) + " acknowledged, " + text(all.packets) + " found in " +
                          text(all.segments) + " segments (" + text(all.sealed_by_recovery) +
                          " sealed by recovery, " + text(all.damaged) + " without a head), " +
                          text(all.keys) + " keys looked up";
  std::printf("store_simulation: %s\n", sum.c_str());
  return progress->failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace weir::test

int main(int argc, char** argv) {
  const auto asked = weir::test::arguments(std::span(argv, static_cast<std::size_t>(argc)));
  if (!asked) {
    std::fprintf(stderr, "usage: store_simulation --seeds FIRST COUNT | --seed N | --replay N\n");
    return 2;
  }
  return weir::test::run(*asked);
}
