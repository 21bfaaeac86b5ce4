// What a session does without under pressure, one mechanism at a time, through the whole pipeline.
#include "capture/relief.h"

#include <map>
#include <set>

#include <gmock/gmock.h>

#include "base/prng.h"
#include "capture/flow_sample.h"
#include "capture/frames.h"
#include "capture/relieved.h"
#include "support/packet_builder.h"

namespace weir::capture {
namespace {

using test::FakeSource;
using test::FakeSourceOptions;
using test::PacketBuilder;
using test::pipeline_of;
using test::Relieved;
using test::run_all;
using testing::Each;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::SizeIs;
using Frames = std::vector<std::vector<std::uint8_t>>;
using Step = capture::Step;

constexpr Duration kNoWait{0};
constexpr FakeSourceOptions kRing{.lossless = false};
constexpr std::uint32_t kHeaders = 14 + 20 + 20;

std::uint64_t dropped_of(const Pipeline& pipeline) {
  return pipeline.ledger().dropped[static_cast<std::size_t>(DropReason::Pressure)];
}

// What a ring of these frames leaves to a session with this relief.
std::set<std::vector<std::uint8_t>> kept_of(const Frames& frames, const Relief& relief) {
  FakeSource source(frames, kRing);
  Relieved one("one", {});
  one.session().set_relief(relief);
  auto pipeline = pipeline_of(source, {&one});
  run_all(*pipeline);
  return {one.sink().frames().begin(), one.sink().frames().end()};
}

TEST(Relief, IsTheSameAfterItsWord) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const Relief relief{.cutoff_bytes = static_cast<std::uint32_t>(random.below(1u << 22)) * 64,
                        .keep_bytes = static_cast<std::uint32_t>(random.below(1u << 13)) * 64,
                        .sample = static_cast<std::uint32_t>(random.below(Relief::kAllFlows + 1)),
                        .flow_share = static_cast<std::uint32_t>(1 + random.below(16)),
                        .shed = random.chance(1, 2)};
    EXPECT_EQ(relief_of(packed(relief)), relief);
  }
  EXPECT_EQ(relief_of(packed({.cutoff_bytes = 1, .keep_bytes = 65})),
            (Relief{.cutoff_bytes = 64, .keep_bytes = 128}))
      << "steps, rounded up";
  EXPECT_EQ(relief_of(packed({.cutoff_bytes = ~0u, .keep_bytes = ~0u})),
            (Relief{.cutoff_bytes = kReliefCutoffMax, .keep_bytes = kReliefKeepMax}));
  EXPECT_GE(kReliefKeepMax, kPacketBytesMax);
}

TEST(Relief, SheddingDropsWhatFilterAndRulesWanted) {
  FakeSource source(test::frames_with_dns(512, 4), kRing);
  Relieved dns("dns", {.filter = "udp port 53"});
  auto pipeline = pipeline_of(source, {&dns});
  EXPECT_EQ(pipeline->run_batch(kNoWait), Step::Packets);
  dns.session().set_relief({.shed = true});
  EXPECT_EQ(pipeline->run_batch(kNoWait), Step::Packets);
  EXPECT_THAT(dns.sink().frames(), SizeIs(64)) << "of the first batch";
  EXPECT_EQ(dns.dropped(), 64u);
  EXPECT_EQ(dns.rejected(RejectReason::Filter), 384u);
  EXPECT_EQ(dns.sink().told_dropped(), 64u);
  EXPECT_TRUE(dns.session().ledger().balanced());
  EXPECT_EQ(pipeline->ledger().accepted, 64u);
  EXPECT_EQ(dropped_of(*pipeline), 64u);
  EXPECT_TRUE(pipeline->ledger().balanced());
}

TEST(Relief, APacketThatAnotherSessionKeepsIsAcceptedByTheCapture) {
  FakeSource source(test::frames_with_dns(256, 4), kRing);
  Relieved all("all", {});
  Relieved dns("dns", {.filter = "udp port 53"});
  all.session().set_relief({.shed = true});
  auto pipeline = pipeline_of(source, {&all, &dns});
  run_all(*pipeline);
  EXPECT_EQ(all.dropped(), 256u);
  EXPECT_EQ(dns.dropped(), 0u);
  EXPECT_EQ(pipeline->ledger().accepted, 64u);
  EXPECT_EQ(dropped_of(*pipeline), 192u) << "one wanted them, nobody has them";
  EXPECT_EQ(pipeline->ledger().rejected_total(), 0u);
  EXPECT_TRUE(pipeline->ledger().balanced());
}

