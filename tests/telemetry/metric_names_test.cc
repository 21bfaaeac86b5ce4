#include "telemetry/metric_names.h"

#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>

namespace weir::telemetry {
namespace {

bool is_word(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

TEST(MetricNamesTest, FollowPrometheusConventions) {
  std::set<std::string_view> names;
  for (const MetricInfo& info : metric_table()) {
    SCOPED_TRACE(info.name);
    EXPECT_TRUE(names.insert(info.name).second) << "twice";
    EXPECT_TRUE(is_word(info.name));
    EXPECT_TRUE(info.name.starts_with("weir_"));
    EXPECT_EQ(info.name.ends_with("_total"), info.type == MetricType::Counter);
    for (const char* unit : {"_seconds", "_bytes", "_ratio"}) {
      EXPECT_EQ(info.name.find(unit) != std::string_view::npos, unit + 1 == info.unit) << unit;
    }
    EXPECT_FALSE(info.help.empty());
    EXPECT_EQ(info.help.find_first_of("|\n\\"), std::string_view::npos) << "breaks the document";
  }
}

TEST(MetricNamesTest, LabelsAreWordsOfTheirOwn) {
  for (const MetricInfo& info : metric_table()) {
    SCOPED_TRACE(info.name);
    std::set<std::string_view> labels;
    for (std::size_t i = 0; i < info.label_count(); ++i) {
      EXPECT_TRUE(is_word(info.labels[i])) << info.labels[i];
      EXPECT_NE(info.labels[i], "le") << "a histogram's own";
      EXPECT_TRUE(labels.insert(info.labels[i]).second) << info.labels[i];
    }
    for (std::size_t i = info.label_count(); i < kLabelsMax; ++i)
      EXPECT_TRUE(info.labels[i].empty()) << "a label behind the last";
  }
}

TEST(MetricNamesTest, AreFoundByName) {
  for (const MetricInfo& info : metric_table()) EXPECT_EQ(find_metric(info.name), info.metric);
  EXPECT_EQ(find_metric("weir_sessions"), std::nullopt);
  EXPECT_EQ(find_metric(""), std::nullopt);
}

TEST(MetricNamesTest, OnlyHistogramsHaveBounds) {
  EXPECT_EQ(bounds_of(Metric::WorkerBatchPackets).upper(0), 1u);
  EXPECT_DEATH((void)bounds_of(Metric::BuildInfo), "internal error");
}

}  // namespace
}  // namespace weir::telemetry
