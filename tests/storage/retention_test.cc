// What is deleted of a store, and what is not.
#include "storage/segment/retention.h"

#include <gtest/gtest.h>

#include "base/prng.h"

namespace weir::storage::segment {
namespace {

constexpr Timestamp kNow = {1'700'000'000'000'000'000};
constexpr std::uint64_t kPlenty = std::uint64_t{1} << 60;

Timestamp hours_ago(int hours) { return kNow + -std::chrono::hours(hours); }

// The oldest first, one an hour, the last of them now.
std::vector<RetainedSegment> hourly(std::size_t count, std::uint64_t bytes) {
  std::vector<RetainedSegment> segments;
  for (std::size_t i = 0; i < count; ++i) {
    segments.push_back({.disk_bytes = bytes, .sealed = hours_ago(static_cast<int>(count - 1 - i))});
  }
  return segments;
}

std::vector<std::size_t> expired(const RetentionPlan& plan) {
  std::vector<std::size_t> indexes;
  for (const Expiry& one : plan.expired) indexes.push_back(one.segment);
  return indexes;
}

using Indexes = std::vector<std::size_t>;

TEST(Retention, WithoutBoundsNothingIsDeleted) {
  const auto plan = plan_retention(hourly(5, 100), {}, kNow, 0);
  EXPECT_EQ(expired(plan), Indexes{});
  EXPECT_EQ(plan.missing_bytes, 0u);
}

TEST(Retention, WhatIsOlderGoesAndWhatIsJustAsOldStays) {
  const auto plan =
      plan_retention(hourly(5, 100), {.age_max = std::chrono::hours(2)}, kNow, kPlenty);
  EXPECT_EQ(expired(plan), (Indexes{0, 1}));
  EXPECT_EQ(plan.expired[0].reason, ExpiryReason::Age);
}

TEST(Retention, AsFewOfTheOldestGoAsTheSizeAsksFor) {
  EXPECT_EQ(expired(plan_retention(hourly(5, 100), {.bytes_max = 500}, kNow, kPlenty)), Indexes{});
  const auto plan = plan_retention(hourly(5, 100), {.bytes_max = 499}, kNow, kPlenty);
  EXPECT_EQ(expired(plan), Indexes{0});
  EXPECT_EQ(plan.expired[0].reason, ExpiryReason::Size);
  EXPECT_EQ(expired(plan_retention(hourly(5, 100), {.bytes_max = 200}, kNow, kPlenty)),
            (Indexes{0, 1, 2}));
}

TEST(Retention, AsFewOfTheOldestGoAsTheFreeSpaceAsksFor) {
  const auto plan = plan_retention(hourly(5, 100), {.free_bytes_min = 250}, kNow, 60);
  EXPECT_EQ(expired(plan), (Indexes{0, 1}));
  EXPECT_EQ(plan.expired[0].reason, ExpiryReason::FreeSpace);
  EXPECT_EQ(plan.missing_bytes, 0u);
}

TEST(Retention, WhatIsPinnedOrOpenStaysAndIsPassedOver) {
  auto segments = hourly(5, 100);
  segments[0].deletable = false;
  const auto plan = plan_retention(segments, {.bytes_max = 300}, kNow, kPlenty);
  EXPECT_EQ(expired(plan), (Indexes{1, 2}));
}

TEST(Retention, SaysWhatTheBoundsStillAskForWhenNothingIsLeft) {
  auto segments = hourly(3, 100);
  for (RetainedSegment& one : segments) one.deletable = false;
  const auto plan = plan_retention(segments, {.bytes_max = 250, .free_bytes_min = 1000}, kNow, 900);
  EXPECT_EQ(expired(plan), Indexes{});
  EXPECT_EQ(plan.missing_bytes, 100u);
}

TEST(Retention, AClockThatWasSetBackMakesNothingOld) {
  const auto plan =
      plan_retention(hourly(5, 100), {.age_max = std::chrono::hours(1)}, hours_ago(1000), kPlenty);
  EXPECT_EQ(expired(plan), Indexes{});
}

// Whatever the bounds: one segment fewer would break one of them, and no younger one goes for size
// or space while an older one that may go stays.
TEST(Retention, NeverDeletesMoreThanItIsAsked) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    std::vector<RetainedSegment> segments;
    std::uint64_t bytes = 0;
    for (std::uint64_t i = random.below(30); i > 0; --i) {
      segments.push_back({.disk_bytes = random.below(1000),
                          .sealed = hours_ago(static_cast<int>(i * random.below(3))),
                          .deletable = random.chance(3, 4)});
      bytes += segments.back().disk_bytes;
    }
    const RetentionBounds bounds{.bytes_max = random.below(2) * random.below(bytes + 2),
                                 .age_max = std::chrono::hours(random.below(2) * 20),
                                 .free_bytes_min = random.below(2) * random.below(3000)};
    const std::uint64_t free_bytes = random.below(2000);
    const auto plan = plan_retention(segments, bounds, kNow, free_bytes);
    std::uint64_t left = bytes;
    std::uint64_t free_then = free_bytes;
    for (const Expiry& one : plan.expired) {
      const RetainedSegment& segment = segments[one.segment];
      EXPECT_TRUE(segment.deletable);
      const bool old = kNow - segment.sealed > bounds.age_max && bounds.age_max.count() != 0;
      const bool large = bounds.bytes_max != 0 && left > bounds.bytes_max;
      EXPECT_TRUE(old || large || free_then < bounds.free_bytes_min);
      left -= segment.disk_bytes;
      free_then += segment.disk_bytes;
    }
    const bool met =
        (bounds.bytes_max == 0 || left <= bounds.bytes_max) && free_then >= bounds.free_bytes_min;
    EXPECT_EQ(met, plan.missing_bytes == 0);
  }
}

}  // namespace
}  // namespace weir::storage::segment