TEST(Relief, TakesEffectInTheNextBatchAndEndsInTheNextBatch) {
  FakeSource source(test::frames_of_flows(500), {.lossless = false, .batch_packets_max = 100});
  Relieved one("one", {});
  auto pipeline = pipeline_of(source, {&one});
  std::vector<std::size_t> after;
  for (const bool shed : {false, true, true, false, true}) {
    one.session().set_relief({.shed = shed});
    EXPECT_EQ(pipeline->run_batch(kNoWait), Step::Packets);
    after.push_back(one.sink().frames().size());
  }
  EXPECT_THAT(after, ElementsAre(100, 100, 100, 200, 200));
}

TEST(Relief, APausedSessionDropsNothing) {
  FakeSource source(test::frames_of_flows(100), kRing);
  Relieved paused("paused", {.paused = true});
  paused.session().set_relief({.cutoff_bytes = 64, .shed = true});
  auto pipeline = pipeline_of(source, {&paused});
  run_all(*pipeline);
  EXPECT_EQ(paused.rejected(RejectReason::Paused), 100u);
  EXPECT_EQ(paused.dropped(), 0u);
  EXPECT_EQ(paused.sink().told_dropped(), 0u);
  EXPECT_TRUE(paused.session().ledger().balanced());
}

TEST(Relief, WhatIsDroppedDoesNotCountAgainstTheLimit) {
  FakeSource source(test::frames_of_flows(1000), kRing);
  Relieved one("one", {.packets_max = 100});
  one.session().set_relief({.sample = Relief::kAllFlows / 2});
  auto pipeline = pipeline_of(source, {&one});
  run_all(*pipeline);
  EXPECT_THAT(one.sink().frames(), SizeIs(100));
  EXPECT_GT(one.dropped(), 50u);
  EXPECT_TRUE(one.session().ledger().balanced());
}

TEST(Relief, FilesAreNeverGivenUp) {
  FakeSource source(test::frames_of_flows(1000), {.lossless = true});
  Relieved one("one", {});
  one.session().set_relief({.cutoff_bytes = 64, .keep_bytes = 64, .sample = 0, .shed = true});
  auto pipeline = pipeline_of(source, {&one});
  run_all(*pipeline);
  EXPECT_THAT(one.sink().frames(), ElementsAreArray(test::frames_of_flows(1000)));
  EXPECT_EQ(one.session().ledger().dropped_total(), 0u);
  EXPECT_EQ(one.session().ledger().truncated, 0u);
}

// --- samples

TEST(Sample, SmallerOnesArePartsOfLargerOnes) {
  const Frames frames = test::frames_of_flows(8192);
  std::set<std::vector<std::uint8_t>> larger(frames.begin(), frames.end());
  for (const std::uint32_t sixteenths : {15u, 12u, 8u, 4u, 2u, 1u, 0u}) {
    const auto kept = kept_of(frames, {.sample = sixteenths << 12});
    EXPECT_TRUE(std::ranges::includes(larger, kept)) << sixteenths;
    EXPECT_NEAR(static_cast<double>(kept.size()), 512.0 * sixteenths, 150) << sixteenths;
    larger = kept;
  }
}

