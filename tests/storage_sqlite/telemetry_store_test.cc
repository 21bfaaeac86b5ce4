// Samples come back as they were stored, for as long and as many as the bounds say.
#include "storage/telemetry_store.h"

#include <atomic>
#include <bit>
#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fault_vfs.h"
#include "stores.h"

namespace weir::storage {
namespace {

using testing::HasSubstr;

constexpr Duration kInterval = std::chrono::seconds(10);

SampleQuery all_of(const std::string& metric) {
  return {.metric = metric, .since = {}, .until = {INT64_MAX}, .points_max = 10'000'000};
}

class TelemetryStoreTest : public testing::Test {
 protected:
  void reopen() {
    store_.reset();
    store_ = open_samples(path_, clock_, options_);
    ASSERT_TRUE(store_);
  }
  void SetUp() override { reopen(); }

  StoreOutcome put(const std::vector<StoredSample>& samples) {
    clock_.advance(kInterval);
    const auto outcome = store_->store(clock_.wall(), samples);
    EXPECT_TRUE(outcome) << outcome.error().context;
    return outcome ? *outcome : StoreOutcome{};
  }
  std::vector<SampleSeries> query(const SampleQuery& query) {
    auto found = store_->query(query);
    EXPECT_TRUE(found) << found.error().context;
    return found ? std::move(*found) : std::vector<SampleSeries>{};
  }

  FaultVfs vfs_;  // for its speed: nothing is really synced
  test::TempDir dir_;
  test::FakeClock clock_;
  TelemetryStoreOptions options_;
  std::string path_ = dir_.file("samples.db");
  std::unique_ptr<TelemetryStore> store_;
};

TEST_F(TelemetryStoreTest, GivesTheSeriesOfOneMetricByLabels) {
  put({{"packets", "session=\"b\"", 1}, {"packets", "session=\"a\"", 2}, {"bytes", "", 0.5}});
  const Timestamp first = clock_.wall();
  put({{"packets", "session=\"a\"", 3}, {"packets_more", "", 9}});
  const auto found = query(all_of("packets"));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].labels, "session=\"a\"");
  using Points = std::vector<std::pair<Timestamp, double>>;
  EXPECT_EQ(found[0].points, (Points{{first, 2}, {first + kInterval, 3}}));
  EXPECT_EQ(found[1].labels, "session=\"b\"");
  EXPECT_EQ(found[1].points, (Points{{first, 1}}));
  EXPECT_TRUE(query(all_of("packet")).empty());
  EXPECT_TRUE(query(all_of("")).empty());
}

TEST_F(TelemetryStoreTest, OfASeriesThatOccursTwiceTheLastCounts) {
  put({{"m", "", 1}, {"m", "", 2}});
  reopen();
  const auto found = query(all_of("m"));
  ASSERT_EQ(found.size(), 1U);
  ASSERT_EQ(found[0].points.size(), 1U);
  EXPECT_EQ(found[0].points[0].second, 2);
}

TEST_F(TelemetryStoreTest, BothEndsOfTheTimeBelongToIt) {
  std::vector<Timestamp> times;
  for (int i = 0; i < 500; ++i) {
    put({{"m", "", static_cast<double>(i)}});
    times.push_back(clock_.wall());
  }
  for (const auto& [from, to] : {std::pair{0U, 499U}, {100U, 100U}, {170U, 190U}, {359U, 420U}}) {
    const auto found = query({.metric = "m", .since = times[from], .until = times[to]});
    ASSERT_EQ(found.size(), 1U);
    ASSERT_EQ(found[0].points.size(), to - from + 1);
    EXPECT_EQ(found[0].points.front().second, from);
    EXPECT_EQ(found[0].points.back().second, to);
  }
  EXPECT_TRUE(
      query({.metric = "m", .since = times[499] + Duration(1), .until = {INT64_MAX}}).empty());
}

TEST_F(TelemetryStoreTest, AStepGivesItsLastValue) {
  const Timestamp since = clock_.wall();
  for (int i = 1; i <= 400; ++i) put({{"m", "", static_cast<double>(i)}});
  auto asked = all_of("m");
  asked.since = since;
  asked.step = std::chrono::minutes(1);
  const auto found = query(asked);
  ASSERT_EQ(found.size(), 1U);
  // The first minute has the samples of 10 to 50 seconds, the others six each.
  ASSERT_EQ(found[0].points.size(), 67U);
  for (std::size_t i = 0; i < 67; ++i) {
    const double last = std::min(400.0, static_cast<double>(i) * 6 + 5);
    EXPECT_EQ(found[0].points[i].second, last);
    EXPECT_EQ(found[0].points[i].first, since + static_cast<std::int64_t>(last) * kInterval);
  }
}

