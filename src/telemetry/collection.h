// What all metrics said at one moment.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/histogram.h"
#include "telemetry/metric_names.h"

namespace weir::telemetry {

// A value that is exact while it is a whole number.
class Number {
 public:
  // Numbers become one of themselves.
  // NOLINTBEGIN(google-explicit-constructor)
  template <std::unsigned_integral T>
  constexpr Number(T value) noexcept : whole_(value), is_whole_(true) {}
  template <std::signed_integral T>
  constexpr Number(T value) noexcept
      : whole_(value < 0 ? 0 : static_cast<std::uint64_t>(value)),
        real_(static_cast<double>(value)),
        is_whole_(value >= 0) {}
  constexpr Number(double value) noexcept : real_(value) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] constexpr bool is_whole() const noexcept { return is_whole_; }
  [[nodiscard]] constexpr std::uint64_t whole() const noexcept { return whole_; }
  [[nodiscard]] constexpr double real() const noexcept {
    return is_whole_ ? static_cast<double>(whole_) : real_;
  }

 private:
  std::uint64_t whole_ = 0;
  double real_ = 0;
  bool is_whole_ = false;
};

// The values of a metric's labels, in the order of the table: `{session, reason}`. For the length
// of a call: borrows.
class LabelValues {
 public:
  // NOLINTBEGIN(google-explicit-constructor)
  LabelValues(std::initializer_list<std::string_view> values) noexcept
      : values_(values.begin(), values.size()) {}
  LabelValues(std::span<const std::string_view> values) noexcept : values_(values) {}
  // NOLINTEND(google-explicit-constructor)
  [[nodiscard]] std::span<const std::string_view> get() const noexcept { return values_; }

 private:
  std::span<const std::string_view> values_;
};

// One series, as a view into its collection.
struct Series {
  const MetricInfo* info;
  std::array<std::string_view, kLabelsMax> labels;  // values, in the order of the table
  Number value;                                     // of a counter or gauge
  const HistogramSnapshot* histogram;               // of a histogram, or null
};

// Filled by one thread, then read by any. A label value is cut at kLabelBytesMax and what is no
// UTF-8 in it becomes U+FFFD: Prometheus would refuse everything for one such value.
class Collection {
 public:
  static constexpr std::size_t kLabelBytesMax = 1024;  // "..." comes on top where it is cut

  // As many labels as the metric has in the table, and a number that fits its type: assertions. A
  // counter is whole.
  void add(Metric metric, LabelValues labels, Number value);
  void add(Metric metric, LabelValues labels, const HistogramSnapshot& value);

  // Sorts by table and labels, and takes out all but the first of series that are the same; says
  // how many those were. Registry::collect() has done it.
  std::size_t finish();

  [[nodiscard]] std::size_t size() const noexcept { return rows_.size(); }
  [[nodiscard]] Series operator[](std::size_t i) const noexcept;

 private:
  struct Row {
    Number value{0.0};     // the histogram's place in histograms_, if it is one
    std::size_t text = 0;  // where its labels begin in text_
    std::array<std::uint16_t, kLabelsMax> lengths{};
    Metric metric{};
  };
  Row& append(Metric metric, LabelValues labels);
  [[nodiscard]] std::array<std::string_view, kLabelsMax> labels_of(const Row& row) const noexcept;

  std::vector<Row> rows_;
  std::vector<HistogramSnapshot> histograms_;
  std::string text_;  // all label values, one behind the other
};

}  // namespace weir::telemetry