TEST(Sample, AFlowIsWholeOrAbsentInBothDirections) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    Frames frames;
    std::map<std::uint16_t, std::size_t> sent;
    for (int i = 0; i < 5000; ++i) {
      const auto port = static_cast<std::uint16_t>(20'000 + random.below(300));
      PacketBuilder builder;
      builder.ethernet();
      if (random.chance(1, 2)) {
        builder.ipv4("10.0.0.1", "10.0.0.2").tcp(port, 443);
      } else {
        builder.ipv4("10.0.0.2", "10.0.0.1").tcp(443, port);
      }
      frames.push_back(builder.payload(random.below(100)).build());
      ++sent[port];
    }
    FakeSource source(frames, {.lossless = false, .batch_packets_max = 50});
    Relieved one("one", {});
    one.session().set_relief({.sample = Relief::kAllFlows / 3});
    auto pipeline = pipeline_of(source, {&one});
    run_all(*pipeline);
    std::map<std::uint16_t, std::size_t> kept;
    for (const auto& frame : one.sink().frames()) {
      const bool there = frame[29] == 1;
      ++kept[load_be16(frame.data() + (there ? 34 : 36))];
    }
    EXPECT_GT(kept.size(), 50u);
    EXPECT_LT(kept.size(), 150u);
    for (const auto& [port, packets] : kept) EXPECT_EQ(packets, sent[port]) << port;
  }
}

TEST(Sample, PacketsOfNoFlowStayUntilNothingDoes) {
  const std::vector<std::uint8_t> arp = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1};
  const Frames frames(10, arp);
  EXPECT_THAT(kept_of(frames, {.sample = 1}), SizeIs(1));
  EXPECT_THAT(kept_of(frames, {.sample = 0}), SizeIs(0));
}

TEST(Sample, IsNoChoiceOfWorkersOrShards) {
  // Steering and shards take bits of the hash, high or low: a quarter of the flows of each is kept.
  Prng random(1);
  std::map<std::uint64_t, int> high;
  std::map<std::uint64_t, int> low;
  constexpr int kFlows = 1 << 16;
  for (int i = 0; i < kFlows; ++i) {
    const std::uint64_t hash = random.next();
    if (!in_sample(hash, Relief::kAllFlows / 4)) continue;
    ++high[hash >> 58];
    ++low[hash & 63];
  }
  for (const auto& shards : {high, low}) {
    ASSERT_THAT(shards, SizeIs(64));
    for (const auto& [shard, kept] : shards) EXPECT_NEAR(kept, 256, 80) << shard;
  }
}

// --- less of each packet

std::vector<std::size_t> sizes_of(const Relieved& session) {
  std::vector<std::size_t> sizes;
  for (const auto& frame : session.sink().frames()) sizes.push_back(frame.size());
  return sizes;
}

Frames tcp_frames(std::size_t count, std::size_t payload) {
  return Frames(count, PacketBuilder()
                           .ethernet()
                           .ipv4("10.0.0.1", "10.0.0.2")
                           .tcp(1000, 443)
                           .payload(payload)
                           .build());
}

TEST(Truncation, TheSmallestBoundWins) {
  struct Case {
    std::uint32_t snaplen;
    std::uint32_t rule;
    std::uint32_t relief;
    std::size_t kept;
  };
  for (const Case& one : {Case{0, 0, 64, 64}, Case{100, 0, 64, 64}, Case{40, 0, 64, 40},
                          Case{100, 90, 64, 64}, Case{100, 50, 64, 50}, Case{100, 90, 0, 90}}) {
    FakeSource source(tcp_frames(3, 500), kRing);
    test::RelievedOptions options{.snaplen = one.snaplen};
    if (one.rule != 0) {
      options.rule =
          filter::RuleSpec{.action = filter::RuleAction::Truncate, .keep_bytes = one.rule};
    }
    Relieved session("one", options);
    session.session().set_relief({.keep_bytes = one.relief});
    auto pipeline = pipeline_of(source, {&session});
    run_all(*pipeline);
    EXPECT_THAT(sizes_of(session), Each(one.kept));
    EXPECT_EQ(session.session().ledger().truncated, 3u);
    EXPECT_EQ(session.session().ledger().accepted, 3u);
    EXPECT_EQ(session.dropped(), 0u);
  }
}

TEST(Cutoff, OfPressureStoresTheBeginningOfEachFlow) {
  FakeSource source(tcp_frames(5, 400), {.lossless = false, .batch_packets_max = 2});
  Relieved one("one", {});
  one.session().set_relief({.cutoff_bytes = 1024});
  auto pipeline = pipeline_of(source, {&one});
  run_all(*pipeline);
  EXPECT_THAT(sizes_of(one), ElementsAre(454, 454, 454, kHeaders, kHeaders));
  EXPECT_EQ(one.session().ledger().truncated, 2u);
}

