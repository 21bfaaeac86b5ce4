#include "state/backoff.h"

#include <chrono>
#include <set>

#include <gtest/gtest.h>

namespace weir::state {
namespace {

using namespace std::chrono_literals;

TEST(BackOff, DoublesFromATenthOfASecondAndStaysBelowItsLimit) {
  constexpr BackOffOptions kOptions;
  static_assert(BackOff::least(kOptions, 1) == 100ms);
  static_assert(BackOff::least(kOptions, 2) == 200ms);
  static_assert(BackOff::least(kOptions, 5) == 1600ms);
  static_assert(BackOff::least(kOptions, 1'000'000) == 24s);
}

TEST(BackOff, NeverWaitsLessThanStatedNorMoreThanItsLimit) {
  const BackOffOptions options{.initial = 100ms, .factor = 3, .max = 7s};
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    BackOff back_off(options, seed);
    for (std::uint32_t failure = 1; failure <= 20; ++failure) {
      const Duration wait = back_off.failed({});
      const Duration least = BackOff::least(options, failure);
      ASSERT_GE(wait, least) << "seed " << seed;
      ASSERT_LT(wait, least + least / 4) << "seed " << seed;
      ASSERT_LE(wait, options.max) << "seed " << seed;
    }
  }
}

TEST(BackOff, WaitsByChanceAndTheSameForTheSameSeed) {
  std::set<Duration> waits;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    BackOff one({}, seed);
    BackOff other({}, seed);
    const Duration wait = one.failed({});
    EXPECT_EQ(wait, other.failed({}));
    waits.insert(wait);
  }
  EXPECT_GT(waits.size(), 45u);
}

TEST(BackOff, BeginsAnewAfterAHealthyTime) {
  const BackOffOptions options{.healthy = 60s};
  BackOff back_off(options, 1);
  MonotonicTime now{5};
  back_off.failed(now);
  back_off.failed(now);
  back_off.up(now);
  back_off.failed(now + (60s - 1ns));
  EXPECT_EQ(back_off.failures(), 3u) << "not healthy for long enough";
  back_off.up(now + 2min);
  EXPECT_LT(back_off.failed(now + 3min), 125ms);
  EXPECT_EQ(back_off.failures(), 1u);
  EXPECT_GE(back_off.failed(now + 10min), 200ms) << "it was not up meanwhile";
}

TEST(BackOff, MayHaveNoTimeToWaitAtAll) {
  BackOff back_off({.initial = 0ns}, 1);
  EXPECT_EQ(back_off.failed({}), 0ns);
}

}  // namespace
}  // namespace weir::state
