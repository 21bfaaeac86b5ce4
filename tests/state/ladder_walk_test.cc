// How far down a ladder to be: down while pressure lasts, back when it is over, not to and fro.
#include "state/ladder_walk.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"

namespace weir::state {
namespace {

using namespace std::chrono_literals;

constexpr LadderPace kPace = {.step_interval = 250ms, .recover_after = 10s};
constexpr double kHigh = 0.8;

class Walking : public testing::Test {
 protected:
  bool see(PressureLevel level, double fill, std::uint32_t steps = 8) {
    return walk_.advance({.level = level, .fill = fill, .enough = kHigh, .steps = steps}, kPace,
                         now_);
  }
  LadderWalk walk_;
  MonotonicTime now_{1'000'000'000};
};

TEST_F(Walking, TheFirstStepComesAtOnceTheNextWhenItHasNotHelped) {
  EXPECT_TRUE(see(PressureLevel::High, 0.85));
  EXPECT_EQ(walk_.step(), 1u);
  now_ = now_ + 249ms;
  EXPECT_FALSE(see(PressureLevel::High, 0.9));
  now_ = now_ + 1ms;
  EXPECT_TRUE(see(PressureLevel::High, 0.9));
  EXPECT_EQ(walk_.step(), 2u);
}

TEST_F(Walking, AStepThatHelpsIsWaitedFor) {
  see(PressureLevel::High, 0.9);
  now_ = now_ + 250ms;
  EXPECT_FALSE(see(PressureLevel::High, 0.87)) << "it falls";
  now_ = now_ + 250ms;
  EXPECT_TRUE(see(PressureLevel::High, 0.86)) << "it falls no longer";
}

TEST_F(Walking, AtCriticalItTakesTwoAtATimeAndAtOnce) {
  see(PressureLevel::High, 0.85);
  now_ = now_ + 5ms;
  EXPECT_TRUE(see(PressureLevel::Critical, 1));
  EXPECT_EQ(walk_.step(), 3u);
  now_ = now_ + 245ms;
  EXPECT_FALSE(see(PressureLevel::Critical, 1));
  now_ = now_ + 5ms;
  EXPECT_TRUE(see(PressureLevel::Critical, 1));
  EXPECT_EQ(walk_.step(), 5u);
}

TEST_F(Walking, NoStepIsTakenForALevelThatOnlyLingers) {
  see(PressureLevel::Critical, 1);
  now_ = now_ + 250ms;
  EXPECT_FALSE(see(PressureLevel::Critical, 0.1));
  EXPECT_EQ(walk_.step(), 2u);
  // Nor for one that has not ended yet, and is held: a disk that is as busy as it can be.
  for (int i = 0; i < 100; ++i, now_ = now_ + 250ms) EXPECT_FALSE(see(PressureLevel::High, 0.79));
  EXPECT_EQ(walk_.step(), 2u);
}

TEST_F(Walking, ItNeverGoesBeyondTheLastStepAndFollowsALadderThatBecomesShorter) {
  for (int i = 0; i < 20; ++i, now_ = now_ + 250ms) see(PressureLevel::Critical, 1, 5);
  EXPECT_EQ(walk_.step(), 5u);
  EXPECT_TRUE(see(PressureLevel::Critical, 1, 3));
  EXPECT_EQ(walk_.step(), 3u);
  EXPECT_TRUE(see(PressureLevel::Critical, 1, 0));
  EXPECT_EQ(walk_.step(), 0u);
}

TEST_F(Walking, ItGoesBackOneStepAtATimeWhenThereHasBeenEnough) {
  see(PressureLevel::Critical, 1);
  EXPECT_FALSE(see(PressureLevel::Normal, 0));
  now_ = now_ + 9999ms;
  EXPECT_FALSE(see(PressureLevel::Normal, 0));
  now_ = now_ + 1ms;
  EXPECT_TRUE(see(PressureLevel::Normal, 0));
  EXPECT_EQ(walk_.step(), 1u);
  now_ = now_ + 9999ms;
  EXPECT_FALSE(see(PressureLevel::Normal, 0));
  now_ = now_ + 1ms;
  EXPECT_TRUE(see(PressureLevel::Normal, 0));
  EXPECT_EQ(walk_.step(), 0u);
}

TEST_F(Walking, ElevatedHolds) {
  see(PressureLevel::Critical, 1);
  for (int i = 0; i < 100; ++i, now_ = now_ + 1s) {
    EXPECT_FALSE(see(PressureLevel::Elevated, 0.7));
  }
  EXPECT_EQ(walk_.step(), 2u);
}

// What is short, as a queue that fills with what is more than its capacity: each step of the ladder
// lets only a share of the load through.
struct Plant {
  double load = 1;     // per second, of the capacity
  double share = 0.7;  // of the load, for each step
  double seconds = 1;  // of full load that the queue holds
  double queue = 0;    // 0 to 1
  void pass(double dt, std::uint32_t step) {
    const double in = load * std::pow(share, step);
    queue = std::clamp(queue + (in - 1) * dt / seconds, 0.0, 1.0);
  }
};

struct Ran {
  std::vector<std::uint32_t> downs;  // steps after each move further down, in order
  std::vector<double> down_times;
  std::uint32_t highest = 0;
};

// As the controller has it: a gauge with hysteresis over the plant, a look every 25 ms.
Ran run(LadderWalk& walk, PressureGauge& gauge, Plant& plant, MonotonicTime& now, double seconds,
        std::uint32_t steps) {
  Ran ran;
  const auto looks = static_cast<int>(seconds * 40);
  for (int i = 0; i < looks; ++i) {
    now = now + 25ms;
    plant.pass(0.025, walk.step());
    gauge.signal(plant.queue, {});
    const std::uint32_t before = walk.step();
    walk.advance({.level = gauge.level(), .fill = plant.queue, .enough = kHigh, .steps = steps},
                 kPace, now);
    if (walk.step() > before) {
      ran.downs.push_back(walk.step());
      ran.down_times.push_back(i * 0.025);
    }
    ran.highest = std::max(ran.highest, walk.step());
  }
  return ran;
}

// For a constant load it finds the step that suffices, tries ever less often whether less would do,
// and takes everything back when the load has gone.
TEST(LadderWalkOnAPlant, SettlesDoesNotOscillateAndRecovers) {
  constexpr PressureLimits kLimits = {.begin = {0.6, 0.8, 0.95}};
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const auto between = [&](double low, double high) {
      return low + (high - low) * static_cast<double>(random.below(10'000)) / 10'000;
    };
    Plant plant{.load = between(1.05, 6), .share = between(0.5, 0.85), .seconds = between(0.05, 5)};
    const auto needed =
        static_cast<std::uint32_t>(std::ceil(std::log(1 / plant.load) / std::log(plant.share)));
    const std::uint32_t steps = needed + 6;
    LadderWalk walk;
    PressureGauge gauge(kLimits);
    MonotonicTime now{};
    const Ran first = run(walk, gauge, plant, now, 60, steps);
    // What it takes to empty a queue that is full, and two that come at a time.
    EXPECT_LE(first.highest, needed + 4);
    EXPECT_GE(first.highest, needed);
    // An hour under the same load: with a try in every time to recover there would be 360.
    const Ran hour = run(walk, gauge, plant, now, 3600, steps);
    EXPECT_LE(hour.downs.size(), 60u);
    EXPECT_GE(walk.step() + 1, needed);
    EXPECT_LE(walk.step(), needed + 2);
    // The last half hour has fewer tries than the first.
    const auto half = std::ranges::count_if(hour.down_times, [](double t) { return t < 1800; });
    EXPECT_GE(2 * static_cast<std::size_t>(half), hour.downs.size());
    plant.load = 0.3;
    run(walk, gauge, plant, now, 3600, steps);
    EXPECT_EQ(walk.step(), 0u);
    EXPECT_EQ(gauge.level(), PressureLevel::Normal);
  }
}

// Whatever comes: it moves down by no more than two steps, back by one, never beyond the ladder.
TEST(LadderWalkOnAPlant, ForAnySignalItsMovesAreBounded) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    LadderWalk walk;
    MonotonicTime now{};
    const auto steps = static_cast<std::uint32_t>(random.below(12));
    for (int i = 0; i < 5000; ++i) {
      now = now + std::chrono::milliseconds(random.below(400));
      const std::uint32_t before = walk.step();
      walk.advance({.level = static_cast<PressureLevel>(random.below(kPressureLevels)),
                    .fill = static_cast<double>(random.below(101)) / 100,
                    .enough = kHigh,
                    .steps = steps},
                   {.step_interval = 250ms, .recover_after = 1s}, now);
      ASSERT_LE(walk.step(), steps);
      ASSERT_LE(walk.step(), before + 2);
      ASSERT_GE(walk.step() + 1, before);
      ASSERT_LE(walk.patience(), LadderWalk::kPatienceMax);
    }
  }
}

}  // namespace
}  // namespace weir::state
