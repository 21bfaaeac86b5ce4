#include "state/supervisor.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "recording_journal.h"
#include "sham_module.h"
#include "support/fake_clock.h"

namespace weir::state {
namespace {

using namespace std::chrono_literals;
using test::ShamModule;
using Way = ShamModule::Way;
using Log = std::vector<std::string>;

const Cause kMain{.who = "main", .why = "weir run"};

class SupervisorTest : public ::testing::Test {
 protected:
  void add(ShamModule& module, ModulePlan plan = {}) {
    ASSERT_TRUE(supervisor_.add(module, std::move(plan)));
  }
  void start() {
    const auto started = supervisor_.start(clock_.monotonic(), kMain);
    ASSERT_TRUE(started) << started.error().context;
    step();
  }
  void step() { supervisor_.step(clock_.monotonic()); }
  // Steps whenever the supervisor asks for it.
  void run_for(Duration time) {
    const MonotonicTime end = clock_.monotonic() + time;
    while (true) {
      const MonotonicTime next = supervisor_.step(clock_.monotonic());
      ASSERT_GT(next, clock_.monotonic());
      if (next > end) break;
      clock_.advance(next - clock_.monotonic());
    }
    clock_.advance(end - clock_.monotonic());
    step();
  }
  ModuleReport report(std::string_view name) const {
    for (const ModuleReport& report : supervisor_.report()) {
      if (report.name == name) return report;
    }
    ADD_FAILURE() << "no module " << name;
    return {};
  }
  ModuleState state(std::string_view name) const { return report(name).state; }
  Log take() { return std::exchange(log_, {}); }

