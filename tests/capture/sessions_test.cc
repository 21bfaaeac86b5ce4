// Several sessions in one pass over the packets, and plans that change between two batches.
#include <poll.h>

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "capture/frames.h"
#include "capture/orchestrator.h"
#include "output/shared_sink.h"
#include "support/fake_source.h"
#include "support/recording_sink.h"

namespace weir::capture {
namespace {

using test::FakeSource;
using test::RecordingSink;

std::uint64_t rejected(const LedgerSnapshot& ledger, RejectReason reason) {
  return ledger.rejected[static_cast<std::size_t>(reason)];
}

// A session with a sink that keeps what it is given.
struct Running {
  explicit Running(std::string name, SessionLimits limits = {},
                   std::optional<std::size_t> room = std::nullopt)
      : sink(room), session(std::move(name), 1, limits), outputs({&sink}, 1) {}

  [[nodiscard]] SessionPlan plan(std::string filter = "") {
    return {.session = &session, .outputs = &outputs, .filter = std::move(filter)};
  }

  RecordingSink sink;
  Session session;
  SessionOutputs outputs;
};

class SessionsTest : public testing::Test {
 protected:
  // A ring with `packets`, every fourth of which goes to port 53.
  Orchestrator& over(std::size_t packets, bool endless = false) {
    source_ = std::make_unique<FakeSource>(
        test::frames_with_dns(packets, 4),
        test::FakeSourceOptions{.lossless = false, .endless = endless});
    orchestrator_ =
        std::make_unique<Orchestrator>(std::vector<Lane>{{.source = source_.get()}}, clock_);
    return *orchestrator_;
  }
  void start(const CapturePlan& plan) {
    auto staged = orchestrator_->stage(plan);
    ASSERT_TRUE(staged.ok()) << staged.error().context;
    ASSERT_TRUE(orchestrator_->start(std::move(*staged)).ok());
  }
  void wait_for_end() {
    while (!orchestrator_->tend()) {
      pollfd wait{orchestrator_->ended_fd(), POLLIN, 0};
      ASSERT_EQ(::poll(&wait, 1, 60'000), 1);
    }
    orchestrator_->join();
  }

  SystemClock clock_;
  std::unique_ptr<FakeSource> source_;
  std::unique_ptr<Orchestrator> orchestrator_;
};

TEST_F(SessionsTest, EachHasWhatItWantsAndItsOwnAccount) {
  Running all("all");
  Running dns("dns");
  Running none("none");
  SessionPlan paused = none.plan();
  paused.paused = true;
  over(1000);
  start({.generation = 1, .sessions = {all.plan(), dns.plan("udp port 53"), paused}});
  wait_for_end();
  EXPECT_EQ(all.sink.frames().size(), 1000u);
  EXPECT_EQ(dns.sink.frames().size(), 250u);
  EXPECT_EQ(none.sink.frames().size(), 0u);
  for (Running* one : {&all, &dns, &none}) EXPECT_TRUE(one->session.ledger().balanced());
  EXPECT_EQ(rejected(dns.session.ledger(), RejectReason::Filter), 750u);
  EXPECT_EQ(rejected(none.session.ledger(), RejectReason::Paused), 1000u);
  const LedgerSnapshot whole = orchestrator_->ledger();
  EXPECT_EQ(whole.accepted, 1000u) << "a packet that two sessions want is one packet";
  EXPECT_TRUE(whole.balanced());
}

TEST_F(SessionsTest, APacketThatNoSessionWantsIsRejectedOnce) {
  Running dns("dns");
  Running small("small");
  over(1000);
  start({.generation = 1, .sessions = {dns.plan("udp port 53"), small.plan("less 10")}});
  wait_for_end();
  EXPECT_EQ(orchestrator_->ledger().accepted, 250u);
  EXPECT_EQ(rejected(orchestrator_->ledger(), RejectReason::Filter), 750u);
}

TEST_F(SessionsTest, EachKeepsAsMuchOfAPacketAsItAskedFor) {
  Running whole("whole");
  Running cut("cut");
  over(300);
  SessionPlan short_one = cut.plan();
  short_one.snaplen = 20;
  start({.generation = 1, .sessions = {short_one, whole.plan()}});
  wait_for_end();
  for (const auto& frame : cut.sink.frames()) EXPECT_EQ(frame.size(), 20u);
  for (const auto& frame : whole.sink.frames()) EXPECT_EQ(frame.size(), 46u);
  EXPECT_EQ(cut.session.ledger().truncated, 300u);
  EXPECT_EQ(whole.session.ledger().truncated, 0u);
  EXPECT_EQ(orchestrator_->ledger().truncated, 0u) << "somebody has all of each packet";
}

TEST_F(SessionsTest, RulesTakePacketsAwayAndCutThem) {
  Running ruled("ruled");
  auto set = filter::RuleSet::compile(
      std::vector<filter::RuleSpec>{{.name = "dns",
                                     .ports = {{53, 53}},
                                     .action = filter::RuleAction::Truncate,
                                     .keep_bytes = 30}},
      filter::RuleAction::Reject, filter::Scope::Frame);
  ASSERT_TRUE(set.ok()) << set.error().context;
  SessionRules rules(std::move(*set), 1);
  SessionPlan plan = ruled.plan();
  plan.rules = &rules;
  over(1000);
  start({.generation = 1, .sessions = {plan}});
  wait_for_end();
  ASSERT_EQ(ruled.sink.frames().size(), 250u);
  for (const auto& frame : ruled.sink.frames()) EXPECT_EQ(frame.size(), 30u);
  EXPECT_EQ(rejected(ruled.session.ledger(), RejectReason::Rule), 750u);
  EXPECT_EQ(rules.row(0).packets, 250u);
  EXPECT_EQ(rules.row(1).packets, 750u);
  EXPECT_TRUE(ruled.session.ledger().balanced());
}

TEST_F(SessionsTest, ALimitEndsASessionAndNotTheOthers) {
  Running few("few", {.packets_max = 10});
  Running bytes("bytes", {.bytes_max = 100});
  Running all("all");
  over(1000);
  start({.generation = 1, .sessions = {few.plan(), bytes.plan(), all.plan()}});
  wait_for_end();
  EXPECT_EQ(few.sink.frames().size(), 10u);
  EXPECT_TRUE(few.session.limit_reached());
  EXPECT_EQ(bytes.sink.frames().size(), 3u) << "the packet that crosses the bound is the last one";
  EXPECT_EQ(all.sink.frames().size(), 1000u);
  EXPECT_EQ(rejected(few.session.ledger(), RejectReason::Limit), 990u);
  EXPECT_TRUE(bytes.session.ledger().balanced());
}

TEST_F(SessionsTest, OneThatLosesItsOutputsLeavesTheOthersAlone) {
  Running full("full", {}, 5);
  Running all("all");
  over(1000);
  start({.generation = 1, .sessions = {full.plan(), all.plan()}});
  wait_for_end();
  EXPECT_TRUE(full.outputs.failed());
  ASSERT_TRUE(full.outputs.fault());
  EXPECT_EQ(full.outputs.fault()->code, ErrorCode::NoSpace);
  EXPECT_EQ(all.sink.frames().size(), 1000u);
  EXPECT_EQ(full.sink.statistics().offered.value(), 1000u) << "and what it lost is counted";
}

TEST_F(SessionsTest, AServiceGoesOnWithoutSessions) {
  Running one("one");
  over(500, true);
  start({.generation = 1, .sessions = {one.plan()}, .ends_with_sessions = false});
  auto without = orchestrator_->stage({.generation = 2, .ends_with_sessions = false});
  ASSERT_TRUE(without.ok());
  EXPECT_TRUE(orchestrator_->change(std::move(*without), std::chrono::minutes(1)));
  EXPECT_TRUE(orchestrator_->all_adopted());
  // No worker has it any more: its owner closes it.
  EXPECT_TRUE(one.outputs.close().ok());
  EXPECT_TRUE(one.sink.closed());
  orchestrator_->request_stop(ExitReason::Signal);
  wait_for_end();
  const LedgerSnapshot whole = orchestrator_->ledger();
  EXPECT_EQ(whole.received, 500u);
  EXPECT_TRUE(whole.balanced());
}

TEST_F(SessionsTest, EveryPacketIsJudgedUnderOneGeneration) {
  Running one("one");
  over(50'000, true);
  start({.generation = 1, .sessions = {one.plan()}, .ends_with_sessions = false});
  for (std::uint64_t generation = 2; generation < 2000; ++generation) {
    auto next = orchestrator_->stage({.generation = generation,
                                      .sessions = {one.plan(generation % 2 == 0 ? "udp" : "ip")},
                                      .ends_with_sessions = false});
    ASSERT_TRUE(next.ok());
    ASSERT_TRUE(orchestrator_->change(std::move(*next), std::chrono::minutes(1)));
    EXPECT_EQ(orchestrator_->lane_generation(0), generation);
  }
  orchestrator_->request_stop(ExitReason::Signal);
  wait_for_end();
  std::uint64_t judged = 0;
  for (const GenerationCount& count : orchestrator_->generation_counts()) judged += count.packets;
  EXPECT_EQ(judged, 50'000u);
  EXPECT_EQ(one.sink.frames().size(), 50'000u) << "both filters accept every packet";
  EXPECT_TRUE(one.outputs.close().ok());
}

}  // namespace
}  // namespace weir::capture
