// What it costs to keep samples: 10,000 series every ten seconds, and asking for one metric of
// three days.
#include "storage/telemetry_store.h"

#include <algorithm>
#include <filesystem>
#include <memory>

#include <benchmark/benchmark.h>

#include "base/prng.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace weir::storage {
namespace {

constexpr Duration kInterval = std::chrono::seconds(10);
constexpr std::size_t kSeriesEach = 100;  // of a metric

// Counters that grow by random amounts.
class Counters {
 public:
  Counters(std::size_t series, std::uint64_t step_max) : step_max_(step_max), values_(series, 0.0) {
    for (std::size_t i = 0; i < series; ++i) {
      metrics_.push_back("weir_metric_" + std::to_string(i / kSeriesEach) + "_total");
      labels_.push_back("interface=\"eth0\",session=\"s" + std::to_string(i % kSeriesEach) + "\"");
    }
    samples_.reserve(series);
  }
  std::span<const StoredSample> next() {
    samples_.clear();
    for (std::size_t i = 0; i < values_.size(); ++i) {
      values_[i] += static_cast<double>(random_.below(step_max_));
      samples_.push_back({metrics_[i], labels_[i], values_[i]});
    }
    return samples_;
  }

 private:
  Prng random_{1};
  std::uint64_t step_max_;
  std::vector<double> values_;
  std::vector<std::string> metrics_;
  std::vector<std::string> labels_;
  std::vector<StoredSample> samples_;
};

// Argument: the counters grow by less than this in ten seconds; 1: they stand still.
void BM_Store10000Series(benchmark::State& state) {
  const test::TempDir dir;
  test::FakeClock clock;
  auto store = std::move(
      TelemetryStore::open(dir.file("samples.db"), {.bytes_max = 4ull << 30}, clock).value().store);
  Counters counters(10'000, static_cast<std::uint64_t>(state.range(0)));
  const SystemClock system;
  Duration slowest{};  // the call that closes a window
  for (auto _ : state) {
    state.PauseTiming();
    clock.advance(kInterval);
    const auto samples = counters.next();
    state.ResumeTiming();
    const MonotonicTime begin = system.monotonic();
    const auto outcome = store->store(clock.wall(), samples);
    slowest = std::max(slowest, system.monotonic() - begin);
    if (!outcome) state.SkipWithError(outcome.error().context.c_str());
  }
  const auto status = store->status();
  state.counters["slowest_ms"] = static_cast<double>(slowest.count()) / 1e6;
  const double sealed = static_cast<double>(status.windows * kWindowSamples) * 10'000;
  state.counters["bytes_per_sample"] = static_cast<double>(status.file_bytes) / sealed;
}
BENCHMARK(BM_Store10000Series)
    ->Arg(1)
    ->Arg(100)
    ->Arg(1000)
    ->Arg(1'000'000)
    ->Iterations(kWindowSamples * 6 + 1)
    ->Unit(benchmark::kMillisecond);

// 1,000 series for three days; one metric of 100, with a step of five minutes.
void BM_QueryThreeDays(benchmark::State& state) {
  const test::TempDir dir;
  test::FakeClock clock;
  auto store = std::move(TelemetryStore::open(dir.file("samples.db"), {}, clock).value().store);
  Counters counters(1000, 1000);
  const Timestamp begin = clock.wall();
  for (int i = 0; i < 3 * 24 * 360; ++i) {
    clock.advance(kInterval);
    const auto outcome = store->store(clock.wall(), counters.next());
    if (!outcome) state.SkipWithError(outcome.error().context.c_str());
  }
  const SampleQuery query{.metric = "weir_metric_4_total",
                          .since = begin,
                          .until = clock.wall(),
                          .step = std::chrono::minutes(5),
                          .points_max = 1'000'000};
  std::size_t points = 0;
  for (auto _ : state) {
    const auto found = store->query(query);
    points = found ? found->size() * found->front().points.size() : 0;
  }
  state.counters["points"] = static_cast<double>(points);
  state.counters["file_MiB"] = static_cast<double>(store->status().file_bytes) / (1 << 20);
}
BENCHMARK(BM_QueryThreeDays)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir::storage

BENCHMARK_MAIN();
