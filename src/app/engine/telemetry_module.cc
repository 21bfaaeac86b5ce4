#include "app/engine/telemetry_module.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/thread_name.h"

namespace weir::app {
namespace {

using telemetry::Metric;

constexpr std::size_t kSeriesMax = 50'000;  // in a report

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

// key="value",... sorted, as the store keeps them.
std::string canonical(std::vector<std::pair<std::string, std::string>> labels) {
  std::sort(labels.begin(), labels.end());
  std::string text;
  for (const auto& [key, value] : labels) {
    text += (text.empty() ? "" : ",") + key + "=\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') text += '\\';
      if (c == '\n') {
        text += "\\n";
      } else {
        text += c;
      }
    }
    text += '"';
  }
  return text;
}

control::ReportHistogram histogram_of(const telemetry::HistogramSnapshot& snapshot) {
  const double unit = std::pow(10, snapshot.bounds->decimals());
  control::ReportHistogram histogram{.sum = static_cast<double>(snapshot.sum) / unit};
  for (std::size_t i = 0; i < snapshot.bounds->size(); ++i) {
    histogram.bounds.push_back(static_cast<double>(snapshot.bounds->upper(i)) / unit);
    histogram.buckets.push_back(snapshot.buckets[i]);
  }
  histogram.buckets.push_back(snapshot.buckets[snapshot.bounds->size()]);
  return histogram;
}

control::ReportMetric metric_of(const telemetry::Series& series) {
  const telemetry::MetricInfo& info = *series.info;
  const bool counts = info.type == telemetry::MetricType::Counter;
  control::ReportMetric metric{
      .name = std::string(info.name),
      .type = counts ? control::ReportType::Counter : control::ReportType::Gauge,
      .unit = std::string(info.unit),
      .description = std::string(info.help),
      .value = series.value.real()};
  for (std::size_t i = 0; i < info.label_count(); ++i) {
    metric.labels.emplace_back(info.labels[i], series.labels[i]);
  }
  if (series.histogram != nullptr) {
    metric.type = control::ReportType::Histogram;
    metric.histogram = histogram_of(*series.histogram);
  }
  return metric;
}

control::ReportEvent event_of(const telemetry::Event& event) {
  control::ReportEvent row{.time = event.time,
                           .module = event.module,
                           .kind = std::string(name_of(event.kind)),
                           .severity = std::string(name_of(event.severity)),
                           .text = event.text};
  for (const telemetry::EventField& field : event.fields) {
    row.fields.emplace_back(field.key, field.value);
  }
  return row;
}

}  // namespace

class TelemetryModule::Store final : public telemetry::SampleSink {
 public:
  explicit Store(storage::TelemetryStore& store) : store_(store) {}
  Result<void> store(Timestamp when, std::span<const telemetry::Sample> samples) override {
    std::vector<std::string> labels;
    std::vector<storage::StoredSample> rows;
    labels.reserve(samples.size());
    for (const telemetry::Sample& sample : samples) {
      labels.push_back(canonical(sample.labels));
      rows.push_back({.metric = sample.metric, .labels = labels.back(), .value = sample.value});
    }
    WEIR_TRY(const storage::StoreOutcome outcome,
             store_.store(when, std::span<const storage::StoredSample>(rows)));
    stored += outcome.stored;
    return ok();
  }
  std::atomic<std::uint64_t> stored = 0;

 private:
  storage::TelemetryStore& store_;
};

class TelemetryModule::Queue final : public control::PayloadQueue {
 public:
  explicit Queue(storage::ReportQueue& queue) : queue_(queue) {}

  Result<std::uint64_t> push(std::string payload) override {
    const std::uint64_t before = queue_.status().dropped;
    WEIR_TRY(const std::uint64_t id, queue_.push(payload));
    (void)id;
    return queue_.status().dropped - before;
  }
  Result<std::optional<std::string>> front() override {
    WEIR_TRY(auto rows, queue_.front(1));
    if (rows.empty()) return std::optional<std::string>();
    front_id_ = rows.front().id;
    return std::optional<std::string>(std::move(rows.front().payload));
  }
  Result<void> pop() override { return queue_.pop(front_id_); }
  [[nodiscard]] std::uint64_t bytes() const noexcept override { return queue_.status().bytes; }

 private:
  storage::ReportQueue& queue_;
  std::uint64_t front_id_ = 0;
};

class TelemetryModule::Reports final : public telemetry::ReportSink {
 public:
  explicit Reports(control::OtlpReporter& otlp) : otlp_(otlp) {}
  Result<void> send(const telemetry::Report& report) override {
    std::vector<control::ReportMetric> metrics;
    const std::size_t series = std::min(report.metrics.size(), kSeriesMax);
    for (std::size_t i = 0; i < series; ++i) metrics.push_back(metric_of(report.metrics[i]));
    std::vector<control::ReportEvent> events;
    for (const telemetry::Event& event : report.events) events.push_back(event_of(event));
    otlp_.report(metrics, events);
    return ok();
  }

 private:
  control::OtlpReporter& otlp_;
};

TelemetryModule::TelemetryModule(const control::TelemetryConfig& config, std::string state_dir,
                                 const telemetry::Registry& registry, telemetry::EventHub& events,
                                 EngineNews& news, const Clock& clock)
    : config_(config),
      state_dir_(std::move(state_dir)),
      registry_(registry),
      events_(events),
      news_(news),
      clock_(clock),
      sample_interval_(config.sample_interval),
      report_interval_(config.report_interval) {}

TelemetryModule::~TelemetryModule() {
  (void)begin_stop({});
  if (thread_.joinable()) thread_.join();
}

