#include "simulation/engine_run.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

#include "simulation/engine_remains.h"
#include "simulation/policy_author.h"
#include "simulation/run_directory.h"
#include "simulation/shared_memory.h"

namespace weir::test {
namespace {

// A life that takes longer turns in circles.
constexpr unsigned kLifeSecondsMax = 120;

void add(LifeRecord::Counts& sum, const LifeRecord::Counts& one) noexcept {
  sum.arrived += one.arrived;
  sum.accepted += one.accepted;
  sum.kernel_drops += one.kernel_drops;
  sum.pressure_drops += one.pressure_drops;
  sum.audits += one.audits;
  sum.level_moves += one.level_moves;
  sum.relief_moves += one.relief_moves;
  sum.commands += one.commands;
  sum.commands_ended += one.commands_ended;
  sum.commands_refused += one.commands_refused;
  sum.session_faults += one.session_faults;
}

std::string live_in_a_process(const EnginePlan& plan, std::size_t life,
                              const std::string& directory, const LifeOptions& options,
                              LifeRecord& record) {
  (void)std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(kLifeSecondsMax);
    live(plan, life, directory, options, record);
    std::_Exit(0);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return "no process to be had";
  if (record.failed()) return record.failure.data();
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return number == SIGALRM ? "it turns in circles" : "ended by signal " + std::to_string(number);
  }
  if (!record.ended) return "the process ended with status " + std::to_string(WEXITSTATUS(status));
  return "";
}

}  // namespace

EngineRunResult run_engine(const EnginePlan& plan, const LifeOptions& options,
                           const std::string& directory) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::filesystem::remove_all(entry.path());
  }
  const SharedMemory<LifeRecord> records(plan.lives.size());
  EngineRunResult result;
  std::optional<PolicyAuthor> author;
  if (plan.policy) author.emplace(directory);
  LifeOptions with_author = options;
  with_author.author = author ? &*author : nullptr;
  if (options.verbose) std::fprintf(stderr, "%s", text_of(plan).c_str());
  for (std::size_t life = 0; life < plan.lives.size() && result.failure.empty(); ++life) {
    LifeRecord& record = records.all()[life];
    if (author) author->sign(plan.lives[life].first_policy(), "");
    result.failure = live_in_a_process(plan, life, directory, with_author, record);
    if (!result.failure.empty()) {
      result.failure = "life " + std::to_string(life) + ": " + result.failure;
    }
    ++result.lives;
    if (plan.lives[life].how != LifeEnd::Drain) ++result.kills;
    add(result.life, record.counts);
    result.digest = (result.digest ^ record.digest) * 0x100000001b3;
  }
  if (!result.failure.empty()) return result;
  EngineRemains remains(plan, records.all(), directory);
  result.failure = remains.check();
  result.found = remains.found();
  return result;
}

namespace {

// Threads that have their turn one after the other hand it over faster on one processor.
void stay_on(unsigned processor) noexcept {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  (void)::sched_setaffinity(0, sizeof one, &one);
}

}  // namespace

EngineRunCounts run_engines(std::uint64_t first, std::uint64_t count, const LifeOptions& options) {
  const unsigned processors =
      options.verbose ? 1 : std::max(1U, std::thread::hardware_concurrency());
  const SharedMemory<EngineRunCounts> counts(processors);
  std::vector<pid_t> children;
  (void)std::fflush(stdout);
  for (unsigned part = 0; part < processors; ++part) {
    const pid_t child = ::fork();
    if (child == 0) {
      stay_on(part);
      EngineRunCounts& sum = counts.all()[part];
      const RunDirectory directory;
      for (std::uint64_t i = part; i < count; i += processors) {
        const EngineRunResult result = run_engine(draw_plan(first + i), options, directory.path());
        sum.found += result.found;
        sum.digest += result.digest;
        sum.lives += result.lives;
        sum.kills += result.kills;
        add(sum.life, result.life);
        if (result.failure.empty()) continue;
        ++sum.failures;
        std::printf("seed %s: %s\n", std::to_string(first + i).c_str(), result.failure.c_str());
        (void)std::fflush(stdout);
      }
      if (!options.verbose) directory.remove();
      std::_Exit(0);
    }
    children.push_back(child);
  }
  EngineRunCounts sum;
  for (const pid_t child : children) {
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child || status != 0) ++sum.failures;
  }
  for (const EngineRunCounts& part : counts.all()) {
    sum.failures += part.failures;
    sum.found += part.found;
    sum.digest += part.digest;
    sum.lives += part.lives;
    sum.kills += part.kills;
    add(sum.life, part.life);
  }
  return sum;
}

}  // namespace weir::test
