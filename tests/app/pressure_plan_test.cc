// What is measured becomes signals, and steps become what each session does with less of.
#include "app/engine/pressure_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::app {
namespace {

using capture::Relief;
using state::Resource;
using testing::DoubleNear;
using testing::ElementsAre;

constexpr state::PressureLimits kLimits = {.begin = {0.6, 0.8, 0.95}};
constexpr WhenFull kPipe = WhenFull::Loses;
constexpr WhenFull kDisk = WhenFull::Waits;

SessionReading session(std::string name, std::uint32_t priority,
                       std::vector<OutputReading> outputs = {}) {
  return {.name = std::move(name),
          .priority = priority,
          .lanes = {true},
          .outputs = std::move(outputs)};
}

const PlaceSignal& find(const std::vector<PlaceSignal>& signals, Resource resource,
                        const std::string& place) {
  for (const PlaceSignal& one : signals) {
    if (one.resource == resource && one.place == place) return one;
  }
  ADD_FAILURE() << "no signal of " << place;
  return signals.front();
}

TEST(PressureSignals, AFullPipeIsTheMatterOfThoseThatWriteToIt) {
  const auto signals = signals_of(
      {.sessions = {session("a", 100, {{"pipe /x", 1.0, kPipe}}), session("b", 1)}, .rings = {0.2}},
      kLimits);
  ASSERT_EQ(signals.size(), 2u);
  const PlaceSignal& pipe = find(signals, Resource::Output, "pipe /x");
  EXPECT_EQ(pipe.fill, 1.0);
  EXPECT_THAT(pipe.sessions, ElementsAre(0));
  const PlaceSignal& cpu = find(signals, Resource::Cpu, "");
  EXPECT_EQ(cpu.fill, 0.2);
  EXPECT_THAT(cpu.sessions, ElementsAre(0, 1));
}

TEST(PressureSignals, SessionsOnOneDiskShareItsFillAndAreRelievedTogether) {
  const auto signals = signals_of({.sessions = {session("a", 100, {{"disk 8:1", 0.5, kDisk}}),
                                                session("b", 1, {{"disk 8:1", 0.2, kDisk}})},
                                   .rings = {0}},
                                  kLimits);
  const PlaceSignal& disk = find(signals, Resource::Output, "disk 8:1");
  EXPECT_THAT(disk.fill, DoubleNear(0.3, 1e-9)) << "nothing waits: 0.6 at most";
  EXPECT_THAT(disk.sessions, ElementsAre(0, 1));
  EXPECT_EQ(ranks_of(disk, {session("a", 100), session("b", 1)}), 2u);
}

// The worker waits for the disk: more cores would not help, and other sessions are not the cause.
TEST(PressureSignals, ARingThatFillsBehindAFullDiskIsTheDisks) {
  PressureReadings readings{.sessions = {session("a", 100, {{"disk 8:1", 1.0, kDisk}})},
                            .rings = {0.97}};
  auto signals = signals_of(readings, kLimits);
  EXPECT_EQ(find(signals, Resource::Output, "disk 8:1").fill, 0.97);
  EXPECT_EQ(find(signals, Resource::Cpu, "").fill, 0.0);
  // A pipe holds nobody up, and a disk with room neither.
  readings.sessions[0].outputs = {{"disk 8:1", 0.5, kDisk}, {"pipe /x", 1.0, kPipe}};
  signals = signals_of(readings, kLimits);
  EXPECT_EQ(find(signals, Resource::Cpu, "").fill, 0.97);
  EXPECT_THAT(find(signals, Resource::Output, "disk 8:1").fill, DoubleNear(0.3, 1e-9));
}

// What came while the disk stood still has to be worked off, which is no lack of cores.
TEST(PressureSignals, ARingIsBehindItsDiskUntilItHasComeDown) {
  PressureReadings readings{.sessions = {session("a", 100, {{"disk 8:1", 1.0, kDisk}})},
                            .rings = {0.97}};
  RingsBehindDisks rings;
  std::int64_t now = 1;
  const auto cpu_fill = [&](double disk, double ring) {
    readings.sessions[0].outputs[0].fill = disk;
    readings.rings[0] = ring;
    rings.look(readings, kLimits, MonotonicTime{now += 5'000'000});
    return find(signals_of(readings, kLimits), Resource::Cpu, "").fill;
  };
  EXPECT_EQ(cpu_fill(0.5, 0.97), 0.97) << "no disk was waited for";
  EXPECT_EQ(cpu_fill(1.0, 0.97), 0.0);
  EXPECT_EQ(cpu_fill(0.5, 0.97), 0.0);
  EXPECT_EQ(cpu_fill(0.2, 0.61), 0.0);
  EXPECT_EQ(cpu_fill(0.2, 0.59), 0.59);
  EXPECT_EQ(cpu_fill(0.2, 0.97), 0.97) << "that is new";
}

TEST(PressureSignals, ARingThatDoesNotComeDownBehindItsDiskIsTheProcessors) {
  PressureReadings readings{.sessions = {session("a", 100, {{"disk 8:1", 1.0, kDisk}})},
                            .rings = {0.97}};
  RingsBehindDisks rings;
  rings.look(readings, kLimits, MonotonicTime{1'000'000'000});
  readings.sessions[0].outputs[0].fill = 0.1;
  rings.look(readings, kLimits, MonotonicTime{5'999'999'999});
  EXPECT_EQ(find(signals_of(readings, kLimits), Resource::Cpu, "").fill, 0.0);
  rings.look(readings, kLimits, MonotonicTime{6'000'000'000});
  EXPECT_EQ(find(signals_of(readings, kLimits), Resource::Cpu, "").fill, 0.97);
}

TEST(PressureSignals, ALaneThatNobodyHoldsUpIsTheProcessors) {
  PressureReadings readings{.sessions = {session("a", 100, {{"disk 8:1", 1.0, kDisk}})},
                            .rings = {0.5, 0.9}};
  readings.sessions[0].lanes = {true, false};
  const auto signals = signals_of(readings, kLimits);
  EXPECT_EQ(find(signals, Resource::Cpu, "").fill, 0.9);
  EXPECT_EQ(find(signals, Resource::Output, "disk 8:1").fill, 0.6);
}

TEST(PressureSignals, TheRoomOfAStoreHasItsLevelsWhereTheStoreHasThem) {
  const auto fill = [](double wanted) {
    SessionReading one = session("a", 100);
    one.stores.push_back({.place = "store /d", .wanted = wanted, .why = "few bytes free"});
    const auto signals = signals_of({.sessions = {one}, .rings = {0}}, kLimits);
    EXPECT_EQ(find(signals, Resource::Output, "store /d").why, "few bytes free");
    return find(signals, Resource::Output, "store /d").fill;
  };
  EXPECT_EQ(fill(0), 0);
  EXPECT_LT(fill(0.249), 0.6);
  EXPECT_GE(fill(0.25), 0.6);
  EXPECT_LT(fill(0.499), 0.8);
  EXPECT_GE(fill(0.5), 0.8);
  EXPECT_LT(fill(0.999), 0.95);
  EXPECT_GE(fill(1.0), 0.95);
  EXPECT_EQ(fill(1e300), 1.0);
}

TEST(PressureSignals, AStoreIsNoMatterOfASessionThatHasAnotherWithMoreRoom) {
  SessionReading both = session("both", 100);
  both.stores.push_back({.place = "store /full", .wanted = 1.0, .why = "full"});
  both.stores.push_back({.place = "store /free", .wanted = 0.1, .why = "free"});
  SessionReading one = session("one", 100);
  one.stores.push_back({.place = "store /full", .wanted = 1.0, .why = "full"});
  const auto signals = signals_of({.sessions = {both, one}, .rings = {0}}, kLimits);
  EXPECT_THAT(find(signals, Resource::Output, "store /full").sessions, ElementsAre(1));
  EXPECT_THAT(find(signals, Resource::Output, "store /free").sessions, ElementsAre(0));
}

TEST(PressureSignals, AFullTableOfFlowsIsToldAndNobodyIsRelievedForIt) {
  SessionReading one = session("a", 100);
  one.flows = 1.0;
  const auto signals = signals_of({.sessions = {one}, .rings = {0}, .memory = 0.3}, kLimits);
  EXPECT_EQ(find(signals, Resource::Memory, "flows a").fill, 1.0);
  EXPECT_TRUE(find(signals, Resource::Memory, "flows a").sessions.empty());
  EXPECT_THAT(find(signals, Resource::Memory, "").sessions, ElementsAre(0));
}

TEST(PressureSignals, ASessionThatIsPausedIsNotRelieved) {
  SessionReading paused = session("a", 1, {{"pipe /x", 1.0, kPipe}});
  paused.takes_packets = false;
  const auto signals = signals_of({.sessions = {paused}, .rings = {0}}, kLimits);
  EXPECT_TRUE(find(signals, Resource::Output, "pipe /x").sessions.empty());
  EXPECT_TRUE(find(signals, Resource::Cpu, "").sessions.empty());
}

class Reliefs : public testing::Test {
 protected:
  Ladders ladders_ = ladders_of(control::PressureConfig{});
  std::vector<SessionReading> sessions_ = {session("high", 200), session("low", 10),
                                           session("low too", 10), session("middle", 100)};
  std::vector<PlaceSignal> cpu_ = {{.resource = Resource::Cpu, .sessions = {0, 1, 2, 3}}};

  [[nodiscard]] std::vector<Relief> at(std::uint32_t step) const {
    return reliefs_of(sessions_, cpu_, std::vector{step}, ladders_);
  }
};

TEST_F(Reliefs, TheLowestPriorityGoesWholeWayDownBeforeTheNextOneBegins) {
  ASSERT_EQ(ranks_of(cpu_[0], sessions_), 3u);
  const Relief none;
  const Relief truncated{.keep_bytes = 128};
  const Relief dropped{.keep_bytes = 128, .sample = 8192, .shed = true};
  EXPECT_THAT(at(0), ElementsAre(none, none, none, none));
  EXPECT_THAT(at(1), ElementsAre(none, truncated, truncated, none));
  EXPECT_THAT(at(4), ElementsAre(none, dropped, dropped, none));
  EXPECT_THAT(at(5), ElementsAre(none, dropped, dropped, truncated));
  EXPECT_THAT(at(8), ElementsAre(none, dropped, dropped, dropped));
  EXPECT_THAT(at(9), ElementsAre(truncated, dropped, dropped, dropped));
  EXPECT_THAT(at(12), ElementsAre(dropped, dropped, dropped, dropped));
}

TEST_F(Reliefs, OfSeveralPlacesTheStrictestOfEverythingHolds) {
  const std::vector<PlaceSignal> signals = {
      {.resource = Resource::Output, .place = "pipe /x", .sessions = {1}},
      {.resource = Resource::Memory, .sessions = {0, 1, 2, 3}}};
  const auto reliefs = reliefs_of(sessions_, signals, std::vector<std::uint32_t>{2, 1}, ladders_);
  EXPECT_EQ(reliefs[1], (Relief{.cutoff_bytes = 65536, .keep_bytes = 128, .flow_share = 8}));
  EXPECT_EQ(reliefs[2], (Relief{.flow_share = 8}));
  EXPECT_EQ(reliefs[0], Relief());
}

TEST_F(Reliefs, WhatIsSwitchedOffHasNoLadder) {
  control::PressureConfig off;
  off.enabled = false;
  const Ladders none = ladders_of(off);
  EXPECT_THAT(options_of(off, none).rungs, ElementsAre(0, 0, 0));
  EXPECT_THAT(options_of({}, ladders_).rungs, ElementsAre(4, 5, 4));
  EXPECT_EQ(reliefs_of(sessions_, cpu_, std::vector<std::uint32_t>{4}, none)[1], Relief());
}

}  // namespace
}  // namespace weir::app
