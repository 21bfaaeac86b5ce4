#include "capture/orchestrator.h"

#include <poll.h>
#include <sched.h>

#include <memory>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "capture/frames.h"
#include "output/shared_sink.h"
#include "support/fake_source.h"
#include "support/recording_sink.h"

namespace weir::capture {
namespace {

using test::FakeSource;
using test::FakeSourceOptions;
using test::RecordingSink;

std::uint64_t rejected(const LedgerSnapshot& ledger, RejectReason reason) {
  return ledger.rejected[static_cast<std::size_t>(reason)];
}

// Several lanes into one shared sink that keeps what it is given.
class OrchestratorTest : public testing::Test {
 protected:
  void add_source(std::size_t packets, FakeSourceOptions options = {}) {
    sources_.push_back(std::make_unique<FakeSource>(test::frames_with_dns(packets, 2), options));
  }

  Orchestrator& make(const OrchestratorOptions& options = {},
                     std::uint32_t lanes_per_interface = 1) {
    std::vector<Lane> lanes;
    for (std::uint32_t i = 0; i < sources_.size(); ++i) {
      lanes.push_back({.source = sources_[i].get(),
                       .interface = {i / lanes_per_interface},
                       .queue = i % lanes_per_interface});
    }
    orchestrator_ = std::make_unique<Orchestrator>(std::move(lanes), clock_, options);
    return *orchestrator_;
  }

  [[nodiscard]] CapturePlan plan(std::uint64_t generation, std::string_view expression) {
    return {.generation = generation,
            .sessions = {{.session = session_.get(),
                          .outputs = outputs_.get(),
                          .filter = std::string(expression)}}};
  }
  Result<void> change_filter(std::string_view expression) {
    WEIR_TRY(StagedPlan staged, orchestrator_->stage(plan(++generation_, expression)));
    EXPECT_TRUE(orchestrator_->change(std::move(staged), std::chrono::minutes(1)));
    return ok();
  }

  void start(std::string_view expression = "", std::optional<std::size_t> room = std::nullopt,
             std::uint64_t packets_max = 0) {
    auto recording = std::make_unique<RecordingSink>(room);
    recording_ = recording.get();
    sink_ = std::make_unique<output::SharedSink>(std::move(recording),
                                                 static_cast<std::uint32_t>(sources_.size()));
    session_ = std::make_unique<Session>("one", sources_.size(),
                                         SessionLimits{.packets_max = packets_max});
    outputs_ =
        std::make_unique<SessionOutputs>(std::vector<output::Sink*>{sink_.get()}, sources_.size());
    auto staged = orchestrator_->stage(plan(++generation_, expression));
    ASSERT_TRUE(staged.ok()) << staged.error().context;
    ASSERT_TRUE(orchestrator_->start(std::move(*staged)).ok());
  }

