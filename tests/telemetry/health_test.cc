#include "telemetry/health.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace weir::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kCheck = milliseconds(250);

class Recorder final : public HealthObserver {
 public:
  void on_health(const HealthChange& change) noexcept override {
    told.push_back(std::string(change.name) + ": " + std::string(name_of(change.from)) + " → " +
                   std::string(name_of(change.to)) +
                   (change.reason.empty() ? "" : ", " + std::string(change.reason)));
  }
  void on_clock_jump(Timestamp, Duration by) noexcept override {
    jumps.push_back(std::chrono::duration_cast<milliseconds>(by).count());
  }
  std::vector<std::string> told;
  std::vector<std::int64_t> jumps;
};
using Told = std::vector<std::string>;

class Probe final : public HealthProbe {
 public:
  [[nodiscard]] HealthReport report() const override { return {failing}; }
  std::string failing;
};

class HealthTest : public testing::Test {
 protected:
  HealthTest() { monitor_.add_observer(recorder_); }

  void check() {
    clock_.advance(kCheck);
    monitor_.check();
  }
  Health health(std::size_t i = 0) { return monitor_.status().at(i).health; }

  test::FakeClock clock_;
  HealthMonitor monitor_{clock_};
  Recorder recorder_;
  Heartbeat worker_;
};

TEST_F(HealthTest, AWorkerThatTurnsIsWell) {
  const HealthWatch watch = monitor_.watch("worker eth0/0", worker_);
  for (int i = 0; i < 100; ++i) {
    worker_.turn();
    check();
  }
  EXPECT_EQ(monitor_.worst(), Health::Ok);
  EXPECT_EQ(recorder_.told, Told{});
}

TEST_F(HealthTest, AWorkerWithoutATurnIsLateThenStalled) {
  const HealthWatch watch = monitor_.watch("worker eth0/0", worker_);
  for (int i = 0; i < 100; ++i) check();
  EXPECT_EQ(recorder_.told, (Told{"worker eth0/0: ok → late, no turn for 1.0 s",
                                  "worker eth0/0: late → stalled, no turn for 5.0 s"}));
  EXPECT_EQ(monitor_.status().at(0).reason, "no turn for 25.0 s") << "goes on saying how long";
}

TEST_F(HealthTest, AWorkerThatTurnsButWaitsForAnOutputIsLateThenStalled) {
  const HealthWatch watch = monitor_.watch("worker eth0/0", worker_);
  for (int i = 0; i < 24; ++i) {
    worker_.begin_waiting(clock_.monotonic());
    worker_.turn();
    check();
  }
  EXPECT_EQ(recorder_.told, (Told{"worker eth0/0: ok → late, waits for an output for 1.0 s",
                                  "worker eth0/0: late → stalled, waits for an output for 5.0 s"}));
  worker_.end_waiting();
  worker_.turn();
  check();
  worker_.begin_waiting(clock_.monotonic());
  worker_.turn();
  check();
  EXPECT_EQ(health(), Health::Ok) << "a new wait has a new begin";
}

TEST_F(HealthTest, HasLimitsForEachWorker) {
  const HealthWatch watch = monitor_.watch(
      "worker eth0/0", worker_, {.late = milliseconds(500), .stalled = milliseconds(750)});
  check();
  EXPECT_EQ(health(), Health::Ok);
  check();
  EXPECT_EQ(health(), Health::Late);
  check();
  EXPECT_EQ(health(), Health::Stalled);
}

TEST_F(HealthTest, GetsBetterAfterTwoGoodChecks) {
  Probe probe;
  const HealthWatch watch = monitor_.watch("storage", probe);
  probe.failing = "disk full";
  check();
  EXPECT_EQ(health(), Health::Failing);
  probe.failing.clear();
  check();
  EXPECT_EQ(health(), Health::Failing) << "one good check";
  probe.failing = "disk full";
  check();
  probe.failing.clear();
  check();
  EXPECT_EQ(health(), Health::Failing) << "two, but not in a row";
  check();
  EXPECT_EQ(health(), Health::Ok);
  EXPECT_EQ(recorder_.told, (Told{"storage: ok → failing, disk full", "storage: failing → ok"}));
  EXPECT_EQ(monitor_.status().at(0).since, clock_.wall());
}

