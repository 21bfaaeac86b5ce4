// Lives of a simulated engine: many seeds, or one that is to be looked at.
//
//   engine_simulation --seeds FIRST COUNT | --seed N | --replay N | --course SCENARIO FILE
//
// Prints the seed of each failure, and exits with 1 when there was one. Replay tells what happens
// on standard error, and leaves the files. Course writes rows for plot_course.py (scenarios:
// engine_plan.h).
#include <cstdio>
#include <span>
#include <string>
#include <string_view>

#include "simulation/engine_run.h"
#include "simulation/run_directory.h"
#include "simulation/seed_arguments.h"

namespace weir::test {
namespace {

int run(const SeedArguments& asked) {
  const auto text = [](std::uint64_t value) { return std::to_string(value); };
  std::printf("engine_simulation: seeds %s to %s\n", text(asked.first).c_str(),
              text(asked.first + asked.count - 1).c_str());
  const EngineRunCounts sum = run_engines(asked.first, asked.count, {.verbose = asked.replay});
  const std::string line =
      text(sum.failures) + " of " + text(asked.count) + " seeds failed; " + text(sum.lives) +
      " lives (" + text(sum.kills) + " killed), " + text(sum.life.arrived) + " packets arrived, " +
      text(sum.life.accepted) + " accepted, " + text(sum.life.kernel_drops) +
      " lost in full rings, " + text(sum.life.pressure_drops) + " dropped under pressure, " +
      text(sum.found) + " found; " + text(sum.life.audits) + " audits, " +
      text(sum.life.level_moves) + " levels and " + text(sum.life.relief_moves) +
      " reliefs moved, " + text(sum.life.commands) + " commands (" +
      text(sum.life.commands_refused) + " refused), " + text(sum.life.session_faults) +
      " sessions failed; digest " + text(sum.digest);
  std::printf("engine_simulation: %s\n", line.c_str());
  return sum.failures == 0 ? 0 : 1;
}

int draw_course(const char* name, const char* file) {
  const auto plan = scenario(name);
  if (!plan) {
    std::fprintf(stderr, "engine_simulation: no scenario is called '%s'\n", name);
    return 2;
  }
  const RunDirectory directory;
  const EngineRunResult result = run_engine(*plan, {.course = file}, directory.path());
  if (result.failure.empty()) return 0;
  std::fprintf(stderr, "engine_simulation: %s\n", result.failure.c_str());
  return 1;
}

}  // namespace
}  // namespace weir::test

int main(int argc, char** argv) {
  const std::span given(argv, static_cast<std::size_t>(argc));
  if (given.size() == 4 && std::string_view(given[1]) == "--course") {
    return weir::test::draw_course(given[2], given[3]);
  }
  const auto asked = weir::test::parse_seed_arguments(given);
  if (!asked) {
    std::fprintf(stderr,
                 "usage: engine_simulation --seeds FIRST COUNT | --seed N | --replay N | "
                 "--course SCENARIO FILE\n");
    return 2;
  }
  return weir::test::run(*asked);
}
