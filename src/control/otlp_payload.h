// Reports as values, and their form as OTLP/HTTP JSON (opentelemetry-proto 1, protobuf's JSON
// mapping).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"

namespace weir::control {

enum class ReportType : std::uint8_t { Counter, Gauge, Histogram };

struct ReportHistogram {
  std::vector<double> bounds;          // rising; one less than there are buckets
  std::vector<std::uint64_t> buckets;  // not cumulative
  double sum = 0;
};

// One series at one time. Those of one name stand together.
struct ReportMetric {
  std::string name;
  ReportType type = ReportType::Gauge;
  std::string unit;         // UCUM: "By", "s", "{packet}"
  std::string description;  // may be empty
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;           // of a counter or a gauge
  ReportHistogram histogram;  // of a histogram
};

struct ReportEvent {
  Timestamp time{};
  std::string module;
  std::string kind;
  std::string severity;  // "error", "warning", "info", "debug"
  std::string text;
  std::vector<std::pair<std::string, std::string>> fields;
};

struct ReportResource {
  std::string host;
  std::string version;      // of weir
  std::string instance_id;  // of this run of the engine
  Timestamp started{};      // since when counters count
};

// ExportMetricsServiceRequest: sums are cumulative and monotonic.
std::string otlp_metrics(const ReportResource& resource, Timestamp now,
                         std::span<const ReportMetric> metrics);
// ExportLogsServiceRequest.
std::string otlp_logs(const ReportResource& resource, Timestamp now,
                      std::span<const ReportEvent> events);

}  // namespace weir::control