Result<void> TelemetryModule::begin_start(MonotonicTime) {
  if (thread_.joinable()) thread_.join();
  WEIR_TRY(
      auto opened,
      storage::TelemetryStore::open(
          state_dir_ + "/telemetry.db",
          {.keep = config_.keep, .bytes_max = config_.keep_bytes, .observer = &news_}, clock_));
  if (!opened.warning.empty()) news_.store_warning(opened.warning);
  {
    const std::lock_guard lock(parts_mutex_);
    sampler_.reset();
    store_ = std::move(opened.store);
    sink_ = std::make_unique<Store>(*store_);
    sampler_ = std::make_unique<telemetry::Sampler>(registry_, *sink_, events_);
    if (!config_.report_url.empty()) WEIR_CHECK(open_reports());
  }
  stopping_ = false;
  ended_ = false;
  thread_ = std::thread([this] {
    name_this_thread("weir-telemetry");
    run();
  });
  return ok();
}

Result<void> TelemetryModule::open_reports() {
  WEIR_TRY(auto opened,
           storage::ReportQueue::open(
               state_dir_ + "/reports.db",
               {.bytes_max = config_.report_buffer_bytes, .observer = &news_}, clock_));
  if (!opened.warning.empty()) news_.store_warning(opened.warning);
  reporter_.reset();
  reports_.reset();
  otlp_.reset();
  queue_ = std::move(opened.queue);
  payloads_ = std::make_unique<Queue>(*queue_);
  const Timestamp started = clock_.wall();
  const std::string host = host_name();
  WEIR_TRY(otlp_, control::OtlpReporter::create(
                      {.url = config_.report_url,
                       .resource = {.host = host,
                                    .version = WEIR_VERSION,
                                    .instance_id = host + "-" + std::to_string(started.ns),
                                    .started = started}},
                      *payloads_, news_, clock_));
  reports_ = std::make_unique<Reports>(*otlp_);
  reporter_ = std::make_unique<telemetry::Reporter>(registry_, events_, *reports_);
  return ok();
}

Result<void> TelemetryModule::begin_stop(MonotonicTime) {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  wake_.notify_all();
  return ok();
}

Result<state::Progress> TelemetryModule::poll(MonotonicTime) {
  const std::lock_guard lock(mutex_);
  return stopping_ && !ended_ ? state::Progress::Busy : state::Progress::Done;
}

state::ModuleHealth TelemetryModule::health(MonotonicTime) {
  // The sampler tells of an outage by itself, and goes on trying: nothing would be won by a
  // restart.
  if (failing_) return {.level = state::HealthLevel::Late, .reason = "samples cannot be stored"};
  return {};
}

void TelemetryModule::set_intervals(Duration sample, Duration report) {
  const std::lock_guard lock(mutex_);
  sample_interval_ = sample;
  report_interval_ = report;
  wake_.notify_all();
}

void TelemetryModule::run() {
  MonotonicTime sampled = clock_.monotonic();
  MonotonicTime reported = sampled;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const MonotonicTime now = clock_.monotonic();
    const bool sample_due = now - sampled >= sample_interval_;
    const bool report_due = reporter_ != nullptr && now - reported >= report_interval_;
    const bool send_due = otlp_ != nullptr && otlp_->due(now);
    if (!sample_due && !report_due && !send_due) {
      const Duration next =
          std::min({sample_interval_ - (now - sampled), Duration(std::chrono::seconds(1))});
      wake_.wait_for(lock, std::max(next, Duration(std::chrono::milliseconds(1))));
      continue;
    }
    lock.unlock();
    if (sample_due) sample(clock_.wall());
    if (report_due) (void)reporter_->report(clock_.wall());
    if (otlp_ != nullptr) otlp_->step(clock_.monotonic());
    lock.lock();
    if (sample_due) sampled = now;
    if (report_due) reported = now;
  }
  lock.unlock();
  (void)store_->flush();
  ended_ = true;
}

void TelemetryModule::sample(Timestamp now) {
  const bool worked = sampler_->sample(now).ok();
  failing_ = !worked;
}

Result<std::vector<control::HistorySeries>> TelemetryModule::history(
    const control::HistoryQuery& query) const {
  std::shared_ptr<storage::TelemetryStore> store;
  {
    const std::lock_guard lock(parts_mutex_);
    store = store_;
  }
  if (store == nullptr) {
    return Error{.code = ErrorCode::NotFound,
                 .context = "history of " + query.metric + ": nothing has been stored yet"};
  }
  WEIR_TRY(auto found, store->query({.metric = query.metric,
                                     .since = query.since,
                                     .until = query.until,
                                     .step = query.step,
                                     .points_max = query.points_max}));
  std::vector<control::HistorySeries> series;
  for (storage::SampleSeries& one : found) {
    series.push_back({.metric = query.metric,
                      .labels = storage::split_labels(one.labels),
                      .points = std::move(one.points)});
  }
  return series;
}

void TelemetryModule::collect(telemetry::Collection& into) const {
  const std::lock_guard lock(parts_mutex_);
  if (sampler_ == nullptr) return;
  sampler_->collect(into);
  into.add(Metric::SampleStoreBytes, {}, store_->status().file_bytes);
  into.add(Metric::SampleStoreSamples, {}, sink_->stored.load());
  if (otlp_ == nullptr) return;
  const control::OtlpStatistics& statistics = otlp_->statistics();
  into.add(Metric::ReportsSent, {}, statistics.sent.value());
  into.add(Metric::ReportsFailed, {}, statistics.failed.value());
  into.add(Metric::ReportsDropped, {}, statistics.overflowed.value() + statistics.refused.value());
  into.add(Metric::ReportsBuffered, {}, queue_->status().bytes);
}

}  // namespace weir::app
