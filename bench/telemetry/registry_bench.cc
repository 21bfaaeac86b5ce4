// What telemetry costs: the hot path's adds, and a scrape of 10,000 series (at most 50 ms).
#include "telemetry/registry.h"

#include <cstdint>
#include <string>

#include <benchmark/benchmark.h>

#include "telemetry/prometheus_text.h"

namespace weir::telemetry {
namespace {

// 64 sessions with rules: rows whose set changes, as the engine says them.
class Rules final : public Collector {
 public:
  explicit Rules(std::int64_t series) : series_(series) {}
  void collect(Collection& into) const override {
    for (std::int64_t i = 0; i < series_ / 2; ++i) {
      const std::string session = "session" + std::to_string(i % 64);
      const std::string rule = "rule" + std::to_string(i / 64);
      const auto packets = static_cast<std::uint64_t>(i) * 1'000'003;
      into.add(Metric::RulePackets, {session, rule, "accept"}, packets);
      into.add(Metric::RuleBytes, {session, rule, "accept"}, packets * 800);
    }
  }

 private:
  std::int64_t series_;
};

void scrape(benchmark::State& state) {
  Registry registry;
  const Rules rules(state.range(0));
  const Registration rows = registry.add(rules);
  std::size_t bytes = 0;
  for (auto _ : state) {
    const std::string text = prometheus_text(registry.collect());
    benchmark::DoNotOptimize(text.data());
    bytes = text.size();
  }
  state.counters["bytes"] = static_cast<double>(bytes);
}
BENCHMARK(scrape)->Arg(100)->Arg(10'000)->Unit(benchmark::kMillisecond);

void counter_add(benchmark::State& state) {
  Counter counter;
  for (auto _ : state) {
    counter.add(1);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(counter_add);

void histogram_observe(benchmark::State& state) {
  Histogram histogram(bounds_of(Metric::WorkerStageSeconds));
  std::uint64_t value = 1;
  for (auto _ : state) {
    histogram.observe(value);
    value = value * 5 % 1'000'003;
    benchmark::ClobberMemory();
  }
}
BENCHMARK(histogram_observe);

}  // namespace
}  // namespace weir::telemetry

BENCHMARK_MAIN();