TEST_F(TelemetryStoreTest, AnAnswerThatWouldBeTooLongNamesAStepThatIsNot) {
  const Timestamp since = clock_.wall();
  for (int i = 0; i < 700; ++i) put({{"m", "a=\"1\"", 1}, {"m", "a=\"2\"", 2}, {"n", "", 0}});
  SampleQuery asked{.metric = "m", .since = since, .until = clock_.wall(), .points_max = 100};
  const auto refused = store_->query(asked);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Usage);
  const std::string& text = refused.error().context;
  EXPECT_THAT(text, HasSubstr("more than 100 points"));
  const std::string_view words = "with a step of ";
  asked.step = std::chrono::seconds(std::stoi(text.substr(text.find(words) + words.size())));
  const auto found = query(asked);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_LE(found[0].points.size() + found[1].points.size(), 100U);
  EXPECT_GE(found[0].points.size(), 45U);
  asked.points_max = 1;
  EXPECT_THAT(store_->query(asked).error().context, HasSubstr("ask for fewer series"));
}

TEST_F(TelemetryStoreTest, AClockThatIsSetBackGivesPointsByTime) {
  for (int i = 0; i < 200; ++i) put({{"m", "", static_cast<double>(i)}});
  clock_.jump_wall(-std::chrono::minutes(20));
  for (int i = 200; i < 400; ++i) put({{"m", "", static_cast<double>(i)}});
  auto asked = all_of("m");
  auto found = query(asked);
  ASSERT_EQ(found[0].points.size(), 400U);
  const auto earlier = [](const auto& a, const auto& b) { return a.first < b.first; };
  EXPECT_TRUE(std::is_sorted(found[0].points.begin(), found[0].points.end(), earlier));
  asked.step = std::chrono::minutes(5);
  found = query(asked);
  for (std::size_t i = 1; i < found[0].points.size(); ++i) {
    EXPECT_GE(found[0].points[i].first - found[0].points[i - 1].first, std::chrono::seconds(1));
  }
}

TEST_F(TelemetryStoreTest, SeriesBeyondTheBoundAndLongNamesAreRefused) {
  options_.series_max = 2;
  reopen();
  const std::string long_name(5000, 'x');
  const auto outcome =
      put({{"a", "", 1}, {long_name, "", 1}, {"b", "", 1}, {"c", "", 1}, {"a", "x", 2}});
  EXPECT_EQ(outcome.stored, 2U);
  EXPECT_EQ(outcome.refused, 3U);
  EXPECT_EQ(query(all_of("b")).size(), 1U);
  EXPECT_TRUE(query(all_of("c")).empty());
}

TEST_F(TelemetryStoreTest, SamplesOfTheRegistryConvert) {
  struct RegistrySample {
    std::string_view metric;
    std::string labels;
    double value;
  };
  const std::vector<RegistrySample> samples = {{"m", "a=\"b\"", 4}};
  ASSERT_TRUE(store_->store(clock_.wall(), samples));
  EXPECT_EQ(query(all_of("m")).at(0).labels, "a=\"b\"");
}

TEST_F(TelemetryStoreTest, OldWindowsGoAndWithThemSeriesThatAreNoMore) {
  options_.keep = std::chrono::hours(2);
  reopen();
  for (int i = 0; i < 400; ++i) put({{"ever", "", 1}, {"early", "", 1}});
  EXPECT_EQ(store_->status().series, 2U);
  for (int i = 0; i < 1200; ++i) put({{"ever", "", 1}});
  EXPECT_EQ(store_->status().series, 1U);
  EXPECT_TRUE(query(all_of("early")).empty());
  const auto found = query(all_of("ever"));
  const Duration age = clock_.wall() - found[0].points.front().first;
  EXPECT_GE(age, options_.keep);
  EXPECT_LE(age, options_.keep + std::chrono::minutes(31));
  reopen();
  EXPECT_EQ(store_->status().series, 1U);
  EXPECT_EQ(query(all_of("ever"))[0].points, found[0].points);
}

