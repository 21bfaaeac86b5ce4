#include "control/otlp_payload.h"

#include <array>
#include <cmath>
#include <string_view>

#include "base/json_writer.h"

namespace weir::control {
namespace {

constexpr int kCumulative = 2;  // AggregationTemporality

// 64-bit integers are strings in protobuf's JSON.
std::string number(std::uint64_t value) { return std::to_string(value); }
std::string nanoseconds(Timestamp time) {
  return std::to_string(time.ns > 0 ? static_cast<std::uint64_t>(time.ns) : 0);
}

void attribute(JsonWriter& json, std::string_view key, std::string_view value) {
  json.begin_object().field("key", key).key("value").begin_object();
  json.field("stringValue", value).end_object().end_object();
}

void attributes(JsonWriter& json, const std::vector<std::pair<std::string, std::string>>& labels) {
  json.key("attributes").begin_array();
  for (const auto& [key, value] : labels) attribute(json, key, value);
  json.end_array();
}

void begin_scope(JsonWriter& json, const ReportResource& resource, std::string_view resources,
                 std::string_view scopes) {
  json.begin_object().key(resources).begin_array().begin_object();
  json.key("resource").begin_object().key("attributes").begin_array();
  attribute(json, "service.name", "weir");
  attribute(json, "service.version", resource.version);
  attribute(json, "service.instance.id", resource.instance_id);
  attribute(json, "host.name", resource.host);
  json.end_array().end_object();
  json.key(scopes).begin_array().begin_object();
  json.key("scope").begin_object().field("name", "weir").field("version", resource.version);
  json.end_object();
}

std::string end_scope(JsonWriter& json) {
  json.end_object().end_array().end_object().end_array().end_object();
  return json.take();
}

void begin_point(JsonWriter& json, const ReportMetric& metric, const ReportResource& resource,
                 Timestamp now) {
  json.begin_object();
  attributes(json, metric.labels);
  if (metric.type != ReportType::Gauge) {
    json.field("startTimeUnixNano", nanoseconds(resource.started));
  }
  json.field("timeUnixNano", nanoseconds(now));
}

void histogram_fields(JsonWriter& json, const ReportHistogram& histogram) {
  std::uint64_t count = 0;
  json.key("bucketCounts").begin_array();
  for (const std::uint64_t bucket : histogram.buckets) {
    json.value(number(bucket));
    count += bucket;
  }
  json.end_array().key("explicitBounds").begin_array();
  for (const double bound : histogram.bounds) json.value(bound);
  json.end_array().field("count", number(count)).field("sum", histogram.sum);
}

bool same_metric(const ReportMetric& a, const ReportMetric& b) {
  return a.name == b.name && a.type == b.type;
}

void begin_metric(JsonWriter& json, const ReportMetric& metric) {
  json.begin_object().field("name", metric.name).field("unit", metric.unit);
  if (!metric.description.empty()) json.field("description", metric.description);
  switch (metric.type) {
    case ReportType::Counter:
      json.key("sum").begin_object();
      json.field("aggregationTemporality", kCumulative).field("isMonotonic", true);
      break;
    case ReportType::Gauge:
      json.key("gauge").begin_object();
      break;
    case ReportType::Histogram:
      json.key("histogram").begin_object();
      json.field("aggregationTemporality", kCumulative);
  }
  json.key("dataPoints").begin_array();
}

// SeverityNumber of the first of each range.
int severity_number(std::string_view severity) {
  struct Row {
    std::string_view name;
    int number;
  };
  constexpr std::array kRows = {Row{"error", 17}, Row{"warning", 13}, Row{"info", 9},
                                Row{"debug", 5}};
  for (const Row& row : kRows) {
    if (row.name == severity) return row.number;
  }
  return 0;
}

}  // namespace

std::string otlp_metrics(const ReportResource& resource, Timestamp now,
                         std::span<const ReportMetric> metrics) {
  JsonWriter json;
  begin_scope(json, resource, "resourceMetrics", "scopeMetrics");
  json.key("metrics").begin_array();
  for (std::size_t i = 0; i < metrics.size();) {
    const ReportMetric& first = metrics[i];
    begin_metric(json, first);
    for (; i < metrics.size() && same_metric(metrics[i], first); ++i) {
      const ReportMetric& metric = metrics[i];
      if (metric.type == ReportType::Histogram) {
        begin_point(json, metric, resource, now);
        histogram_fields(json, metric.histogram);
        json.end_object();
      } else if (std::isfinite(metric.value)) {  // JSON has no other numbers
        begin_point(json, metric, resource, now);
        json.field("asDouble", metric.value).end_object();
      }
    }
    json.end_array().end_object().end_object();
  }
  json.end_array();
  return end_scope(json);
}

std::string otlp_logs(const ReportResource& resource, Timestamp now,
                      std::span<const ReportEvent> events) {
  JsonWriter json;
  begin_scope(json, resource, "resourceLogs", "scopeLogs");
  json.key("logRecords").begin_array();
  for (const ReportEvent& event : events) {
    json.begin_object();
    json.field("timeUnixNano", nanoseconds(event.time));
    json.field("observedTimeUnixNano", nanoseconds(now));
    json.field("severityNumber", severity_number(event.severity));
    json.field("severityText", event.severity);
    json.key("body").begin_object().field("stringValue", event.text).end_object();
    auto fields = event.fields;
    fields.emplace_back("weir.module", event.module);
    fields.emplace_back("weir.kind", event.kind);
    attributes(json, fields);
    json.end_object();
  }
  json.end_array();
  return end_scope(json);
}

}  // namespace weir::control
