#include "telemetry/sampler.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace weir::telemetry {
namespace {

class Store final : public SampleSink {
 public:
  Result<void> store(Timestamp when, std::span<const Sample> samples) override {
    if (full) return Error{.code = ErrorCode::NoSpace, .context = "write samples: disk full"};
    at = when;
    last.assign(samples.begin(), samples.end());
    return ok();
  }
  bool full = false;
  Timestamp at{};
  std::vector<Sample> last;
};

class SamplerTest : public testing::Test {
 protected:
  std::vector<std::string> kinds() {
    std::vector<std::string> names;
    for (const Event& event : events_.read_after(0, 100).events)
      names.emplace_back(name_of(event.kind));
    return names;
  }

  test::FakeClock clock_;
  Registry registry_;
  EventHub events_{clock_};
  Store store_;
};

TEST_F(SamplerTest, StoresAllMetrics) {
  Counter requests;
  requests.add(7);
  const auto one = registry_.add(Metric::ApiRequests, {"/status", "200"}, requests);
  Histogram times(bounds_of(Metric::ApiRequestSeconds));
  times.observe(1'500'000'000);
  times.observe(500'000'000);
  const auto two = registry_.add(Metric::ApiRequestSeconds, {"/status"}, times);
  Sampler sampler(registry_, store_, events_);
  ASSERT_TRUE(sampler.sample({123}).ok());
  EXPECT_EQ(store_.at, Timestamp{123});
  const std::vector<Sample> expected = {
      {"weir_api_requests_total", {{"route", "/status"}, {"code", "200"}}, 7},
      {"weir_api_request_seconds_count", {{"route", "/status"}}, 2},
      {"weir_api_request_seconds_sum", {{"route", "/status"}}, 2},
      {"weir_duplicate_series_total", {}, 0}};
  EXPECT_EQ(store_.last, expected);
  EXPECT_TRUE(kinds().empty());
}

class Many final : public Collector {
 public:
  void collect(Collection& into) const override {
    for (int i = 0; i < 100; ++i) into.add(Metric::SessionReceivedPackets, {std::to_string(i)}, 1u);
  }
};

TEST_F(SamplerTest, LeavesOutAndCountsWhatIsTooMany) {
  const Many many;
  const Registration rows = registry_.add(many);
  Sampler sampler(registry_, store_, events_, {.samples_max = 40});
  ASSERT_TRUE(sampler.sample({}).ok());
  EXPECT_EQ(store_.last.size(), 40u);
  Collection own;
  sampler.collect(own);
  own.finish();
  EXPECT_EQ(own[1].info->metric, Metric::SampleSeriesLeftOut);
  EXPECT_EQ(own[1].value.whole(), 61u);
}

TEST_F(SamplerTest, NeverStoresHalfAHistogram) {
  Histogram times(bounds_of(Metric::ApiRequestSeconds));
  Collection all;
  all.add(Metric::ApiRequestSeconds, {"/status"}, times.snapshot());
  std::vector<Sample> samples;
  EXPECT_EQ(append_samples(all, 1, samples), 1u);
  EXPECT_TRUE(samples.empty());
}

TEST_F(SamplerTest, TellsOfAnOutageOnce) {
  Sampler sampler(registry_, store_, events_);
  store_.full = true;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(sampler.sample({}).ok());
  EXPECT_EQ(kinds(), std::vector<std::string>{"store_failed"});
  EXPECT_EQ(events_.read_after(0, 1).events.at(0).fields.at(1).value, "write samples: disk full");
  store_.full = false;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(sampler.sample({}).ok());
  store_.full = true;
  EXPECT_FALSE(sampler.sample({}).ok());
  EXPECT_EQ(kinds(), (std::vector<std::string>{"store_failed", "store_recovered", "store_failed"}));
  Collection own;
  sampler.collect(own);
  EXPECT_EQ(own[0].value.whole(), 4u);
}

}  // namespace
}  // namespace weir::telemetry