  void wait_for_end() {
    for (;;) {
      pollfd wait{orchestrator_->ended_fd(), POLLIN, 0};
      ASSERT_EQ(::poll(&wait, 1, 60'000), 1);
      if (orchestrator_->tend()) break;
    }
    orchestrator_->join();
  }

  SystemClock clock_;
  std::vector<std::unique_ptr<FakeSource>> sources_;
  RecordingSink* recording_ = nullptr;
  std::unique_ptr<output::SharedSink> sink_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<SessionOutputs> outputs_;
  std::uint64_t generation_ = 0;
  std::unique_ptr<Orchestrator> orchestrator_;  // first to go: it still uses the others
};

TEST_F(OrchestratorTest, TheLedgersOfTheWorkersAddUp) {
  for (const std::size_t packets : {1000u, 2000u, 3000u}) add_source(packets);
  Orchestrator& orchestrator = make();
  start("udp port 53");
  wait_for_end();
  const LedgerSnapshot ledger = orchestrator.ledger();
  EXPECT_EQ(ledger.received, 6000u);
  EXPECT_EQ(ledger.accepted, 3000u);
  EXPECT_EQ(orchestrator.lane_ledger(1).accepted, 1000u);
  EXPECT_TRUE(ledger.balanced());
  EXPECT_EQ(recording_->frames().size(), 3000u);
  EXPECT_TRUE(recording_->closed());
  EXPECT_EQ(orchestrator.outcome().reason, ExitReason::Eof);
}

TEST_F(OrchestratorTest, TheWorkersShareTheLimit) {
  for (int i = 0; i < 4; ++i) add_source(20'000, {.lossless = false, .endless = true});
  Orchestrator& orchestrator = make();
  start("", std::nullopt, 12'345);
  wait_for_end();
  const LedgerSnapshot ledger = orchestrator.ledger();
  EXPECT_EQ(ledger.accepted, 12'345u);
  EXPECT_EQ(recording_->frames().size(), 12'345u);
  EXPECT_EQ(rejected(ledger, RejectReason::Limit), 80'000u - 12'345u);
  EXPECT_TRUE(ledger.balanced());
  EXPECT_EQ(orchestrator.outcome().reason, ExitReason::Count);
}

TEST_F(OrchestratorTest, ALostSourceEndsItsLaneAndTheOthersGoOn) {
  add_source(1000, {.lossless = false, .endless = true});
  add_source(1000, {.fail_at = 100});
  Orchestrator& orchestrator = make();
  start();
  pollfd wait{orchestrator.ended_fd(), POLLIN, 0};
  ASSERT_EQ(::poll(&wait, 1, 60'000), 1);
  EXPECT_FALSE(orchestrator.tend());
  const auto fault = orchestrator.take_lane_fault();
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->context, "fake: broken");
  EXPECT_FALSE(orchestrator.take_lane_fault());
  orchestrator.request_stop(ExitReason::Signal);
  wait_for_end();
  EXPECT_EQ(orchestrator.lane_ledger(0).accepted, 1000u);
  EXPECT_EQ(orchestrator.lane_ledger(1).accepted, 100u);
  EXPECT_EQ(orchestrator.outcome().reason, ExitReason::Signal);
  ASSERT_TRUE(orchestrator.outcome().error);
  EXPECT_EQ(orchestrator.outcome().error->context, "fake: broken");
}

TEST_F(OrchestratorTest, AnInterfaceOfSeveralLanesIsLostOnce) {
  for (int i = 0; i < 2; ++i) add_source(1000, {.lossless = false, .endless = true});
  for (int i = 0; i < 2; ++i) add_source(1000, {.fail_at = 100});
  Orchestrator& orchestrator = make({}, 2);
  start();
  std::size_t faults = 0;
  while (orchestrator.ledger().received < 2200 || faults == 0) {
    orchestrator.tend();
    if (orchestrator.take_lane_fault()) ++faults;
  }
  orchestrator.request_stop(ExitReason::Signal);
  wait_for_end();
  if (orchestrator.take_lane_fault()) ++faults;
  EXPECT_EQ(faults, 1u);
}

TEST_F(OrchestratorTest, WithItsOnlyInterfaceTheWholeCaptureIsLost) {
  for (int i = 0; i < 3; ++i) add_source(1000, {.fail_at = 100});
  Orchestrator& orchestrator = make({}, 3);
  start();
  wait_for_end();
  EXPECT_FALSE(orchestrator.take_lane_fault()) << "that is the outcome, and told there";
  ASSERT_TRUE(orchestrator.outcome().error);
  EXPECT_EQ(orchestrator.outcome().reason, ExitReason::Error);
}

TEST_F(OrchestratorTest, BrokenOutputsEndAllLanes) {
  for (int i = 0; i < 3; ++i) add_source(2000, {.lossless = false, .endless = true});
  Orchestrator& orchestrator = make();
  start("", 500);
  wait_for_end();
  EXPECT_EQ(recording_->frames().size(), 500u);
  EXPECT_TRUE(orchestrator.ledger().balanced());
  EXPECT_EQ(orchestrator.ledger().received, 6000u);
  EXPECT_EQ(orchestrator.outcome().reason, ExitReason::Error);
  EXPECT_EQ(orchestrator.outcome().error->code, ErrorCode::NoSpace);
}

TEST_F(OrchestratorTest, AbortDropsWhatTheRingsHoldByName) {
  for (int i = 0; i < 2; ++i) add_source(100'000, {.lossless = false, .endless = true});
  Orchestrator& orchestrator = make();
  start();
  orchestrator.request_stop(ExitReason::Signal);
  orchestrator.request_abort();
  wait_for_end();
  const LedgerSnapshot ledger = orchestrator.ledger();
  EXPECT_EQ(ledger.received, 200'000u);
  EXPECT_EQ(ledger.in_ring, 0u);
  EXPECT_TRUE(ledger.balanced());
  EXPECT_EQ(orchestrator.outcome().reason, ExitReason::Signal);
}

TEST_F(OrchestratorTest, AChangeWidensTheKernelSwitchesTheWorkersAndNarrowsTheKernel) {
  for (int i = 0; i < 2; ++i) add_source(100, {.lossless = false, .endless = true});
  Orchestrator& orchestrator = make();
  start("tcp");
  ASSERT_TRUE(change_filter("udp port 53").ok());
  for (const auto& source : sources_) {
    EXPECT_EQ(source->prefilters(), (std::vector<std::string>{"tcp", "", "udp port 53"}));
  }
  const auto refused = change_filter("tcp prot 80");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::BadFilter);
  EXPECT_EQ(sources_[0]->prefilters().size(), 3u) << "a refused expression changes nothing";
  orchestrator.request_stop(ExitReason::Signal);
  wait_for_end();
  EXPECT_TRUE(orchestrator.ledger().balanced());
}

TEST_F(OrchestratorTest, AFilterForWorkersThatHaveEndedIsNotWaitedFor) {
  add_source(10);
  make();
  start();
  wait_for_end();
  EXPECT_TRUE(change_filter("udp").ok());
}

TEST_F(OrchestratorTest, EachWorkerStaysOnACoreOfItsOwnWhereThereAreEnough) {
  cpu_set_t allowed;
  ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
  const int cores = CPU_COUNT(&allowed);
  const int workers = std::min(cores, 4);
  for (int i = 0; i < workers; ++i) add_source(10);
  Orchestrator& orchestrator = make({.stay_on_cores = true});
  start();
  wait_for_end();
  std::set<int> used;
  for (std::size_t i = 0; i < orchestrator.lane_count(); ++i) {
    const int core = orchestrator.lane_core(i);
    ASSERT_GE(core, 0);
    EXPECT_TRUE(CPU_ISSET(static_cast<std::size_t>(core), &allowed));
    used.insert(core);
  }
  EXPECT_EQ(used.size(), static_cast<std::size_t>(workers));
}

TEST_F(OrchestratorTest, MoreWorkersThanCoresAreLeftToTheScheduler) {
  CoreChoice choice(CPU_SETSIZE + 1);
  EXPECT_EQ(choice.stay_on_one(), -1);
}

}  // namespace
}  // namespace weir::capture