TEST_F(TelemetryStoreTest, TheFileStaysWithinItsBytesAndKeepsTheLatest) {
  options_.bytes_max = 2 * 1024 * 1024;
  reopen();
  Prng random(5);
  std::vector<std::string> labels;
  for (int s = 0; s < 300; ++s) labels.push_back("series=\"" + std::to_string(s) + "\"");
  for (int i = 0; i < 4000; ++i) {
    std::vector<StoredSample> samples;
    for (const auto& label : labels) {
      samples.push_back({"m", label, static_cast<double>(random.below(1'000'000'000))});
    }
    put(samples);
    ASSERT_LE(std::filesystem::file_size(path_), options_.bytes_max);
    ASSERT_LE(std::filesystem::file_size(path_ + "-wal"), 9 * 1024 * 1024U);
  }
  const auto status = store_->status();
  EXPECT_GT(status.windows_dropped, 2U);
  EXPECT_GT(status.file_bytes, options_.bytes_max / 2);
  const auto found = query(all_of("m"));
  ASSERT_EQ(found.size(), 300U);
  EXPECT_EQ(found[0].points.back().first, clock_.wall());
  EXPECT_GT(found[0].points.size(), 360U);
  const std::size_t points = found[0].points.size();
  reopen();
  EXPECT_EQ(query(all_of("m"))[0].points.size(), points);
  // With a smaller bound it shrinks.
  options_.bytes_max = kTelemetryBytesMin;
  reopen();
  for (int i = 0; i < 50; ++i) put({{"m", labels[0], 1}});
  ASSERT_TRUE(store_->flush());
  EXPECT_LE(std::filesystem::file_size(path_), options_.bytes_max);
}

TEST_F(TelemetryStoreTest, MoreSeriesThanTheBytesHoldAreAnError) {
  options_.bytes_max = kTelemetryBytesMin;
  reopen();
  std::vector<std::string> labels;
  for (int s = 0; s < 30'000; ++s) labels.push_back("series=\"" + std::to_string(s) + "\"");
  std::vector<StoredSample> samples;
  for (const auto& label : labels) samples.push_back({"m", label, 1});
  const auto refused = store_->store(clock_.wall(), samples);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::NoSpace);
  EXPECT_THAT(refused.error().context, HasSubstr("do not fit into 1048576 bytes"));
  EXPECT_EQ(store_->status().series, 0U);
  samples.resize(100);
  ASSERT_TRUE(store_->store(clock_.wall(), samples));
  EXPECT_EQ(query(all_of("m")).size(), 100U);
}

using Model =
    std::map<std::pair<std::string, std::string>, std::vector<std::pair<Timestamp, double>>>;

void expect_same_bits(const std::vector<std::pair<Timestamp, double>>& a,
                      const std::vector<std::pair<Timestamp, double>>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].first, b[i].first);
    ASSERT_EQ(std::bit_cast<std::uint64_t>(a[i].second), std::bit_cast<std::uint64_t>(b[i].second));
  }
}

TEST_F(TelemetryStoreTest, RandomSamplesAgreeWithAModel) {
  Prng random(20'261'121);
  Model model;
  std::vector<std::pair<std::string, std::string>> names;
  for (int m = 0; m < 4; ++m) {
    for (int l = 0; l < 25; ++l) {
      names.emplace_back("m" + std::to_string(m), "l=\"" + std::to_string(l) + "\"");
    }
  }
  for (int i = 0; i < 900; ++i) {
    clock_.advance(kInterval + Duration(random.below(1'000'000)));
    std::vector<StoredSample> samples;
    const std::size_t offset = random.below(names.size());
    for (std::size_t k = 0; k < names.size(); ++k) {
      if (random.chance(1, 5)) continue;
      const auto& name = names[(k + offset) % names.size()];
      auto& points = model[name];
      double value = points.empty() ? 0.0 : points.back().second;
      if (name.first == "m0") value += static_cast<double>(random.below(1000));
      if (name.first == "m1") value = std::bit_cast<double>(random.next());
      if (name.first == "m2") value = static_cast<double>(random.below(100)) / 1e3;
      points.emplace_back(clock_.wall(), value);
      samples.push_back({name.first, name.second, value});
    }
    ASSERT_TRUE(store_->store(clock_.wall(), samples));
    if (random.chance(1, 60)) {
      ASSERT_NO_FATAL_FAILURE(reopen());
    }
    if (random.chance(1, 40)) {
      const std::string metric = "m" + std::to_string(random.below(4));
      auto asked = all_of(metric);
      asked.since = clock_.wall() + -kInterval * static_cast<std::int64_t>(random.below(900));
      asked.until = asked.since + kInterval * static_cast<std::int64_t>(random.below(900));
      const auto found = query(asked);
      std::size_t series = 0;
      for (const auto& [name, points] : model) {
        if (name.first != metric) continue;
        std::vector<std::pair<Timestamp, double>> expected;
        for (const auto& point : points) {
          if (point.first >= asked.since && point.first <= asked.until) expected.push_back(point);
        }
        if (expected.empty()) continue;
        const auto same = std::find_if(
            found.begin(), found.end(),
            [&, &labels = name.second](const SampleSeries& s) { return s.labels == labels; });
        ASSERT_NE(same, found.end());
        ASSERT_NO_FATAL_FAILURE(expect_same_bits(same->points, expected));
        ++series;
      }
      ASSERT_EQ(found.size(), series);
    }
  }
}

TEST_F(TelemetryStoreTest, QueriesWorkWhileSamplesAreStored) {
  std::atomic<bool> done{false};
  std::atomic<int> failures{0};
  std::atomic<int> answers{0};
  std::thread reader([&] {
    std::size_t before = 0;
    while (!done) {
      const auto found = store_->query(all_of("m"));
      if (!found) {
        ++failures;
        continue;
      }
      if (found->empty()) continue;
      const auto& points = (*found)[0].points;
      for (std::size_t i = 0; i < points.size(); ++i) {
        if (points[i].second != static_cast<double>(i)) ++failures;
      }
      if (points.size() < before) ++failures;
      before = points.size();
      ++answers;
    }
  });
  for (int i = 0; i < 1000 || answers < 3; ++i) {
    put({{"m", "", static_cast<double>(i)}, {"n", "", 1}});
    if (i > 1'000'000) break;
  }
  done = true;
  reader.join();
  EXPECT_EQ(failures, 0);
  EXPECT_GE(answers, 3);
}

// The n-th write fails, for every n there is on the way over the end of a window.
TEST_F(TelemetryStoreTest, AFullDiskIsAnErrorAndThenItGoesOn) {
  std::uint64_t failures = 0;
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("write " + std::to_string(n));
    path_ = dir_.file("full-" + std::to_string(n) + ".db");
    ASSERT_NO_FATAL_FAILURE(reopen());
    int stored = 0;
    for (; stored < 179; ++stored) put({{"m", "", static_cast<double>(stored)}});
    vfs_.fail_at(Fault::DiskFull, n, false);
    for (int i = 0; i < 3; ++i) {
      clock_.advance(kInterval);
      const std::vector<StoredSample> samples = {{"m", "", static_cast<double>(stored)},
                                                 {"fresh", "", static_cast<double>(i)}};
      const auto outcome = store_->store(clock_.wall(), samples);
      if (outcome) {
        ++stored;
      } else {
        ++failures;
        ASSERT_EQ(outcome.error().code, ErrorCode::NoSpace) << outcome.error().context;
      }
    }
    const bool struck = vfs_.has_struck();
    vfs_.heal();
    for (int round = 0; round < 2; ++round) {
      put({{"m", "", static_cast<double>(stored++)}, {"fresh", "", 1}});
      const auto found = query(all_of("m"));
      ASSERT_EQ(found[0].points.size(), static_cast<std::size_t>(stored));
      for (std::size_t i = 0; i < found[0].points.size(); ++i) {
        ASSERT_EQ(found[0].points[i].second, static_cast<double>(i));
      }
      ASSERT_EQ(query(all_of("fresh")).size(), 1U);
      ASSERT_NO_FATAL_FAILURE(reopen());
    }
    if (!struck) break;
  }
  EXPECT_GT(failures, 10U);
}

