// What relief costs in the pipeline, from the source to the account (time per packet:
// 1 / items_per_second). A source that waits gets none, so that nobody looks for it: what looking
// costs is the difference between `waits` and `none`, with 1, 8 and 64 sessions. And what the
// validation of sources costs there: `validated` has rules for both of its steps, and none is
// refused.
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "capture/orchestrator.h"
#include "capture/pipeline.h"
#include "capture/plan_compiler.h"
#include "endless_source.h"

namespace weir::capture {
namespace {

void run(benchmark::State& state, std::size_t count, bool waits, const Relief& relief,
         const security::SourceRules& rules = {}) {
  EndlessSource source(waits);
  std::vector<std::unique_ptr<Session>> sessions;
  CapturePlan plan{.generation = 1, .ends_with_sessions = false};
  for (std::size_t i = 0; i < count; ++i) {
    sessions.push_back(std::make_unique<Session>("s" + std::to_string(i), 1));
    sessions.back()->set_relief(relief);
    plan.sessions.push_back({.session = sessions.back().get()});
  }
  auto sources = security::SourceValidator::compile(std::vector<security::SourceRules>{rules});
  if (!sources) return state.SkipWithError("rules do not compile");
  plan.sources = std::move(*sources);
  const std::vector<Lane> lanes = {{.source = &source}};
  PlanCompiler compiler(plan, lanes);
  auto compiled = compiler.compile(0);
  if (!compiled) return state.SkipWithError("does not compile");
  Pipeline pipeline(source, std::move(compiled->plan));
  if (!pipeline.prepare()) return state.SkipWithError("does not compile");
  for (auto _ : state) benchmark::DoNotOptimize(pipeline.run_batch(Duration(0)));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatchPacketsMax));
}

void waits(benchmark::State& state) {
  run(state, static_cast<std::size_t>(state.range(0)), true, {});
}
void none(benchmark::State& state) {
  run(state, static_cast<std::size_t>(state.range(0)), false, {});
}
// 10,000 nets, of which the packets have one, and 1,000 VNIs.
void validated(benchmark::State& state) {
  security::SourceRules rules;
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    rules.nets.push_back("10." + std::to_string(i >> 7) + "." + std::to_string(i % 128 * 2) +
                         ".0/24");
  }
  for (std::uint32_t i = 0; i < 1000; ++i) rules.deny_vnis.push_back({i * 2, i * 2});
  run(state, 1, false, {}, rules);
}
void keep_64(benchmark::State& state) { run(state, 1, false, {.keep_bytes = 64}); }
void cutoff_64k(benchmark::State& state) { run(state, 1, false, {.cutoff_bytes = 65'536}); }
void sample_half(benchmark::State& state) {
  run(state, 1, false, {.sample = Relief::kAllFlows / 2});
}
void shed(benchmark::State& state) { run(state, 1, false, {.shed = true}); }

BENCHMARK(waits)->Arg(1)->Arg(8)->Arg(64);
BENCHMARK(none)->Arg(1)->Arg(8)->Arg(64);
BENCHMARK(validated);
BENCHMARK(keep_64);
BENCHMARK(cutoff_64k);
BENCHMARK(sample_half);
BENCHMARK(shed);

}  // namespace
}  // namespace weir::capture

BENCHMARK_MAIN();
