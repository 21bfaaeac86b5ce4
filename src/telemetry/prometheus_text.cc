#include "telemetry/prometheus_text.h"

#include <cmath>
#include <cstdint>

#include "telemetry/text.h"

namespace weir::telemetry {
namespace {

void append_value(std::string& out, const Number& value) {
  if (value.is_whole())
    append_number(out, value.whole());
  else if (std::isnan(value.real()))
    out += "NaN";
  else if (std::isinf(value.real()))
    out += value.real() > 0 ? "+Inf" : "-Inf";
  else
    append_number(out, value.real());
}

void append_label_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
    } else {
      if (c == '\\' || c == '"') out += '\\';
      out += c;
    }
  }
}

// `session="all",reason="filter"`, without the braces.
void append_labels(std::string& out, const Series& series) {
  for (std::size_t i = 0; i < series.info->label_count(); ++i) {
    if (i > 0) out += ',';
    out += series.info->labels[i];
    out += "=\"";
    append_label_value(out, series.labels[i]);
    out += '"';
  }
}

void append_head(std::string& out, const MetricInfo& info) {
  out.append("# HELP ").append(info.name).append(" ").append(info.help);
  out.append("\n# TYPE ").append(info.name).append(" ").append(name_of(info.type)).append("\n");
}

void append_plain(std::string& out, const Series& series) {
  out += series.info->name;
  if (series.info->label_count() > 0) {
    out += '{';
    append_labels(out, series);
    out += '}';
  }
  out += ' ';
  append_value(out, series.value);
  out += '\n';
}

void append_histogram(std::string& out, const Series& series) {
  const HistogramSnapshot& histogram = *series.histogram;
  const HistogramBounds& bounds = *histogram.bounds;
  std::string labels;
  append_labels(labels, series);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    below += histogram.buckets[i];
    out.append(series.info->name).append("_bucket{").append(labels);
    out += labels.empty() ? "le=\"" : ",le=\"";
    if (i < bounds.size())
      append_decimal(out, bounds.upper(i), bounds.decimals());
    else
      out += "+Inf";
    out += "\"} ";
    append_number(out, below);
    out += '\n';
  }
  if (!labels.empty()) labels = '{' + labels + '}';
  out.append(series.info->name).append("_sum").append(labels) += ' ';
  append_decimal(out, histogram.sum, bounds.decimals());
  out.append("\n").append(series.info->name).append("_count").append(labels) += ' ';
  append_number(out, below);
  out += '\n';
}

}  // namespace

std::string prometheus_text(const Collection& metrics) {
  constexpr std::size_t kLineBytes = 112;  // about what one takes
  std::string out;
  out.reserve(metrics.size() * kLineBytes);
  const MetricInfo* last = nullptr;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const Series series = metrics[i];
    if (series.info != last) append_head(out, *series.info);
    last = series.info;
    if (series.histogram != nullptr)
      append_histogram(out, series);
    else
      append_plain(out, series);
  }
  return out;
}

}  // namespace weir::telemetry