// Power goes at any time: what is lost is at most what two minutes brought.
TEST(TelemetryStorePower, AtMostTwoMinutesAreLost) {
  for (int steps = 0; steps < 400; steps += 23) {
    SCOPED_TRACE("after step " + std::to_string(steps));
    FaultVfs vfs;
    vfs.remember_syncs();
    const test::TempDir dir;
    test::FakeClock clock;
    auto store = open_samples(dir.file("samples.db"), clock);
    for (int i = 0; i < steps; ++i) {
      clock.advance(kInterval);
      const std::vector<StoredSample> samples = {{"m", "", static_cast<double>(i)}};
      ASSERT_TRUE(store->store(clock.wall(), samples));
    }
    const bool flushed = steps % 2 == 0;
    ASSERT_TRUE(!flushed || store->flush());
    vfs.stop_writing();
    store.reset();
    vfs.lose_power();
    store = open_samples(dir.file("samples.db"), clock);
    ASSERT_TRUE(store);
    const auto found = store->query(all_of("m")).value();
    const int left = found.empty() ? 0 : static_cast<int>(found[0].points.size());
    EXPECT_GE(left, flushed ? steps : steps - 12);
    for (int i = 0; i < left; ++i) {
      ASSERT_EQ(found[0].points[static_cast<std::size_t>(i)].second, static_cast<double>(i));
    }
  }
}

TEST(SplitLabels, TakesTheTextApart) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(split_labels(""), Pairs{});
  EXPECT_EQ(split_labels("a=\"1\",b=\"x,y=\\\"z\\\"\\\\\\n\""),
            (Pairs{{"a", "1"}, {"b", "x,y=\"z\"\\\n"}}));
  EXPECT_EQ(split_labels("a=\"1\",b=\"no end"), (Pairs{{"a", "1"}}));
  EXPECT_EQ(split_labels("nothing"), Pairs{});
  EXPECT_EQ(split_labels("a=\"\\"), Pairs{});
}

}  // namespace
}  // namespace weir::storage
