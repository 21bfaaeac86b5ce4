#include "control/otlp_payload.h"

#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace weir::control {
namespace {

using nlohmann::json;

constexpr Timestamp kStarted{1'600'000'000'000'000'000};
constexpr Timestamp kNow{1'700'000'000'000'000'001};

ReportResource resource() {
  return {.host = "sensor-1", .version = "0.1.0", .instance_id = "abc", .started = kStarted};
}

TEST(OtlpMetrics, SaysWhoReports) {
  const json request = json::parse(otlp_metrics(resource(), kNow, {}));
  const json& attributes = request["resourceMetrics"][0]["resource"]["attributes"];
  json found;
  for (const json& each : attributes) {
    found[each["key"].get<std::string>()] = each["value"]["stringValue"];
  }
  EXPECT_EQ(found, (json{{"service.name", "weir"},
                         {"service.version", "0.1.0"},
                         {"service.instance.id", "abc"},
                         {"host.name", "sensor-1"}}));
  EXPECT_EQ(request["resourceMetrics"][0]["scopeMetrics"][0]["scope"]["name"], "weir");
}

TEST(OtlpMetrics, MakesSumsGaugesAndHistograms) {
  const std::vector<ReportMetric> metrics = {
      {.name = "weir_packets_total",
       .type = ReportType::Counter,
       .unit = "{packet}",
       .description = "packets",
       .labels = {{"session", "a\"b"}},
       .value = 7},
      {.name = "weir_packets_total",
       .type = ReportType::Counter,
       .unit = "{packet}",
       .description = "packets",
       .labels = {{"session", "c"}},
       .value = 8},
      {.name = "weir_in_flight", .type = ReportType::Gauge, .value = 1.5},
      {.name = "weir_bad",
       .type = ReportType::Gauge,
       .value = std::numeric_limits<double>::quiet_NaN()},
      {.name = "weir_batch_seconds",
       .type = ReportType::Histogram,
       .unit = "s",
       .histogram = {.bounds = {0.1, 1}, .buckets = {3, 2, 1}, .sum = 4.5}},
  };
  const json request = json::parse(otlp_metrics(resource(), kNow, metrics));
  const json& list = request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
  ASSERT_EQ(list.size(), 4u);
  EXPECT_EQ(list[0]["unit"], "{packet}");
  EXPECT_EQ(list[0]["sum"]["isMonotonic"], true);
  EXPECT_EQ(list[0]["sum"]["aggregationTemporality"], 2);
  ASSERT_EQ(list[0]["sum"]["dataPoints"].size(), 2u);
  const json& point = list[0]["sum"]["dataPoints"][0];
  EXPECT_EQ(point["asDouble"], 7);
  EXPECT_EQ(point["timeUnixNano"], "1700000000000000001");
  EXPECT_EQ(point["startTimeUnixNano"], "1600000000000000000");
  EXPECT_EQ(point["attributes"][0]["key"], "session");
  EXPECT_EQ(point["attributes"][0]["value"]["stringValue"], "a\"b");
  EXPECT_EQ(list[1]["gauge"]["dataPoints"][0]["asDouble"], 1.5);
  EXPECT_FALSE(list[1]["gauge"]["dataPoints"][0].contains("startTimeUnixNano"));
  EXPECT_TRUE(list[2]["gauge"]["dataPoints"].empty());
  const json& histogram = list[3]["histogram"]["dataPoints"][0];
  EXPECT_EQ(histogram["bucketCounts"], (json{"3", "2", "1"}));
  EXPECT_EQ(histogram["explicitBounds"], (json{0.1, 1.0}));
  EXPECT_EQ(histogram["count"], "6");
  EXPECT_EQ(histogram["sum"], 4.5);
}

TEST(OtlpLogs, MakesRecordsOfEvents) {
  const std::vector<ReportEvent> events = {{.time = kStarted,
                                            .module = "capture",
                                            .kind = "session_state",
                                            .severity = "warning",
                                            .text = "session web failed",
                                            .fields = {{"session", "web"}}},
                                           {.time = kNow, .severity = "error", .fields = {}}};
  const json request = json::parse(otlp_logs(resource(), kNow, events));
  const json& records = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["timeUnixNano"], "1600000000000000000");
  EXPECT_EQ(records[0]["severityNumber"], 13);
  EXPECT_EQ(records[0]["severityText"], "warning");
  EXPECT_EQ(records[0]["body"]["stringValue"], "session web failed");
  EXPECT_EQ(records[0]["attributes"].size(), 3u);
  EXPECT_EQ(records[1]["severityNumber"], 17);
}

}  // namespace
}  // namespace weir::control