TEST(Cutoff, OfARuleAndOfPressureTheSmallerOneActs) {
  for (const std::uint32_t of_rule : {640u, 4096u}) {
    FakeSource source(tcp_frames(5, 400), kRing);
    Relieved one("one", {.rule = filter::RuleSpec{.action = filter::RuleAction::Cutoff,
                                                  .cutoff_bytes = of_rule}});
    one.session().set_relief({.cutoff_bytes = 1024});
    auto pipeline = pipeline_of(source, {&one});
    run_all(*pipeline);
    const std::size_t third = of_rule == 640 ? kHeaders : 454;
    EXPECT_THAT(sizes_of(one), ElementsAre(454, 454, third, kHeaders, kHeaders)) << of_rule;
  }
}

TEST(Cutoff, OfPressureGoesWithTruncationAndWithTheRulesOwn) {
  FakeSource source(tcp_frames(4, 400), kRing);
  Relieved one(
      "one", {.rule = filter::RuleSpec{.action = filter::RuleAction::Truncate, .keep_bytes = 48}});
  one.session().set_relief({.cutoff_bytes = 64});
  auto pipeline = pipeline_of(source, {&one});
  run_all(*pipeline);
  EXPECT_THAT(sizes_of(one), ElementsAre(48, 48, 48, 48)) << "less than the headers was asked for";
}

TEST(Cutoff, LeavesTheAnalysisAndOtherSessionsTheWholeFrame) {
  struct Sizes final : DeepStage {
    void take(const PacketBatch& batch, const HeadersArray&, const KeysArray&, const Verdicts&,
              SessionMask, protocol::FlowUids*) override {
      for (const Packet& packet : batch.view()) seen.push_back(packet.captured_bytes);
    }
    void idle(Timestamp) override {}
    void finish() override {}
    std::vector<std::uint32_t> seen;
  } stage;
  FakeSource source(tcp_frames(4, 400), kRing);
  Relieved cut("cut", {.stage = &stage});
  Relieved whole("whole", {});
  cut.session().set_relief({.cutoff_bytes = 64, .keep_bytes = 64});
  auto pipeline = pipeline_of(source, {&cut, &whole});
  run_all(*pipeline);
  EXPECT_THAT(sizes_of(cut), ElementsAre(64, kHeaders, kHeaders, kHeaders));
  EXPECT_THAT(stage.seen, Each(454u));
  EXPECT_THAT(sizes_of(whole), Each(454u));
  EXPECT_EQ(whole.session().ledger().truncated, 0u);
}

// --- the analysis

struct Shares final : DeepStage {
  void take(const PacketBatch&, const HeadersArray&, const KeysArray&, const Verdicts&, SessionMask,
            protocol::FlowUids*) override {
    told.push_back(0);
  }
  void limit_flows(std::uint32_t sixteenths) override { told.push_back(sixteenths); }
  void idle(Timestamp) override {}
  void finish() override {}
  std::vector<std::uint32_t> told;  // 0: packets
};

TEST(FlowShare, ReachesTheAnalysisBeforeThePacketsOfTheNextBatch) {
  FakeSource source(test::frames_of_flows(400), {.lossless = false, .batch_packets_max = 100});
  Shares stage;
  Relieved one("one", {.stage = &stage});
  auto pipeline = pipeline_of(source, {&one});
  for (const std::uint32_t share : {16u, 4u, 16u, 16u}) {
    one.session().set_relief({.flow_share = share});
    EXPECT_EQ(pipeline->run_batch(kNoWait), Step::Packets);
  }
  EXPECT_THAT(stage.told, ElementsAre(0, 4, 0, 16, 0, 0));
}

TEST(FlowShare, ReachesTheAnalysisOfASessionThatIsShed) {
  FakeSource source(test::frames_of_flows(100), kRing);
  Shares stage;
  Relieved one("one", {.stage = &stage});
  one.session().set_relief({.flow_share = 2, .shed = true});
  auto pipeline = pipeline_of(source, {&one});
  EXPECT_EQ(pipeline->run_batch(kNoWait), Step::Packets);
  EXPECT_THAT(stage.told, ElementsAre(2));
}

}  // namespace
}  // namespace weir::capture
