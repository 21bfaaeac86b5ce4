#include "telemetry/histogram.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "telemetry/metric_names.h"

namespace weir::telemetry {
namespace {

constexpr HistogramBounds kBounds({0, 1, 10, 100});

TEST(HistogramTest, ABoundBelongsToTheBucketThatItEnds) {
  Histogram histogram(kBounds);
  for (const std::uint64_t value : {0u, 1u, 2u, 10u, 11u, 100u, 101u}) histogram.observe(value);
  const HistogramSnapshot now = histogram.snapshot();
  EXPECT_EQ(now.buckets[0], 1u);
  EXPECT_EQ(now.buckets[1], 1u);
  EXPECT_EQ(now.buckets[2], 2u);
  EXPECT_EQ(now.buckets[3], 2u);
  EXPECT_EQ(now.buckets[4], 1u) << "beyond the last bound";
  EXPECT_EQ(now.count(), 7u);
  EXPECT_EQ(now.sum, 225u);
}

// The bucket as the definition has it.
std::size_t slow_find(const HistogramBounds& bounds, std::uint64_t value) {
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    if (value <= bounds.upper(i)) return i;
  }
  return bounds.size();
}

void expect_same(const HistogramBounds& bounds, Prng& random) {
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    for (const std::uint64_t near : {bounds.upper(i) - 1, bounds.upper(i), bounds.upper(i) + 1})
      ASSERT_EQ(bounds.find(near), slow_find(bounds, near)) << near;
  }
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = random.next() >> random.below(64);
    ASSERT_EQ(bounds.find(value), slow_find(bounds, value)) << value;
  }
}

TEST(HistogramTest, FindsTheBucketThatALinearSearchFinds) {
  const std::uint64_t seed = 20261125;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Prng random(seed);
  expect_same(kBounds, random);
  expect_same(HistogramBounds({std::numeric_limits<std::uint64_t>::max() - 1}), random);
  expect_same(HistogramBounds({63, 64, 65, 66, 67, 127, 128, 1u << 31}), random);
  for (const MetricInfo& info : metric_table()) {
    if (info.bounds != nullptr) expect_same(*info.bounds, random);
  }
}

TEST(HistogramTest, AddsUpHistogramsOfTheSameBounds) {
  Histogram a(kBounds);
  Histogram b(kBounds);
  a.observe(5);
  b.observe(5);
  b.observe(1000);
  HistogramSnapshot both = a.snapshot();
  both += b.snapshot();
  EXPECT_EQ(both.count(), 3u);
  EXPECT_EQ(both.buckets[2], 2u);
  EXPECT_EQ(both.sum, 1010u);
}

TEST(HistogramTest, NeverGoesBackForAReaderOnAnotherThread) {
  Histogram histogram(kBounds);
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (std::uint64_t i = 0; i < 200'000; ++i) histogram.observe(i % 128);
    done.store(true);
  });
  HistogramSnapshot last = histogram.snapshot();
  for (bool end = false; !end;) {
    end = done.load();
    const HistogramSnapshot now = histogram.snapshot();
    EXPECT_GE(now.sum, last.sum);
    EXPECT_TRUE(std::ranges::equal(now.buckets, last.buckets, std::greater_equal<>{}));
    last = now;
  }
  writer.join();
  EXPECT_EQ(last.count(), 200'000u);
}

}  // namespace
}  // namespace weir::telemetry