// Each row: how long the worker has waited at each check, in seconds, and the health after it.
TEST_F(HealthTest, FollowsTheTable) {
  struct Step {
    int waits_s;
    Health after;
  };
  struct Row {
    const char* what;
    std::vector<Step> steps;
  };
  const Health ok = Health::Ok;
  const Health late = Health::Late;
  const Health stalled = Health::Stalled;
  const std::vector<Row> rows = {
      {"worse at once, by one step", {{0, ok}, {1, late}, {5, stalled}}},
      {"worse at once, by two steps", {{0, ok}, {6, stalled}}},
      {"better by two steps after two checks", {{6, stalled}, {0, stalled}, {0, ok}}},
      {"better by the worse of two checks", {{6, stalled}, {0, stalled}, {2, late}, {0, late}}},
      {"the better one counts for the next step",
       {{6, stalled}, {2, stalled}, {2, late}, {0, late}, {0, ok}}},
      {"a bad check between", {{2, late}, {0, late}, {2, late}, {0, late}, {0, ok}}},
      {"a worse check between", {{2, late}, {0, late}, {6, stalled}, {0, stalled}, {0, ok}}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    Heartbeat worker;
    const HealthWatch watch = monitor_.watch("worker", worker);
    for (const Step& step : row.steps) {
      worker.turn();
      clock_.advance(seconds(10));
      worker.end_waiting();
      if (step.waits_s > 0)
        worker.begin_waiting(clock_.monotonic() + Duration(-seconds(step.waits_s)));
      monitor_.check();
      EXPECT_EQ(name_of(health()), name_of(step.after));
    }
  }
}

TEST_F(HealthTest, AWaitThatBeganAfterTheCheckReadTheClockIsNone) {
  const HealthWatch watch = monitor_.watch("worker", worker_);
  worker_.turn();
  worker_.begin_waiting(clock_.monotonic() + seconds(100));
  check();
  EXPECT_EQ(health(), Health::Ok);
}

TEST_F(HealthTest, TellsOfJumpsOfTheClockOnce) {
  check();
  clock_.jump_wall(milliseconds(1000));
  check();
  EXPECT_EQ(recorder_.jumps, std::vector<std::int64_t>{}) << "a second is no jump";
  clock_.jump_wall(milliseconds(1001));
  check();
  check();
  clock_.jump_wall(-std::chrono::hours(1));
  check();
  check();
  EXPECT_EQ(recorder_.jumps, (std::vector<std::int64_t>{1001, -3'600'000}));
}

TEST_F(HealthTest, AClockThatIsMovedSlowlyDoesNotJump) {
  for (int i = 0; i < 1000; ++i) {
    clock_.jump_wall(milliseconds(100));
    check();
  }
  EXPECT_EQ(recorder_.jumps.size(), 0u);
}

TEST_F(HealthTest, ALateCheckIsNoJump) {
  check();
  clock_.advance(std::chrono::hours(24));
  monitor_.check();
  EXPECT_EQ(recorder_.jumps.size(), 0u);
}

TEST_F(HealthTest, ForgetsWhatIsNoLongerWatched) {
  Probe probe;
  {
    const HealthWatch one = monitor_.watch("storage", probe);
    HealthWatch two = monitor_.watch("worker", worker_);
    probe.failing = "disk full";
    check();
    EXPECT_EQ(monitor_.worst(), Health::Failing);
    two.release();
    EXPECT_EQ(monitor_.status().size(), 1u);
  }
  check();
  EXPECT_EQ(monitor_.worst(), Health::Ok);
  EXPECT_EQ(recorder_.told.size(), 1u);
  EXPECT_TRUE(monitor_.status().empty());
}

TEST_F(HealthTest, TellsNobodyWhoHasLeft) {
  Probe probe;
  const HealthWatch watch = monitor_.watch("storage", probe);
  monitor_.remove_observer(recorder_);
  probe.failing = "disk full";
  check();
  EXPECT_EQ(recorder_.told, Told{});
}

TEST_F(HealthTest, AssertsThatNamesAreUniqueAndLimitsRise) {
  const HealthWatch watch = monitor_.watch("worker", worker_);
  EXPECT_DEATH((void)monitor_.watch("worker", worker_), "internal error");
  EXPECT_DEATH((void)monitor_.watch("w", worker_, {.late = seconds(2), .stalled = seconds(1)}),
               "internal error");
}

TEST_F(HealthTest, SaysItsMetrics) {
  Probe probe;
  const HealthWatch watch = monitor_.watch("storage", probe);
  probe.failing = "disk full";
  check();
  clock_.jump_wall(seconds(5));
  check();
  Collection all;
  monitor_.collect(all);
  std::vector<std::string> set;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Series series = all[i];
    if (series.value.whole() != 0)
      set.push_back(std::string(series.info->name) + " " + std::string(series.labels[1]));
  }
  EXPECT_EQ(set, (Told{"weir_health_state failing", "weir_health_changes_total failing",
                       "weir_clock_jumps_total "}));
}

}  // namespace
}  // namespace weir::telemetry
