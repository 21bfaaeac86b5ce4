// What sessions cost in the pipeline, from the source to the account: one with each of eight
// filters beside all eight at once, and the stages timed or not (time per packet:
// 1 / items_per_second).
#include <array>
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

constexpr std::array kExpressions = {
    "tcp port 443",
    "udp port 53",
    "host 10.0.0.1",
    "net 10.0.0.0/8 and tcp",
    "icmp or icmp6 or arp",
    "port 22 or port 80 or port 8080",
    "tcp[tcpflags] & (tcp-syn|tcp-rst) != 0",
    "src net 192.168.0.0/16 and udp portrange 5000-6000",
};

void run(benchmark::State& state, std::size_t first, std::size_t count, const Clock* clock) {
  EndlessSource source;
  std::vector<std::unique_ptr<Session>> sessions;
  CapturePlan plan{.generation = 1, .ends_with_sessions = false};
  for (std::size_t i = 0; i < count; ++i) {
    sessions.push_back(std::make_unique<Session>("s" + std::to_string(i), 1));
    plan.sessions.push_back(
        {.session = sessions.back().get(), .filter = kExpressions[(first + i) % 8]});
  }
  const std::vector<Lane> lanes = {{.source = &source}};
  PlanCompiler compiler(plan, lanes);
  auto compiled = compiler.compile(0);
  if (!compiled) return state.SkipWithError("does not compile");
  Pipeline pipeline(source, std::move(compiled->plan), clock);
  if (!pipeline.prepare()) return state.SkipWithError("does not compile");
  for (auto _ : state) benchmark::DoNotOptimize(pipeline.run_batch(Duration(0)));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatchPacketsMax));
}

void one_session(benchmark::State& state) {
  run(state, static_cast<std::size_t>(state.range(0)), 1, nullptr);
}
void eight_sessions(benchmark::State& state) { run(state, 0, 8, nullptr); }
void timed(benchmark::State& state) {
  const SystemClock clock;
  run(state, 0, 1, &clock);
}
void not_timed(benchmark::State& state) { run(state, 0, 1, nullptr); }

BENCHMARK(one_session)->DenseRange(0, 7);
BENCHMARK(eight_sessions);
BENCHMARK(timed);
BENCHMARK(not_timed);

}  // namespace
}  // namespace weir::capture

BENCHMARK_MAIN();
