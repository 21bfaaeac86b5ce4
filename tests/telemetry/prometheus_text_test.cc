#include "telemetry/prometheus_text.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "support/command.h"

namespace weir::telemetry {
namespace {

std::string text_of(Collection& all) {
  all.finish();
  return prometheus_text(all);
}

TEST(PrometheusTextTest, SaysFamiliesWithTheirSeries) {
  Collection all;
  all.add(Metric::SessionRejected, {"all", "filter"}, 7u);
  all.add(Metric::SessionRejected, {"all", "limit"}, 0u);
  all.add(Metric::InterfaceRingFill, {"eth0", "afpacket"}, 0.25);
  all.add(Metric::ConfigGeneration, {}, 3u);
  EXPECT_EQ(text_of(all),
            R"(# HELP weir_config_generation Number of the configuration in force
# TYPE weir_config_generation gauge
weir_config_generation 3
# HELP weir_interface_ring_fill_ratio How full the fullest receive ring is, 0 to 1
# TYPE weir_interface_ring_fill_ratio gauge
weir_interface_ring_fill_ratio{interface="eth0",mode="afpacket"} 0.25
# HELP weir_session_rejected_packets_total Packets that the session turned away by a decision
# TYPE weir_session_rejected_packets_total counter
weir_session_rejected_packets_total{session="all",reason="filter"} 7
weir_session_rejected_packets_total{session="all",reason="limit"} 0
)");
}

TEST(PrometheusTextTest, AddsUpTheBucketsOfHistograms) {
  Histogram batches(bounds_of(Metric::WorkerBatchPackets));
  for (const std::uint64_t packets : {1u, 2u, 256u, 300u}) batches.observe(packets);
  Collection all;
  all.add(Metric::WorkerBatchPackets, {"eth0", "0"}, batches.snapshot());
  const std::string text = text_of(all);
  for (const char* line :
       {"weir_worker_batch_packets_bucket{interface=\"eth0\",queue=\"0\",le=\"1\"} 1\n",
        "weir_worker_batch_packets_bucket{interface=\"eth0\",queue=\"0\",le=\"2\"} 2\n",
        "weir_worker_batch_packets_bucket{interface=\"eth0\",queue=\"0\",le=\"256\"} 3\n",
        "weir_worker_batch_packets_bucket{interface=\"eth0\",queue=\"0\",le=\"+Inf\"} 4\n",
        "weir_worker_batch_packets_sum{interface=\"eth0\",queue=\"0\"} 559\n",
        "weir_worker_batch_packets_count{interface=\"eth0\",queue=\"0\"} 4\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(PrometheusTextTest, ShowsNanosecondsAsSeconds) {
  Histogram requests(bounds_of(Metric::ApiRequestSeconds));
  requests.observe(1'500'000);
  Collection all;
  all.add(Metric::ApiRequestSeconds, {"/status"}, requests.snapshot());
  const std::string text = text_of(all);
  EXPECT_NE(text.find(R"(_bucket{route="/status",le="0.001"} 0)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"(_bucket{route="/status",le="0.002"} 1)"), std::string::npos) << text;
  EXPECT_NE(text.find(R"(_sum{route="/status"} 0.0015)"), std::string::npos) << text;
}

TEST(PrometheusTextTest, IsExactWhereADoubleIsNot) {
  Collection all;
  all.add(Metric::CaptureReceivedBytes, {}, (std::uint64_t{1} << 53) + 1);
  all.add(Metric::CaptureAcceptedBytes, {}, std::numeric_limits<std::uint64_t>::max());
  const std::string text = text_of(all);
  EXPECT_NE(text.find("weir_capture_received_bytes_total 9007199254740993\n"), std::string::npos);
  EXPECT_NE(text.find("weir_capture_accepted_bytes_total 18446744073709551615\n"),
            std::string::npos);
}

TEST(PrometheusTextTest, EscapesLabels) {
  Collection all;
  all.add(Metric::SessionReceivedPackets, {"a\"b\\c\nd"}, 1u);
  EXPECT_NE(text_of(all).find("{session=\"a\\\"b\\\\c\\nd\"} 1\n"), std::string::npos);
}

TEST(PrometheusTextTest, WritesNumbersThatAreNone) {
  Collection all;
  all.add(Metric::InterfaceRingFill, {"a", "m"}, std::nan(""));
  all.add(Metric::InterfaceRingFill, {"b", "m"}, HUGE_VAL);
  all.add(Metric::InterfaceRingFill, {"c", "m"}, -HUGE_VAL);
  all.add(Metric::InterfaceRingFill, {"d", "m"}, -3);
  const std::string text = text_of(all);
  for (const char* line : {"\"m\"} NaN\n", "\"m\"} +Inf\n", "\"m\"} -Inf\n", "\"m\"} -3\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line;
}

// Every metric of the table, with labels that are hard to read.
TEST(PrometheusTextTest, PleasesPromtool) {
  Collection all;
  for (const MetricInfo& info : metric_table()) {
    for (const std::string suffix : {"", " \"x\"\n\\", "\xc3\xa9\xff\x01"}) {
      if (info.label_count() == 0 && !suffix.empty()) continue;
      const std::string value = "value" + suffix;
      const std::vector<std::string_view> labels(info.label_count(), value);
      if (info.bounds == nullptr) {
        all.add(info.metric, std::span<const std::string_view>(labels), 1u);
        continue;
      }
      Histogram histogram(*info.bounds);
      histogram.observe(1);
      all.add(info.metric, std::span<const std::string_view>(labels), histogram.snapshot());
    }
  }
  ASSERT_EQ(all.finish(), 0u);
  const std::string text = prometheus_text(all);
  const auto judged = test::run_command({"promtool", "check", "metrics"}, {.input = text});
  EXPECT_EQ(judged.status, 0) << judged.out << judged.err << text;
  EXPECT_EQ(judged.out + judged.err, "");

  const auto wrong = test::run_command({"promtool", "check", "metrics"}, {.input = text + "x{"});
  EXPECT_NE(wrong.status, 0) << "promtool reads what it is given";
}

}  // namespace
}  // namespace weir::telemetry
