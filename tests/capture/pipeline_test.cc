#include "capture/pipeline.h"

#include <gtest/gtest.h>

#include "capture/frames.h"
#include "capture/one_session.h"
#include "support/fake_source.h"
#include "support/recording_sink.h"

namespace weir::capture {
namespace {

using test::FakeSource;
using test::OneSession;
using test::RecordingSink;

constexpr Duration kNoWait{0};

std::uint64_t rejected(const LedgerSnapshot& ledger, RejectReason reason) {
  return ledger.rejected[static_cast<std::size_t>(reason)];
}

// Runs until something else than packets comes.
Step run_all(Pipeline& pipeline) {
  Step step = Step::Packets;
  while (step == Step::Packets) step = pipeline.run_batch(kNoWait);
  return step;
}

TEST(Pipeline, EveryPacketIsAcceptedOrRejectedAndTheLedgerBalances) {
  FakeSource source(test::frames_with_dns(1000, 4));
  RecordingSink sink;
  OneSession one({.filter = "udp port 53", .sinks = {&sink}});
  Pipeline pipeline(source, one.plan());
  ASSERT_TRUE(pipeline.prepare().ok());

  EXPECT_EQ(run_all(pipeline), Step::SourceEnded);
  const LedgerSnapshot ledger = pipeline.ledger();
  EXPECT_EQ(ledger.received, 1000u);
  EXPECT_EQ(ledger.accepted, 250u);
  EXPECT_EQ(rejected(ledger, RejectReason::Filter), 750u);
  EXPECT_TRUE(ledger.balanced());
  EXPECT_EQ(sink.frames().size(), 250u);
  EXPECT_TRUE(output::balanced(sink.statistics()));
  EXPECT_EQ(ledger.accepted_bytes, 250u * 46);
  EXPECT_EQ(pipeline.times().first.ns, 1'000);
  EXPECT_EQ(pipeline.times().last.ns, 1'000'000);
}

TEST(Pipeline, ResultsDoNotDependOnTheBatchSize) {
  for (const std::uint32_t batch : {1u, 3u, 255u, 256u}) {
    FakeSource source(test::frames_with_dns(1000, 3), {.batch_packets_max = batch});
    RecordingSink sink;
    OneSession one({.filter = "port 53", .sinks = {&sink}, .packets_max = 100});
    Pipeline pipeline(source, one.plan());
    EXPECT_EQ(run_all(pipeline), Step::LimitReached) << batch;
    EXPECT_EQ(pipeline.ledger().received, 298u) << batch;
    EXPECT_EQ(pipeline.ledger().accepted, 100u) << batch;
  }
}

TEST(Pipeline, TheLastWantedPacketIsTheLastOneTaken) {
  FakeSource source(test::frames_with_dns(1000, 10));
  OneSession one({.filter = "port 53", .packets_max = 7});
  Pipeline pipeline(source, one.plan());
  EXPECT_EQ(run_all(pipeline), Step::LimitReached);
  EXPECT_EQ(source.handed_out(), 61u) << "packets 0, 10, ... 60 are the seven";
}

TEST(Pipeline, WhatARingStillHoldsAfterTheLimitIsRejected) {
  FakeSource source(test::frames_with_dns(500, 1), {.lossless = false});
  OneSession one({.filter = "", .packets_max = 10});
  Pipeline pipeline(source, one.plan());
  EXPECT_EQ(run_all(pipeline), Step::LimitReached);
  source.close_intake();
  while (pipeline.discard_batch(kNoWait) == Step::Packets) {
  }
  const LedgerSnapshot ledger = pipeline.ledger();
  EXPECT_EQ(ledger.received, 500u);
  EXPECT_EQ(ledger.accepted, 10u);
  EXPECT_EQ(rejected(ledger, RejectReason::Limit), 490u);
  EXPECT_TRUE(ledger.balanced());
}

TEST(Pipeline, NothingIsPulledWithoutCredit) {
  FakeSource source(test::frames_with_dns(100, 1));
  RecordingSink sink(0);
  OneSession one({.filter = "", .sinks = {&sink}});
  Pipeline pipeline(source, one.plan());
  EXPECT_EQ(pipeline.run_batch(kNoWait), Step::Failed);
  EXPECT_EQ(pipeline.error()->code, ErrorCode::NoSpace);
  EXPECT_EQ(source.handed_out(), 0u);
}

TEST(Pipeline, AFullSinkLosesPacketsByNameAndEndsTheRun) {
  FakeSource source(test::frames_with_dns(1000, 1), {.batch_packets_max = 64});
  RecordingSink sink(100);
  OneSession one({.filter = "", .sinks = {&sink}});
  Pipeline pipeline(source, one.plan());
  EXPECT_EQ(run_all(pipeline), Step::Failed);
  EXPECT_EQ(sink.statistics().offered.value(), 128u);
  EXPECT_EQ(sink.statistics().written.value(), 100u);
  EXPECT_EQ(sink.statistics().lost[static_cast<std::size_t>(LostReason::NoSpace)].value(), 28u);
  EXPECT_TRUE(pipeline.ledger().balanced());
}

TEST(Pipeline, AFilterIsCompiledAgainForANewLinkType) {
  FakeSource source(test::frames_with_dns(300, 1), {.interface_at = 100});
  OneSession one({.filter = "udp"});
  Pipeline pipeline(source, one.plan());
  EXPECT_EQ(run_all(pipeline), Step::SourceEnded);
  EXPECT_EQ(pipeline.ledger().accepted, 100u) << "an Ethernet header is no IP packet";
  EXPECT_EQ(pipeline.ledger().malformed[static_cast<std::size_t>(MalformedReason::BadVersion)],
            200u);
}

TEST(Pipeline, AFilterThatANewLinkTypeRefusesEndsTheRun) {
  FakeSource source(
      test::frames_with_dns(300, 1),
      {.batch_packets_max = 100, .interface_at = 100, .second_link_type = LinkType::Raw});
  OneSession one({.filter = "ether host 02:00:00:00:00:01"});
  Pipeline pipeline(source, one.plan());
  EXPECT_EQ(run_all(pipeline), Step::Failed);
  EXPECT_EQ(pipeline.error()->code, ErrorCode::BadFilter);
  EXPECT_EQ(pipeline.ledger().accepted, 100u);
  EXPECT_TRUE(pipeline.ledger().balanced());
}

// How far the analysis was told that time has come.
struct TimeKeeper final : DeepStage {
  void take(const PacketBatch&, const HeadersArray&, const KeysArray&, const Verdicts&, SessionMask,
            protocol::FlowUids*) override {
    ++batches;
  }
  void idle(Timestamp now) override { told = now; }
  void finish() override {}
  int batches = 0;
  Timestamp told;
};

TEST(Pipeline, ShowsTheAnalysisOfALiveCaptureThatTimePassesWithWhatNobodyWants) {
  for (const bool lossless : {false, true}) {
    FakeSource source(test::frames_with_dns(100, 1000), {.lossless = lossless});
    RecordingSink sink;
    TimeKeeper deep;
    OneSession one({.filter = "tcp", .sinks = {&sink}, .stage = &deep});
    Pipeline pipeline(source, one.plan());
    ASSERT_TRUE(pipeline.prepare().ok());
    EXPECT_EQ(run_all(pipeline), Step::SourceEnded);
    EXPECT_EQ(deep.batches, 0);
    EXPECT_EQ(deep.told.ns, lossless ? 0 : 100'000);
  }
}

}  // namespace
}  // namespace weir::capture
