#include "telemetry/registry.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <span>
#include <string_view>

#include "base/assert.h"

namespace weir::telemetry {
namespace {

// The same for two series only when they are the same: lengths stand in front of values.
std::string key_of(Metric metric, LabelValues labels) {
  std::string key(info_of(metric).name);
  for (const std::string_view value : labels.get()) {
    key += ' ';
    key += std::to_string(value.size());
    key += ' ';
    key += value;
  }
  return key;
}

std::string describe(Metric metric, LabelValues labels) {
  const MetricInfo& info = info_of(metric);
  std::string text(info.name);
  for (std::size_t i = 0; i < labels.get().size(); ++i)
    text.append(i == 0 ? "{" : ", ").append(info.labels[i]).append("=").append(labels.get()[i]);
  if (!labels.get().empty()) text += '}';
  return text;
}

}  // namespace

Registration& Registration::operator=(Registration&& other) noexcept {
  if (this != &other) {
    release();
    registry_ = std::exchange(other.registry_, nullptr);
    id_ = other.id_;
  }
  return *this;
}

void Registration::release() noexcept {
  if (Registry* registry = std::exchange(registry_, nullptr)) registry->remove(id_);
}

Registry::~Registry() { WEIR_ASSERT(series_.empty() && collectors_.empty()); }

Result<Registration> Registry::add(Metric metric, LabelValues labels, const Counter& counter) {
  WEIR_ASSERT(info_of(metric).type != MetricType::Histogram);
  return add(Entry{.metric = metric, .counter = &counter}, labels);
}

Result<Registration> Registry::add(Metric metric, LabelValues labels, const Histogram& histogram) {
  WEIR_ASSERT(&histogram.bounds() == info_of(metric).bounds);
  return add(Entry{.metric = metric, .histogram = &histogram}, labels);
}

Result<Registration> Registry::add(Entry entry, LabelValues labels) {
  WEIR_ASSERT(labels.get().size() == info_of(entry.metric).label_count());
  entry.labels.assign(labels.get().begin(), labels.get().end());
  const std::lock_guard lock(mutex_);
  const auto [key, is_new] = keys_.insert(key_of(entry.metric, labels));
  if (!is_new) {
    return Error{.code = ErrorCode::Exists,
                 .context = "register " + describe(entry.metric, labels) +
                            ": there is such a series (give it other labels)"};
  }
  entry.key = key;
  series_.emplace(++last_id_, std::move(entry));
  return Registration(*this, last_id_);
}

Registration Registry::add(const Collector& collector) {
  const std::lock_guard lock(mutex_);
  collectors_.emplace(++last_id_, &collector);
  return {*this, last_id_};
}

void Registry::remove(std::uint64_t id) noexcept {
  const std::lock_guard lock(mutex_);
  if (const auto found = series_.find(id); found != series_.end()) {
    keys_.erase(found->second.key);
    series_.erase(found);
  } else {
    collectors_.erase(id);
  }
}

Collection Registry::collect() const {
  Collection all;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [id, entry] : series_) {
      std::array<std::string_view, kLabelsMax> labels;
      std::ranges::copy(entry.labels, labels.begin());
      const LabelValues values(
          std::span<const std::string_view>(labels).first(entry.labels.size()));
      if (entry.counter != nullptr)
        all.add(entry.metric, values, entry.counter->value());
      else
        all.add(entry.metric, values, entry.histogram->snapshot());
    }
    for (const auto& [id, collector] : collectors_) collector->collect(all);
  }
  const std::size_t duplicates = all.finish();
  // Of all collections before and this one; several threads may collect.
  all.add(Metric::DuplicateSeries, {}, duplicates_.fetch_add(duplicates) + duplicates);
  return all;
}

}  // namespace weir::telemetry
