#include "telemetry/collection.h"

#include <algorithm>

#include "base/assert.h"
#include "telemetry/text.h"

namespace weir::telemetry {

Collection::Row& Collection::append(Metric metric, LabelValues labels) {
  const auto values = labels.get();
  WEIR_ASSERT(values.size() == info_of(metric).label_count());
  Row& row = rows_.emplace_back();
  row.metric = metric;
  row.text = text_.size();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t begin = text_.size();
    append_clean(text_, values[i], kLabelBytesMax);
    row.lengths[i] = static_cast<std::uint16_t>(text_.size() - begin);
  }
  return row;
}

void Collection::add(Metric metric, LabelValues labels, Number value) {
  const MetricType type = info_of(metric).type;
  WEIR_ASSERT(type == MetricType::Gauge || (type == MetricType::Counter && value.is_whole()));
  append(metric, labels).value = value;
}

void Collection::add(Metric metric, LabelValues labels, const HistogramSnapshot& value) {
  WEIR_ASSERT(value.bounds != nullptr && value.bounds == info_of(metric).bounds);
  append(metric, labels).value = Number(histograms_.size());
  histograms_.push_back(value);
}

std::array<std::string_view, kLabelsMax> Collection::labels_of(const Row& row) const noexcept {
  std::array<std::string_view, kLabelsMax> labels;
  std::size_t at = row.text;
  for (std::size_t i = 0; i < kLabelsMax; ++i) {
    labels[i] = std::string_view(text_).substr(at, row.lengths[i]);
    at += row.lengths[i];
  }
  return labels;
}

std::size_t Collection::finish() {
  std::ranges::stable_sort(rows_, [this](const Row& a, const Row& b) {
    return a.metric != b.metric ? a.metric < b.metric : labels_of(a) < labels_of(b);
  });
  const auto same = std::ranges::unique(rows_, [this](const Row& a, const Row& b) {
    return a.metric == b.metric && labels_of(a) == labels_of(b);
  });
  const std::size_t count = same.size();
  rows_.erase(same.begin(), same.end());
  return count;
}

Series Collection::operator[](std::size_t i) const noexcept {
  const Row& row = rows_[i];
  const MetricInfo& info = info_of(row.metric);
  return {
      .info = &info,
      .labels = labels_of(row),
      .value = row.value,
      .histogram = info.type == MetricType::Histogram ? &histograms_[row.value.whole()] : nullptr};
}

}  // namespace weir::telemetry
