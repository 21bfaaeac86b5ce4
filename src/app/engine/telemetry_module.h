// Samples of all metrics into their store, and reports to whoever watches from afar: a thread of
// its own, as both wait for disks and networks.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/engine/engine_news.h"
#include "base/clock.h"
#include "control/config.h"
#include "control/engine_control.h"
#include "control/otlp_reporter.h"
#include "state/module.h"
#include "storage/report_queue.h"
#include "storage/telemetry_store.h"
#include "telemetry/registry.h"
#include "telemetry/report.h"
#include "telemetry/sampler.h"

namespace weir::app {

// The supervisor's thread, but for what says otherwise.
class TelemetryModule final : public state::Module, public telemetry::Collector {
 public:
  // All borrowed. `config` as the engine began with it.
  TelemetryModule(const control::TelemetryConfig& config, std::string state_dir,
                  const telemetry::Registry& registry, telemetry::EventHub& events,
                  EngineNews& news, const Clock& clock);
  ~TelemetryModule() override;

  [[nodiscard]] std::string_view name() const noexcept override { return "telemetry"; }
  Result<void> begin_start(MonotonicTime deadline) override;
  Result<void> begin_stop(MonotonicTime deadline) override;
  Result<state::Progress> poll(MonotonicTime now) override;
  [[nodiscard]] state::ModuleHealth health(MonotonicTime now) override;

  // Any thread. Intervals from now on.
  void set_intervals(Duration sample, Duration report);
  // Any thread.
  Result<std::vector<control::HistorySeries>> history(const control::HistoryQuery& query) const;
  void collect(telemetry::Collection& into) const override;

 private:
  class Store;    // telemetry::SampleSink over storage::TelemetryStore
  class Queue;    // control::PayloadQueue over storage::ReportQueue
  class Reports;  // telemetry::ReportSink over control::OtlpReporter

  Result<void> open_reports();
  void run();
  void sample(Timestamp now);

  const control::TelemetryConfig config_;
  const std::string state_dir_;
  const telemetry::Registry& registry_;
  telemetry::EventHub& events_;
  EngineNews& news_;
  const Clock& clock_;

  mutable std::mutex parts_mutex_;  // held where they come and go, and by who asks from outside
  std::shared_ptr<storage::TelemetryStore> store_;
  std::shared_ptr<storage::ReportQueue> queue_;
  std::unique_ptr<Store> sink_;
  std::unique_ptr<telemetry::Sampler> sampler_;
  std::unique_ptr<Queue> payloads_;
  std::unique_ptr<control::OtlpReporter> otlp_;
  std::unique_ptr<Reports> reports_;
  std::unique_ptr<telemetry::Reporter> reporter_;

  std::mutex mutex_;  // guards the next four
  std::condition_variable wake_;
  bool stopping_ = false;
  Duration sample_interval_;
  Duration report_interval_;
  std::atomic<bool> ended_ = true;
  std::atomic<bool> failing_ = false;
  std::thread thread_;
};

}  // namespace weir::app
