// How reads follow the writes of a capture: the law on numbers, and a disk that is simulated.
#include "capture/retrieval/read_pace.h"

#include <limits>

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace weir::capture::retrieval {
namespace {

using std::chrono::milliseconds;
using test::FakeClock;

constexpr std::uint64_t kMiB = PaceLaw::kMiB;

WriteTimes writes_of(std::uint64_t milliseconds_each, std::uint64_t count = 10) {
  return {.writes = count, .milliseconds = milliseconds_each * count};
}

TEST(PaceLawTest, GrowsByAQuarterWhileWritesAreAsUsual) {
  PaceLaw law;
  EXPECT_EQ(law.rate(), 128 * kMiB);
  law.observe(writes_of(3));
  EXPECT_EQ(law.rate(), 160 * kMiB);
  law.observe(writes_of(6));
  EXPECT_EQ(law.rate(), 200 * kMiB) << "twice the usual is calm";
}

TEST(PaceLawTest, IsHalvedWhenWritesTakeMoreThanTwiceTheUsualAndGrowsInStepsFromThenOn) {
  PaceLaw law;
  law.observe(writes_of(3));
  law.observe(writes_of(7));
  EXPECT_EQ(law.rate(), 80 * kMiB);
  law.observe(writes_of(3));
  EXPECT_EQ(law.rate(), 96 * kMiB);
}

TEST(PaceLawTest, TwoMillisecondsMoreAreCalmOnADiskThatIsQuick) {
  PaceLaw law;
  law.observe({.writes = 1000, .milliseconds = 100});
  law.observe({.writes = 1000, .milliseconds = 2100});
  EXPECT_EQ(law.rate(), 200 * kMiB);
  law.observe({.writes = 1000, .milliseconds = 2200});
  EXPECT_EQ(law.rate(), 100 * kMiB);
}

TEST(PaceLawTest, NeverGoesBelowTheFloorAndWhatIsUsualFollowsTheWritesThere) {
  PaceLaw law;
  law.observe(writes_of(3));
  for (int i = 0; i < 5; ++i) law.observe(writes_of(50));
  EXPECT_EQ(law.rate(), 8 * kMiB);
  int intervals = 0;
  while (law.rate() == PaceLaw::kFloor) {
    law.observe(writes_of(50));
    ++intervals;
  }
  EXPECT_EQ(intervals, 6) << "half of 50 ms is usual by then";
}

TEST(PaceLawTest, TooFewWritesSayNothing) {
  PaceLaw law;
  law.observe(writes_of(3));
  law.observe(writes_of(500, 3));
  law.observe({});
  EXPECT_EQ(law.rate(), 250 * kMiB);
}

TEST(PaceLawTest, NeverGoesAboveTheCeiling) {
  PaceLaw law;
  for (int i = 0; i < 100; ++i) law.observe({});
  EXPECT_EQ(law.rate(), PaceLaw::kCeiling);
}

TEST(PaceLawTest, TakesWhateverADeviceTells) {
  PaceLaw law;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  law.observe({.writes = kMost, .milliseconds = kMost});
  law.observe({.writes = 4, .milliseconds = kMost});
  EXPECT_GE(law.rate(), PaceLaw::kFloor);
}

TEST(WriteTimesTest, AreTheFifthAndTheEighthNumberOfTheDevice) {
  const auto times = parse_write_times(
      "  199292    59341 257900298   304590  2262785   368081 "
      "1262941904  2684287        0   692168  3246098\n");
  ASSERT_TRUE(times);
  EXPECT_EQ(times->writes, 2'262'785u);
  EXPECT_EQ(times->milliseconds, 2'684'287u);
  EXPECT_FALSE(parse_write_times("1 2 3 4 5 6 7"));
  EXPECT_FALSE(parse_write_times("1 2 3 4 x 6 7 8"));
  EXPECT_FALSE(parse_write_times(""));
}

// A disk that writes 100 times a second, each as long as is set.
struct SimulatedDisk {
  WriteTimes times;
  void pass(FakeClock& clock, Duration duration, std::uint64_t milliseconds_each) {
    clock.advance(duration);
    const auto writes = static_cast<std::uint64_t>(duration / milliseconds(10));
    times.writes += writes;
    times.milliseconds += writes * milliseconds_each;
  }
};

class SimulatedMeter final : public WriteMeter {
 public:
  explicit SimulatedMeter(const SimulatedDisk& disk) : disk_(disk) {}
  std::optional<WriteTimes> write_times() override { return disk_.times; }

 private:
  const SimulatedDisk& disk_;
};

class ReadPaceTest : public testing::Test {
 protected:
  FakeClock clock_{Timestamp{1'700'000'000'000'000'000}};
  SimulatedDisk disk_;
  ReadPace pace_{std::make_unique<SimulatedMeter>(disk_), clock_};
};

TEST_F(ReadPaceTest, ABurstPassesAtOnceAndThenAnIntervalGoesByWithoutARead) {
  EXPECT_EQ(pace_.take(ReadPace::kBurst), Duration(0));
  EXPECT_EQ(pace_.take(kMiB), milliseconds(100));
  EXPECT_EQ(pace_.take(127 * kMiB), std::chrono::seconds(1)) << "128 MiB at 128 MiB a second";
  EXPECT_EQ(pace_.report().bytes, 160 * kMiB);
}

TEST_F(ReadPaceTest, WhatWasNotReadIsSavedUpToABurst) {
  EXPECT_EQ(pace_.take(ReadPace::kBurst), Duration(0));
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(pace_.take(ReadPace::kBurst), Duration(0));
  EXPECT_GT(pace_.take(kMiB), Duration(0));
}

TEST_F(ReadPaceTest, SlowWritesSlowItDownAndCalmOnesLetItGrowAgain) {
  (void)pace_.take(ReadPace::kBurst + 1);
  disk_.pass(clock_, milliseconds(100), 3);  // without a read
  (void)pace_.take(1);
  EXPECT_EQ(pace_.report().rate, 160 * kMiB);
  for (int i = 0; i < 10; ++i) {
    disk_.pass(clock_, milliseconds(100), 20);
    (void)pace_.take(1);
  }
  EXPECT_EQ(pace_.report().rate_least, 8 * kMiB);
  for (int i = 0; i < 20; ++i) {
    disk_.pass(clock_, milliseconds(100), 3);
    (void)pace_.take(1);
  }
  EXPECT_GT(pace_.report().rate, 200 * kMiB);
  EXPECT_EQ(pace_.report().rate_least, 8 * kMiB);
  EXPECT_TRUE(pace_.report().measured);
}

TEST_F(ReadPaceTest, CancelledNobodyWaits) {
  pace_.cancel();
  EXPECT_FALSE(pace_.wait(std::uint64_t{1} << 40));
}

TEST(ReadPaceWithoutAMeterTest, TheRateIsFixed) {
  FakeClock clock(Timestamp{1'700'000'000'000'000'000});
  ReadPace pace(nullptr, clock);
  EXPECT_EQ(pace.take(ReadPace::kBurst), Duration(0));
  EXPECT_EQ(pace.take(64 * kMiB), std::chrono::seconds(1));
  EXPECT_FALSE(pace.report().measured);
}

}  // namespace
}  // namespace weir::capture::retrieval
