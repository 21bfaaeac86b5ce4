// Packets whose source is refused, in the pipeline: what becomes of them in the accounts of the
// capture and of its sessions.
#include <poll.h>

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "capture/frames.h"
#include "capture/one_session.h"
#include "capture/orchestrator.h"
#include "capture/pipeline.h"
#include "support/fake_source.h"
#include "support/packet_builder.h"
#include "support/recording_sink.h"

namespace weir::capture {
namespace {

using security::SourceRefusal;
using security::SourceRules;
using test::FakeSource;
using test::RecordingSink;

std::uint64_t rejected(const LedgerSnapshot& ledger, RejectReason reason) {
  return ledger.rejected[static_cast<std::size_t>(reason)];
}

security::SourceValidator compiled(const std::vector<SourceRules>& rules) {
  auto validator = security::SourceValidator::compile(rules);
  EXPECT_TRUE(validator.ok());
  return std::move(*validator);
}

// From 10.0.0.n; `vni` 0: not in a tunnel.
std::vector<std::uint8_t> frame_from(std::uint64_t n, std::uint32_t vni = 0) {
  test::PacketBuilder builder;
  builder.ethernet().ipv4("10.0.0." + std::to_string(n), "192.0.2.1");
  if (vni != 0) {
    builder.udp(40000, 4789).vxlan(vni).ethernet().ipv4("172.16.0.1", "172.16.0.2").udp(1, 53);
  } else {
    builder.udp(1, 53);
  }
  return builder.build();
}

struct Session {
  explicit Session(std::string name, SessionLimits limits = {})
      : account(std::move(name), 1, limits), outputs({&sink}, 1) {}
  [[nodiscard]] SessionPlan plan(std::string filter = "") {
    return {.session = &account, .outputs = &outputs, .filter = std::move(filter)};
  }
  RecordingSink sink;
  capture::Session account;
  SessionOutputs outputs;
};

class SourceCheckTest : public testing::Test {
 protected:
  Orchestrator& over(std::vector<std::vector<std::uint8_t>> frames, bool endless = false) {
    source_ = std::make_unique<FakeSource>(
        std::move(frames), test::FakeSourceOptions{.lossless = false, .endless = endless});
    orchestrator_ =
        std::make_unique<Orchestrator>(std::vector<Lane>{{.source = source_.get()}}, clock_);
    return *orchestrator_;
  }
  void run(const CapturePlan& plan) {
    auto staged = orchestrator_->stage(plan);
    ASSERT_TRUE(staged.ok()) << staged.error().context;
    ASSERT_TRUE(orchestrator_->start(std::move(*staged)).ok());
    while (!orchestrator_->tend()) {
      pollfd wait{orchestrator_->ended_fd(), POLLIN, 0};
      ASSERT_EQ(::poll(&wait, 1, 60'000), 1);
    }
    orchestrator_->join();
  }
  [[nodiscard]] std::uint64_t refused(SourceRefusal kind) const {
    return orchestrator_->worker(0).refused_sources().refused(kind);
  }

  SystemClock clock_;
  std::unique_ptr<FakeSource> source_;
  std::unique_ptr<Orchestrator> orchestrator_;
};

TEST_F(SourceCheckTest, NoSessionIsOfferedARefusedPacket) {
  Session all("all");
  Session dns("dns");
  Session paused("paused");
  std::vector<std::vector<std::uint8_t>> frames;
  for (std::uint64_t i = 0; i < 1000; ++i) frames.push_back(frame_from(i % 4));
  over(std::move(frames));
  SessionPlan waiting = paused.plan();
  waiting.paused = true;
  run({.generation = 1,
       .sessions = {all.plan(), dns.plan("udp port 53"), waiting},
       .sources = compiled({{.deny_nets = {"10.0.0.3"}}})});
  EXPECT_EQ(all.sink.frames().size(), 750u);
  EXPECT_EQ(dns.sink.frames().size(), 750u);
  for (Session* one : {&all, &dns, &paused}) {
    EXPECT_EQ(one->account.ledger().received, 750u);
    EXPECT_EQ(one->account.ledger().received_bytes, 750u * frame_from(1).size());
    EXPECT_TRUE(one->account.ledger().balanced());
  }
  const LedgerSnapshot whole = orchestrator_->ledger();
  EXPECT_EQ(rejected(whole, RejectReason::Source), 250u);
  EXPECT_EQ(whole.accepted, 750u);
  EXPECT_TRUE(whole.balanced());
  EXPECT_EQ(refused(SourceRefusal::Address), 250u);
}

TEST_F(SourceCheckTest, ABlockByPolicyHasAReasonOfItsOwn) {
  Session all("all");
  over(test::frames_with_dns(500, 4));
  run({.generation = 1, .sessions = {all.plan()}, .sources = compiled({{.block = true}})});
  EXPECT_EQ(all.sink.frames().size(), 0u);
  EXPECT_EQ(all.account.ledger().received, 0u);
  EXPECT_EQ(rejected(orchestrator_->ledger(), RejectReason::Policy), 500u);
  EXPECT_TRUE(orchestrator_->ledger().balanced());
  EXPECT_EQ(refused(SourceRefusal::Blocked), 500u);
}

TEST_F(SourceCheckTest, TheSecondStepLooksAtTheTunnel) {
  Session all("all");
  over({frame_from(1, 100), frame_from(1, 101), frame_from(1), frame_from(2, 100)});
  run({.generation = 1,
       .sessions = {all.plan()},
       .sources = compiled({{.nets = {"10.0.0.1"}, .vnis = {{100, 100}}}})});
  EXPECT_EQ(all.sink.frames().size(), 1u);
  EXPECT_EQ(refused(SourceRefusal::Vni), 2u);
  EXPECT_EQ(refused(SourceRefusal::Address), 1u);
  EXPECT_EQ(rejected(orchestrator_->ledger(), RejectReason::Source), 3u);
}

TEST_F(SourceCheckTest, ALimitCountsWhatWasAccepted) {
  Session few("few", {.packets_max = 10});
  std::vector<std::vector<std::uint8_t>> frames;
  for (std::uint64_t i = 0; i < 1000; ++i) frames.push_back(frame_from(i % 2));
  over(std::move(frames));
  run({.generation = 1,
       .sessions = {few.plan()},
       .sources = compiled({{.deny_nets = {"10.0.0.0"}}})});
  EXPECT_EQ(few.sink.frames().size(), 10u);
  EXPECT_EQ(orchestrator_->ledger().accepted, 10u);
  EXPECT_GE(rejected(orchestrator_->ledger(), RejectReason::Source), 9u);
  EXPECT_TRUE(orchestrator_->ledger().balanced());
}

TEST_F(SourceCheckTest, InterfacesThatAppearLaterAreKnownByTheirNames) {
  FakeSource source(test::frames_with_dns(600, 4),
                    {.interface_at = 300, .second_link_type = LinkType::Ethernet});
  test::OneSession one({});
  auto plan = one.plan();
  plan->sources = compiled({{.interfaces = {"fake1"}}});
  Pipeline pipeline(source, std::move(plan));
  ASSERT_TRUE(pipeline.prepare().ok());
  while (pipeline.run_batch(Duration(0)) == Step::Packets)
    ASSERT_TRUE(pipeline.ledger().balanced());
  EXPECT_EQ(pipeline.refused_sources().refused(SourceRefusal::Interface), 300u);
  EXPECT_EQ(pipeline.ledger().accepted, 300u);
  EXPECT_EQ(pipeline.refused_sources().example(SourceRefusal::Interface)->interface.index, 0u);
}

TEST_F(SourceCheckTest, AChangeIsInForceFromABatchOn) {
  constexpr std::size_t kPackets = 1000;
  FakeSource source(test::frames_with_dns(kPackets, 4), {.batch_packets_max = 100});
  test::OneSession one({});
  auto plan = one.plan();
  plan->generation = 1;
  Pipeline pipeline(source, std::move(plan));
  ASSERT_TRUE(pipeline.prepare().ok());
  const auto offer = [&](std::uint64_t generation, const std::vector<SourceRules>& rules) {
    auto next = one.plan();
    next->generation = generation;
    ASSERT_TRUE(next->filters.prepare(LinkType::Ethernet).ok());
    next->sources = compiled(rules);
    next->sources.prepare("fake0");
    pipeline.offer(std::move(next));
  };
  for (int i = 0; i < 3; ++i) ASSERT_EQ(pipeline.run_batch(Duration(0)), Step::Packets);
  offer(2, {{.nets = {"192.0.2.0/24"}}});
  EXPECT_EQ(pipeline.ledger().accepted, 300u);
  for (int i = 0; i < 4; ++i) ASSERT_EQ(pipeline.run_batch(Duration(0)), Step::Packets);
  EXPECT_EQ(pipeline.generation(), 2u);
  EXPECT_EQ(pipeline.ledger().accepted, 300u);
  EXPECT_EQ(rejected(pipeline.ledger(), RejectReason::Source), 400u);
  offer(3, {});
  for (int i = 0; i < 3; ++i) ASSERT_EQ(pipeline.run_batch(Duration(0)), Step::Packets);
  EXPECT_EQ(pipeline.ledger().accepted, 600u);
  EXPECT_EQ(rejected(pipeline.ledger(), RejectReason::Source), 400u);
  EXPECT_TRUE(pipeline.ledger().balanced());
}

TEST_F(SourceCheckTest, TheLawsHoldAfterEveryBatchUnderAnyRules) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng prng(seed);
    std::vector<std::vector<std::uint8_t>> frames;
    for (int i = 0; i < 2000; ++i) {
      frames.push_back(frame_from(prng.below(8), static_cast<std::uint32_t>(prng.below(4))));
    }
    FakeSource source(std::move(frames),
                      {.lossless = prng.chance(1, 2),
                       .batch_packets_max = 1 + static_cast<std::uint32_t>(prng.below(256))});
    test::OneSession one({.filter = prng.chance(1, 2) ? "udp port 53" : "",
                          .packets_max = prng.chance(1, 3) ? 500u : 0u});
    Pipeline pipeline(source, one.plan());
    ASSERT_TRUE(pipeline.prepare().ok());
    std::uint64_t batches = 0;
    Step step = Step::Packets;
    while (step == Step::Packets) {
      if (prng.chance(1, 3)) {
        auto next = one.plan();
        ASSERT_TRUE(next->filters.prepare(LinkType::Ethernet).ok());
        SourceRules rules{.block = prng.chance(1, 10)};
        if (prng.chance(1, 2)) rules.nets = {"10.0.0.0/30"};
        if (prng.chance(1, 2)) rules.deny_nets = {"10.0.0.2"};
        if (prng.chance(1, 3)) rules.vnis = {{1, 2}};
        next->sources = compiled({rules});
        next->sources.prepare("fake0");
        pipeline.offer(std::move(next));
      }
      step = pipeline.run_batch(Duration(0));
      ++batches;
      const LedgerSnapshot whole = pipeline.ledger();
      ASSERT_TRUE(whole.balanced()) << "batch " << batches;
      ASSERT_TRUE(one.session().ledger().balanced()) << "batch " << batches;
      std::uint64_t refused = 0;
      for (std::size_t kind = 1; kind < security::kSourceRefusals; ++kind) {
        refused += pipeline.refused_sources().refused(static_cast<SourceRefusal>(kind));
      }
      ASSERT_EQ(rejected(whole, RejectReason::Source) + rejected(whole, RejectReason::Policy),
                refused);
      ASSERT_EQ(one.session().ledger().received + refused, whole.delivered);
    }
    EXPECT_GT(batches, 2u);
  }
}

}  // namespace
}  // namespace weir::capture
