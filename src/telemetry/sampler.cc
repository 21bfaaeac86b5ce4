#include "telemetry/sampler.h"

#include <cmath>
#include <string_view>

namespace weir::telemetry {

std::size_t append_samples(const Collection& metrics, std::size_t samples_max,
                           std::vector<Sample>& samples) {
  std::size_t left_out = 0;
  std::size_t room = samples_max;
  const auto append = [&](const Series& series, std::string_view suffix, double value) {
    Sample& sample = samples.emplace_back();
    sample.metric.append(series.info->name).append(suffix);
    for (std::size_t i = 0; i < series.info->label_count(); ++i)
      sample.labels.emplace_back(series.info->labels[i], series.labels[i]);
    sample.value = value;
  };
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const Series series = metrics[i];
    const std::size_t need = series.histogram == nullptr ? 1 : 2;
    if (need > room) {
      ++left_out;
      continue;
    }
    room -= need;
    if (series.histogram == nullptr) {
      append(series, "", series.value.real());
    } else {
      const HistogramSnapshot& histogram = *series.histogram;
      append(series, "_count", static_cast<double>(histogram.count()));
      append(series, "_sum",
             static_cast<double>(histogram.sum) / std::pow(10, histogram.bounds->decimals()));
    }
  }
  return left_out;
}

Sampler::Sampler(const Registry& registry, SampleSink& sink, EventHub& events, Options options)
    : registry_(registry), sink_(sink), events_(events), options_(options) {}

Result<void> Sampler::sample(Timestamp now) {
  samples_.clear();
  left_out_.add(append_samples(registry_.collect(), options_.samples_max, samples_));
  Result<void> stored = sink_.store(now, samples_);
  if (!stored) failures_.add(1);
  if (!stored && !failing_) {
    events_.publish({.kind = EventKind::StoreFailed,
                     .module = "telemetry",
                     .text = "samples of the metrics are not kept",
                     .fields = {{"store", "samples"}, {"error", stored.error().context}}});
  } else if (stored && failing_) {
    events_.publish({.kind = EventKind::StoreRecovered,
                     .module = "telemetry",
                     .text = "samples of the metrics are kept again",
                     .fields = {{"store", "samples"}}});
  }
  failing_ = !stored;
  return stored;
}

void Sampler::collect(Collection& into) const {
  into.add(Metric::SampleStoreFailures, {}, failures_.value());
  into.add(Metric::SampleSeriesLeftOut, {}, left_out_.value());
}

}  // namespace weir::telemetry
