#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "simulation/engine_run.h"
#include "simulation/run_directory.h"

namespace weir::test {
namespace {

class EngineSimulation : public testing::Test {
 protected:
  [[nodiscard]] EngineRunResult run(std::uint64_t seed, const LifeOptions& options = {}) const {
    return run_engine(draw_plan(seed), options, directory_.path());
  }
  // Seeds until one fails, of those on which the mistake may tell: what it says.
  [[nodiscard]] std::string first_failure(Mistake mistake, std::uint64_t seeds_max) const {
    for (std::uint64_t seed = 1; seed <= seeds_max; ++seed) {
      if (mistake == Mistake::ForgetfulDisk && !loses_what_it_promised(draw_plan(seed))) continue;
      const EngineRunResult result = run(seed, {.mistake = mistake});
      if (!result.failure.empty()) return result.failure;
    }
    return "";
  }

  // Power, and then what was to be on the disk by the chunk.
  static bool loses_what_it_promised(const EnginePlan& plan) {
    return std::any_of(plan.lives.begin(), plan.lives.end(),
                       [](const auto& life) { return life.how == LifeEnd::KillPower; }) &&
           std::any_of(plan.sessions.begin(), plan.sessions.end(), [](const auto& session) {
             return session.store && session.durability == "chunk";
           });
  }

  const RunDirectory directory_;
};

TEST_F(EngineSimulation, AllLawsHoldWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const EngineRunResult result = run(seed);
    EXPECT_EQ(result.failure, "") << "engine_simulation --replay " << seed;
    EXPECT_GT(result.life.audits, 0U) << "seed " << seed;
  }
}

TEST_F(EngineSimulation, TheSameSeedIsTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const EngineRunResult first = run(seed);
    const EngineRunResult second = run(seed);
    EXPECT_EQ(first.digest, second.digest) << "seed " << seed;
    EXPECT_EQ(first.life.accepted, second.life.accepted) << "seed " << seed;
    EXPECT_EQ(first.found, second.found) << "seed " << seed;
  }
  EXPECT_NE(run(1).digest, run(2).digest);
}

TEST_F(EngineSimulation, NoticesADiskThatForgetsWhatWasSynced) {
  EXPECT_NE(first_failure(Mistake::ForgetfulDisk, 60).find("packets are there"), std::string::npos);
}

TEST_F(EngineSimulation, NoticesAPacketThatNobodyCounts) {
  EXPECT_NE(first_failure(Mistake::LeakingRing, 10), "");
}

TEST_F(EngineSimulation, NoticesPressureThatDoesNotEnd) {
  EXPECT_NE(first_failure(Mistake::StuckPressure, 20).find("has not recovered"), std::string::npos);
}

// A worker that waits for a disk has its old plan for as long as that takes.
TEST_F(EngineSimulation, ASessionThatIsRemovedIsKeptForTheWorkerThatStillUsesIt) {
  EnginePlan plan = *scenario("stalled-disk");
  LifePlan& life = plan.lives.front();
  const MonotonicTime amid_the_stall{2'500'000'000};
  life.script.push_back(
      {amid_the_stall, {.kind = control::CommandKind::StopSession, .who = "test", .name = "web"}});
  const EngineRunResult result = run_engine(plan, {}, directory_.path());
  EXPECT_EQ(result.failure, "");
  EXPECT_EQ(result.life.commands, 1U);
  EXPECT_EQ(result.life.commands_refused, 0U);
}

TEST_F(EngineSimulation, ASessionThatIsPausedWhileItHasFailedIsPausedWhenItIsTriedAgain) {
  EnginePlan plan = *scenario("stalled-disk");
  LifePlan& life = plan.lives.front();
  DiskPhase broken = life.disk.front();
  broken.from = MonotonicTime{2'000'000'000};
  broken.faults.io_error_after = 0;
  DiskPhase whole = life.disk.front();
  whole.from = MonotonicTime{2'300'000'000};
  life.disk = {life.disk.front(), broken, whole};
  life.script.push_back(
      {MonotonicTime{2'250'000'000},
       {.kind = control::CommandKind::PauseSession, .who = "test", .name = "web"}});
  const EngineRunResult result = run_engine(plan, {}, directory_.path());
  EXPECT_EQ(result.failure, "");
  EXPECT_GE(result.life.session_faults, 1U);
}

class EngineScenario : public testing::TestWithParam<std::string> {};

TEST_P(EngineScenario, HoldsAllLaws) {
  const RunDirectory directory;
  const auto plan = scenario(GetParam());
  ASSERT_TRUE(plan);
  const EngineRunResult result = run_engine(*plan, {}, directory.path());
  EXPECT_EQ(result.failure, "");
  EXPECT_GE(result.life.relief_moves, 2U) << "somebody did with less, and had everything again";
}

INSTANTIATE_TEST_SUITE_P(Each, EngineScenario,
                         testing::Values("burst", "slow-disk", "stalled-disk"),
                         [](const auto& each) {
                           std::string name = each.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace weir::test
