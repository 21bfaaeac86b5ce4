#include "telemetry/registry.h"

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace weir::telemetry {
namespace {

// The series of a metric, as "label,label=value".
std::vector<std::string> series_of(const Collection& all, Metric metric) {
  std::vector<std::string> found;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Series series = all[i];
    if (series.info->metric != metric) continue;
    std::string text;
    for (std::size_t label = 0; label < series.info->label_count(); ++label)
      text.append(label > 0 ? "," : "").append(series.labels[label]);
    const std::uint64_t value =
        series.histogram != nullptr ? series.histogram->count() : series.value.whole();
    found.push_back(text + "=" + std::to_string(value));
  }
  return found;
}

using Rows = std::vector<std::string>;

// Says rejected packets of sessions.
class Sessions final : public Collector {
 public:
  explicit Sessions(std::vector<std::string> names) : names_(std::move(names)) {}
  void collect(Collection& into) const override {
    for (const std::string& name : names_) into.add(Metric::SessionRejected, {name, "filter"}, 5u);
  }

 private:
  std::vector<std::string> names_;
};

TEST(RegistryTest, ReadsCountersWhenItCollects) {
  Registry registry;
  Counter requests;
  const auto registration = registry.add(Metric::ApiRequests, {"/metrics", "200"}, requests);
  ASSERT_TRUE(registration.ok());
  requests.add(3);
  EXPECT_EQ(series_of(registry.collect(), Metric::ApiRequests), Rows{"/metrics,200=3"});
  requests.add(1);
  EXPECT_EQ(series_of(registry.collect(), Metric::ApiRequests), Rows{"/metrics,200=4"});
}

TEST(RegistryTest, ReadsHistograms) {
  Registry registry;
  Histogram batches(bounds_of(Metric::WorkerBatchPackets));
  const auto registration = registry.add(Metric::WorkerBatchPackets, {"eth0", "0"}, batches);
  batches.observe(256);
  EXPECT_EQ(series_of(registry.collect(), Metric::WorkerBatchPackets), Rows{"eth0,0=1"});
}

TEST(RegistryTest, ForgetsWhatIsNoLongerRegistered) {
  Registry registry;
  Counter counter;
  const Sessions sessions({"all"});
  {
    auto one = registry.add(Metric::ApiListeners, {}, counter);
    const Registration other = registry.add(sessions);
    const Registration moved = std::move(one).value();
    EXPECT_EQ(registry.collect().size(), 3u) << "with the registry's own";
  }
  EXPECT_EQ(registry.collect().size(), 1u);
  EXPECT_TRUE(registry.add(Metric::ApiListeners, {}, counter).ok()) << "it may come again";
}

TEST(RegistryTest, SortsByTableAndLabels) {
  Registry registry;
  Counter counter;
  const auto late = registry.add(Metric::EventsPublished, {}, counter);
  const Sessions sessions({"web", "all", "dns"});
  const Registration rows = registry.add(sessions);
  const auto early = registry.add(Metric::ConfigGeneration, {}, counter);
  const Collection all = registry.collect();
  EXPECT_EQ(all[0].info->metric, Metric::ConfigGeneration);
  EXPECT_EQ(series_of(all, Metric::SessionRejected),
            (Rows{"all,filter=5", "dns,filter=5", "web,filter=5"}));
  EXPECT_EQ(all[4].info->metric, Metric::EventsPublished);
}

TEST(RegistryTest, RefusesASecondSeriesWithTheSameLabels) {
  Registry registry;
  Counter counter;
  const auto first = registry.add(Metric::ApiRequests, {"/a", "200"}, counter);
  const auto second = registry.add(Metric::ApiRequests, {"/a", "200"}, counter);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::Exists);
  EXPECT_NE(second.error().context.find("weir_api_requests_total{route=/a, code=200}"),
            std::string::npos)
      << second.error().context;
  EXPECT_TRUE(registry.add(Metric::ApiRequests, {"/a", "404"}, counter).ok());
  EXPECT_TRUE(registry.add(Metric::ApiRequests, {"/a 3 200", ""}, counter).ok());
}

TEST(RegistryTest, LeavesOutAndCountsWhatCollectorsSayTwice) {
  Registry registry;
  Counter own;
  own.add(1);
  const auto first = registry.add(Metric::SessionRejected, {"all", "filter"}, own);
  const Sessions sessions({"all", "web", "web"});
  const Registration rows = registry.add(sessions);
  Collection all = registry.collect();
  EXPECT_EQ(series_of(all, Metric::SessionRejected), (Rows{"all,filter=1", "web,filter=5"}));
  EXPECT_EQ(series_of(all, Metric::DuplicateSeries), Rows{"=2"});
  all = registry.collect();
  EXPECT_EQ(series_of(all, Metric::DuplicateSeries), Rows{"=4"});
}

TEST(RegistryTest, KeepsLabelsApartThatReadTheSameInARow) {
  Collection all;
  all.add(Metric::SessionRejected, {"ab", "c"}, 1u);
  all.add(Metric::SessionRejected, {"a", "bc"}, 2u);
  EXPECT_EQ(all.finish(), 0u);
  EXPECT_EQ(series_of(all, Metric::SessionRejected), (Rows{"a,bc=2", "ab,c=1"}));
}

TEST(RegistryTest, CutsAndCleansLabels) {
  Collection all;
  all.add(Metric::SessionReceivedPackets, {"a\xff"}, 1u);
  all.add(Metric::SessionReceivedPackets, {std::string(std::size_t{1} << 20, 'x')}, 2u);
  EXPECT_EQ(all[0].labels[0], "a\xef\xbf\xbd");
  EXPECT_EQ(all[1].labels[0], std::string(Collection::kLabelBytesMax, 'x') + "...");
}

TEST(RegistryTest, AssertsThatLabelsAndValuesFitTheTable) {
  Registry registry;
  Counter counter;
  EXPECT_DEATH((void)registry.add(Metric::ApiRequests, {"/a"}, counter), "internal error");
  EXPECT_DEATH((void)registry.add(Metric::WorkerBatchPackets, {"eth0", "0"}, counter),
               "internal error");
  Histogram requests(bounds_of(Metric::ApiRequestSeconds));
  EXPECT_DEATH((void)registry.add(Metric::WorkerBatchPackets, {"eth0", "0"}, requests),
               "internal error");
  Collection all;
  EXPECT_DEATH(all.add(Metric::EventsPublished, {}, 0.5), "internal error");
  EXPECT_DEATH(all.add(Metric::EventsPublished, {"all"}, 1u), "internal error");
}

TEST(RegistryTest, AssertsThatItOutlivesWhatIsRegistered) {
  EXPECT_DEATH(
      {
        std::optional<Registry> registry(std::in_place);
        Counter counter;
        const auto registration = registry->add(Metric::ApiListeners, {}, counter);
        registry.reset();
      },
      "internal error");
}

TEST(RegistryTest, CollectsWhileSeriesComeAndGo) {
  Registry registry;
  std::atomic<bool> done{false};
  std::thread user([&] {
    for (int i = 0; i < 300; ++i) {
      const Sessions sessions({"all", "web"});
      Counter counter;
      const Registration rows = registry.add(sessions);
      const auto alone = registry.add(Metric::ApiListeners, {}, counter);
      counter.add(1);
    }
    done.store(true);
  });
  std::size_t most = 0;
  while (!done.load()) most = std::max(most, registry.collect().size());
  user.join();
  EXPECT_LE(most, 4u);
  EXPECT_EQ(series_of(registry.collect(), Metric::DuplicateSeries), Rows{"=0"});
}

}  // namespace
}  // namespace weir::telemetry