  Log log_;
  test::RecordingJournal journal_;
  test::FakeClock clock_;
  Journaler journaler_{journal_, clock_};
  Supervisor supervisor_{journaler_, {}};
  ShamModule store_{"store", &log_};
  ShamModule capture_{"capture", &log_};
  ShamModule api_{"api", &log_};
};

TEST_F(SupervisorTest, StartsInTheOrderOfWhatIsNeededAndStopsInReverse) {
  add(api_, {.needs = {"capture"}});
  add(capture_, {.needs = {"store"}});
  add(store_);
  start();
  EXPECT_EQ(take(),
            (Log{"start store", "up store", "start capture", "up capture", "start api", "up api"}));
  EXPECT_EQ(supervisor_.state(), EngineState::Running);
  supervisor_.drain(clock_.monotonic(), {.who = "signal SIGTERM"});
  step();
  EXPECT_EQ(take(), (Log{"stop api", "down api", "stop capture", "down capture", "stop store",
                         "down store"}));
  EXPECT_EQ(supervisor_.state(), EngineState::Stopped);
  EXPECT_FALSE(supervisor_.error());
}

TEST_F(SupervisorTest, WaitsForWhatStartsSlowly) {
  store_.start = Way::Slowly;
  store_.slow_polls = 10;
  add(store_);
  add(capture_, {.needs = {"store"}});
  start();
  EXPECT_EQ(supervisor_.state(), EngineState::Starting);
  EXPECT_EQ(capture_.starts, 0);
  run_for(1s);
  EXPECT_EQ(supervisor_.state(), EngineState::Running);
  EXPECT_EQ(store_.misuse + capture_.misuse, "");
}

TEST_F(SupervisorTest, JournalsEveryTransitionWithWhoAndWhy) {
  add(store_);
  start();
  supervisor_.drain(clock_.monotonic(), {.who = "alice", .why = "a new kernel"});
  step();
  EXPECT_EQ(journal_.lines("module store"),
            (Log{"module store: down -start-> starting", "module store: starting -started-> up",
                 "module store: up -stop-> stopping", "module store: stopping -stopped-> down"}));
  EXPECT_EQ(journal_.lines("engine"),
            (Log{"engine: none -start-> starting", "engine: starting -started-> running",
                 "engine: running -drain-> draining", "engine: draining -drained-> stopped"}));
  for (const auto& record : journal_.records()) {
    if (record.event == "drain") {
      EXPECT_EQ(record.who, "alice");
      EXPECT_EQ(record.why, "a new kernel");
    } else if (record.event == "stop") {
      EXPECT_EQ(record.who, "supervisor");
      EXPECT_EQ(record.why, "the engine is ending");
    }
  }
}

TEST_F(SupervisorTest, WhatDoesNotComeUpInTimeIsStoppedAndTriedAgain) {
  store_.start = Way::Never;
  add(store_, {.start_limit = 2s});
  start();
  EXPECT_EQ(store_.deadline(), clock_.monotonic() + 2s);
  run_for(2s - 1ns);
  EXPECT_EQ(state("store"), ModuleState::Starting);
  run_for(1ns);
  EXPECT_EQ(state("store"), ModuleState::BackingOff);
  EXPECT_EQ(report("store").reason, "start module store: not up within 2000 ms");
  EXPECT_FALSE(store_.running());
  store_.start = Way::AtOnce;
  run_for(125ms);
  EXPECT_EQ(state("store"), ModuleState::Up);
  EXPECT_EQ(store_.starts, 2);
}

TEST_F(SupervisorTest, BacksOffLongerAfterEachFailure) {
  store_.start = Way::WithError;
  add(store_, {.failures_max = 8});
  start();
  for (std::uint32_t failure = 1; failure < 8; ++failure) {
    ASSERT_EQ(store_.starts, static_cast<int>(failure));
    const Duration least = BackOff::least({}, failure);
    ASSERT_EQ(state("store"), ModuleState::BackingOff);
    run_for(least - 1ns);
    ASSERT_EQ(store_.starts, static_cast<int>(failure)) << "not before " << least.count() << " ns";
    const auto next = report("store").next_try;
    ASSERT_TRUE(next);
    run_for(*next - clock_.monotonic());
  }
  EXPECT_EQ(state("store"), ModuleState::GivenUp);
}

TEST_F(SupervisorTest, ACriticalModuleThatFailsTooOftenFailsTheEngine) {
  add(capture_);
  store_.start = Way::WithError;
  add(store_, {.failures_max = 3});
  start();
  run_for(1s);
  EXPECT_EQ(store_.starts, 3);
  EXPECT_EQ(supervisor_.state(), EngineState::Failed);
  ASSERT_TRUE(supervisor_.error());
  EXPECT_EQ(supervisor_.error()->code, ErrorCode::Io);
  EXPECT_EQ(supervisor_.error()->context,
            "module store has been given up, and the engine cannot do without it: start store: "
            "broken");
  EXPECT_FALSE(capture_.running()) << "the others are stopped";
  EXPECT_EQ(journal_.lines("engine").back(), "engine: draining -drained-> failed");
}

TEST_F(SupervisorTest, WithoutAnOptionalModuleTheEngineIsDegradedUntilItIsAskedToRetry) {
  add(store_);
  api_.start = Way::WithError;
  add(api_, {.criticality = Criticality::Optional, .failures_max = 2});
  start();
  EXPECT_EQ(supervisor_.state(), EngineState::Starting) << "it may still come up";
  run_for(1s);
  EXPECT_EQ(state("api"), ModuleState::GivenUp);
  EXPECT_EQ(supervisor_.state(), EngineState::Degraded);
  run_for(1h);
  EXPECT_EQ(api_.starts, 2) << "nobody has asked";
  api_.start = Way::AtOnce;
  ASSERT_TRUE(supervisor_.retry("api", clock_.monotonic(), {.who = "alice"}));
  step();
  EXPECT_EQ(state("api"), ModuleState::Up);
  EXPECT_EQ(supervisor_.state(), EngineState::Running);
  EXPECT_EQ(report("api").failures, 2u);
}

TEST_F(SupervisorTest, ARetryForgetsEarlierFailures) {
  api_.start = Way::WithError;
  add(api_, {.criticality = Criticality::Optional, .failures_max = 3});
  start();
  run_for(1s);
  ASSERT_TRUE(supervisor_.retry("api", clock_.monotonic(), {.who = "alice"}));
  run_for(1s);
  EXPECT_EQ(api_.starts, 6);
}

TEST_F(SupervisorTest, FailuresOutsideTheWindowDoNotCount) {
  add(store_, {.grace = 0ns, .failures_max = 2, .failure_window = 1min});
  start();
  for (int i = 0; i < 5; ++i) {
    store_.well = {.level = HealthLevel::Failing, .reason = "EIO"};
    run_for(1s);
    store_.well = {};
    run_for(2min);
    ASSERT_EQ(state("store"), ModuleState::Up) << i;
  }
  EXPECT_EQ(report("store").failures, 5u);
}

TEST_F(SupervisorTest, WhatIsUnwellMayRecoverWithinItsGrace) {
  add(store_, {.grace = 5s});
  start();
  store_.well = {.level = HealthLevel::Stalled, .reason = "no batch for 3 s"};
  run_for(1s);
  EXPECT_EQ(state("store"), ModuleState::Failing);
  EXPECT_EQ(report("store").health, HealthLevel::Stalled);
  EXPECT_EQ(report("store").reason, "no batch for 3 s");
  EXPECT_EQ(supervisor_.state(), EngineState::Degraded);
  store_.well = {};
  run_for(2s);
  EXPECT_EQ(state("store"), ModuleState::Up);
  EXPECT_EQ(supervisor_.state(), EngineState::Running);
  EXPECT_EQ(store_.starts, 1);
  EXPECT_EQ(report("store").failures, 0u);
}

TEST_F(SupervisorTest, WhatIsLateIsLeftAlone) {
  add(store_);
  start();
  store_.well = {.level = HealthLevel::Late, .reason = "slow disk"};
  run_for(1h);
  EXPECT_EQ(state("store"), ModuleState::Up);
  EXPECT_EQ(report("store").health, HealthLevel::Late);
  EXPECT_EQ(supervisor_.state(), EngineState::Running);
}

TEST_F(SupervisorTest, RestartsWhatFailedAndWhatNeedsItButNotWhatOnlyFollowsIt) {
  add(store_, {.grace = 2s});
  add(capture_, {.after = {"store"}});
  add(api_, {.needs = {"store"}});
  start();
  take();
  store_.well = {.level = HealthLevel::Failing, .reason = "EIO"};
  run_for(2s);
  EXPECT_EQ(take(), Log{}) << "still within its grace";
  run_for(1s);
  EXPECT_EQ(take(), (Log{"stop api", "down api", "stop store", "down store"}));
  store_.well = {};
  run_for(1s);
  EXPECT_EQ(take(), (Log{"start store", "up store", "start api", "up api"}));
  EXPECT_EQ(capture_.starts, 1);
  EXPECT_EQ(report("api").failures, 0u) << "it was not its fault";
  EXPECT_EQ(supervisor_.state(), EngineState::Running);
}

TEST_F(SupervisorTest, WhatFollowsStartsOnceTheOtherHasBeenGivenUp) {
  store_.start = Way::WithError;
  add(store_, {.criticality = Criticality::Optional, .failures_max = 2});
  add(capture_, {.after = {"store"}});
  start();
  EXPECT_EQ(capture_.starts, 0);
  run_for(1s);
  EXPECT_EQ(state("store"), ModuleState::GivenUp);
  EXPECT_EQ(state("capture"), ModuleState::Up);
}

TEST_F(SupervisorTest, WhatNeedsAModuleThatIsGivenUpStaysDown) {
  store_.start = Way::WithError;
  add(store_, {.criticality = Criticality::Optional, .failures_max = 1});
  add(api_, {.needs = {"store"}, .criticality = Criticality::Optional});
  start();
  EXPECT_EQ(api_.starts, 0);
  EXPECT_EQ(supervisor_.state(), EngineState::Degraded);
}

TEST_F(SupervisorTest, AModuleThatCannotBeStoppedIsNotStartedAgain) {
  add(store_, {.criticality = Criticality::Optional, .stop_limit = 3s, .grace = 0ns});
  start();
  store_.well = {.level = HealthLevel::Stalled, .reason = "hangs"};
  store_.stop = Way::Never;
  run_for(1min);
  EXPECT_EQ(state("store"), ModuleState::GivenUp);
  EXPECT_EQ(report("store").reason, "stop module store: not down within 3000 ms");
  EXPECT_EQ(store_.starts, 1);
  EXPECT_EQ(supervisor_.state(), EngineState::Degraded);
  // Asked to try again, it must first go down.
  take();
  store_.stop = Way::AtOnce;
  store_.well = {};
  ASSERT_TRUE(supervisor_.retry("store", clock_.monotonic(), {.who = "alice"}));
  step();
  EXPECT_EQ(take(), (Log{"stop store", "down store", "start store", "up store"}));
  EXPECT_EQ(supervisor_.state(), EngineState::Running);
}

TEST_F(SupervisorTest, AnEngineEndsInTimeThoughAModuleHangs) {
  store_.stop = Way::Never;
  add(capture_);
  add(store_, {.needs = {"capture"}, .stop_limit = 3s});
  start();
  supervisor_.drain(clock_.monotonic(), kMain);
  run_for(3s);
  EXPECT_EQ(supervisor_.state(), EngineState::Failed);
  ASSERT_TRUE(supervisor_.error());
  EXPECT_EQ(supervisor_.error()->code, ErrorCode::TimedOut);
  EXPECT_FALSE(capture_.running()) << "stopped all the same";
}

TEST_F(SupervisorTest, AStopThatFailsIsAStop) {
  store_.stop = Way::WithError;
  add(store_);
  start();
  supervisor_.drain(clock_.monotonic(), kMain);
  step();
  EXPECT_EQ(supervisor_.state(), EngineState::Stopped);
  EXPECT_EQ(report("store").reason, "stop store: broken");
}

TEST_F(SupervisorTest, DrainsAlsoWhileItStartsOrWaits) {
  store_.start = Way::Never;
  capture_.start = Way::WithError;
  add(store_);
  add(capture_);
  add(api_, {.needs = {"store"}});
  start();
  ASSERT_EQ(state("capture"), ModuleState::BackingOff);
  supervisor_.drain(clock_.monotonic(), kMain);
  step();
  EXPECT_EQ(supervisor_.state(), EngineState::Stopped);
  EXPECT_EQ(api_.starts, 0);
  run_for(1min);
  EXPECT_EQ(capture_.starts, 1);
}

TEST_F(SupervisorTest, TheEngineMayBeAtFaultItself) {
  add(store_);
  start();
  supervisor_.fail(clock_.monotonic(), {.code = ErrorCode::LinkGone, .context = "eth0 is gone"},
                   {.who = "engine", .why = "eth0 is gone"});
  step();
  EXPECT_EQ(supervisor_.state(), EngineState::Failed);
  EXPECT_EQ(supervisor_.error()->context, "eth0 is gone");
}

TEST_F(SupervisorTest, RestartsByHandWhatIsUpWithWhatNeedsIt) {
  add(store_);
  add(api_, {.needs = {"store"}});
  start();
  take();
  ASSERT_TRUE(supervisor_.restart("store", clock_.monotonic(), {.who = "alice", .why = "new key"}));
  EXPECT_EQ(take(), (Log{"stop api", "down api", "stop store", "down store", "start store",
                         "up store", "start api", "up api"}));
  EXPECT_EQ(report("store").failures, 0u);
  const auto records = journal_.records();
  EXPECT_TRUE(std::ranges::any_of(records, [](const TransitionRecord& record) {
    return record.machine == "module store" && record.event == "stop" && record.who == "alice" &&
           record.why == "new key";
  }));
}

TEST_F(SupervisorTest, RefusesWhatMakesNoSense) {
  add(store_);
  start();
  const auto now = clock_.monotonic();
  EXPECT_EQ(supervisor_.retry("nobody", now, kMain).error().code, ErrorCode::NotFound);
  const auto up = supervisor_.retry("store", now, kMain);
  EXPECT_EQ(up.error().code, ErrorCode::Conflict);
  EXPECT_EQ(up.error().context, "retry module store: it is up (it has not been given up)");
  supervisor_.drain(now, kMain);
  EXPECT_EQ(supervisor_.restart("store", now, kMain).error().code, ErrorCode::Conflict);
}

TEST_F(SupervisorTest, FindsWhatIsWiredWrongly) {
  add(store_, {.needs = {"api"}});
  add(api_, {.after = {"store"}});
  const auto circle = supervisor_.start(clock_.monotonic(), kMain);
  ASSERT_FALSE(circle);
  EXPECT_EQ(circle.error().context, "start module store: it needs itself, by way of others");

  Supervisor absent(journaler_, {});
  ASSERT_TRUE(absent.add(store_, {.needs = {"disk"}}));
  EXPECT_EQ(absent.start(clock_.monotonic(), kMain).error().context,
            "start module store: there is no disk for it");
  EXPECT_EQ(absent.add(store_, {}).error().code, ErrorCode::Exists);

  Supervisor weak(journaler_, {});
  ASSERT_TRUE(weak.add(store_, {.criticality = Criticality::Optional}));
  ASSERT_TRUE(weak.add(api_, {.needs = {"store"}}));
  EXPECT_EQ(weak.start(clock_.monotonic(), kMain).error().context,
            "start module api: it is critical, but needs the optional store");
}

TEST_F(SupervisorTest, AJournalThatFailsStopsNothing) {
  journal_.set_full(true);
  add(store_);
  start();
  EXPECT_EQ(supervisor_.state(), EngineState::Running);
  EXPECT_TRUE(journal_.records().empty());
  journal_.set_full(false);
  run_for(2s);
  EXPECT_EQ(journal_.lines(),
            (Log{"engine: none -start-> starting", "module store: down -start-> starting",
                 "module store: starting -started-> up", "engine: starting -started-> running"}));
}

}  // namespace
}  // namespace weir::state
