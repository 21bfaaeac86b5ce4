// Pressure that comes and goes between any two batches: what always holds.
#include <map>

#include <gmock/gmock.h>

#include "base/prng.h"
#include "capture/frames.h"
#include "capture/relieved.h"
#include "output/pcapng_file.h"
#include "support/fake_block_device.h"
#include "support/packet_builder.h"
#include "support/pcapng_walker.h"
#include "support/random_flows.h"

namespace weir::capture {
namespace {

using test::FakeSource;
using test::pipeline_of;
using test::Relieved;
using test::run_all;

constexpr Duration kNoWait{0};

Relief random_relief(Prng& random) {
  Relief relief;
  if (random.chance(1, 4)) return relief;
  if (random.chance(1, 3)) relief.cutoff_bytes = 64 * static_cast<std::uint32_t>(random.below(20));
  if (random.chance(1, 3)) relief.keep_bytes = 64 * static_cast<std::uint32_t>(random.below(5));
  if (random.chance(1, 2)) {
    relief.sample = static_cast<std::uint32_t>(random.below(Relief::kAllFlows + 1));
  }
  if (random.chance(1, 3)) relief.flow_share = static_cast<std::uint32_t>(1 + random.below(16));
  relief.shed = random.chance(1, 6);
  return relief;
}

std::vector<std::vector<std::uint8_t>> random_frames(Prng& random, std::size_t count) {
  std::vector<test::BothWays> flows(100);
  for (test::BothWays& flow : flows) flow = test::random_flow(random);
  const std::vector<std::uint8_t> arp = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1};
  std::vector<std::vector<std::uint8_t>> frames;
  for (std::size_t i = 0; i < count; ++i) {
    const test::BothWays& flow = flows[random.below(flows.size())];
    frames.push_back(random.chance(1, 20) ? arp : random.chance(1, 2) ? flow.there : flow.back);
  }
  return frames;
}

TEST(ReliefProperty, TheLedgersBalanceAfterEveryBatch) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    FakeSource source(
        random_frames(random, 2000),
        {.lossless = false,
         .batch_packets_max = static_cast<std::uint32_t>(1 + random.below(256)),
         .interface_at = random.chance(1, 2) ? std::optional<std::size_t>(700) : std::nullopt,
         .second_link_type = LinkType::Ethernet});
    Relieved all("all", {});
    Relieved some("some", {.filter = "tcp or arp",
                           .rule = filter::RuleSpec{.protocols = {{6, 6}},
                                                    .action = filter::RuleAction::Cutoff,
                                                    .cutoff_bytes = 300}});
    Relieved few("few", {.filter = "udp", .packets_max = 1 + random.below(300), .snaplen = 100});
    const std::vector<Relieved*> sessions = {&all, &some, &few};
    auto pipeline = pipeline_of(source, sessions);
    Step step = Step::Packets;
    while (step == Step::Packets) {
      for (Relieved* one : sessions) {
        if (random.chance(1, 2)) one->session().set_relief(random_relief(random));
      }
      step = pipeline->run_batch(kNoWait);
      const LedgerSnapshot whole = pipeline->ledger();
      ASSERT_TRUE(whole.balanced());
      for (Relieved* one : sessions) {
        const LedgerSnapshot row = one->session().ledger();
        ASSERT_TRUE(row.balanced()) << one->session().name();
        ASSERT_EQ(row.received, source.handed_out());
        ASSERT_EQ(row.accepted, one->sink().statistics().offered.value());
        ASSERT_EQ(row.dropped_total(), one->dropped());
        ASSERT_EQ(one->dropped(), one->sink().told_dropped());
        ASSERT_LE(row.accepted, whole.accepted);
        ASSERT_LE(row.truncated, row.accepted);
      }
      // One wanted it, and nobody has it: not more than any one dropped, and none when all were
      // kept.
      const std::uint64_t lost = whole.dropped[static_cast<std::size_t>(DropReason::Pressure)];
      ASSERT_LE(lost, all.dropped()) << "it wants every packet";
    }
    EXPECT_EQ(step, Step::SourceEnded);
    EXPECT_EQ(source.handed_out(), 2000u);
  }
}

// Through the encoder: what packets say was lost before them adds up to what was dropped.
TEST(ReliefProperty, WhatThePacketsOfAFileTellIsAllThatWasDropped) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    test::FakeFile file;
    output::PcapngFile sink(output::PcapngFile::Parts{
        .pool = buffer::BlockPool::create(
                    3, output::PcapngFile::kBlockBytes + output::PcapngFile::kSlackBytes)
                    .value(),
        .device = std::make_unique<test::FakeBlockDevice>(file, seed),
        .identity = {},
        .counts = std::nullopt});
    FakeSource source(random_frames(random, 3000),
                      {.lossless = false,
                       .batch_packets_max = static_cast<std::uint32_t>(1 + random.below(256))});
    Relieved one("one", {.filter = "tcp or udp", .sink = &sink});
    auto pipeline = pipeline_of(source, {&one});
    while (source.handed_out() < 2500) {
      one.session().set_relief(random_relief(random));
      ASSERT_EQ(pipeline->run_batch(kNoWait), Step::Packets);
    }
    one.session().set_relief({});
    run_all(*pipeline);
    ASSERT_TRUE(sink.close().ok());
    const test::WalkedFile walked = test::walk_pcapng(file.content);
    ASSERT_EQ(walked.error, "");
    std::uint64_t told = 0;
    std::uint64_t comments = 0;
    for (const test::WalkedPacket& packet : walked.packets) {
      for (const test::WalkedOption& option : packet.options) {
        constexpr std::uint16_t kComment = 1;
        constexpr std::uint16_t kDropCount = 4;
        if (option.code == kDropCount) {
          told += load_le64(reinterpret_cast<const std::uint8_t*>(option.value.data()));
        }
        if (option.code == kComment) {
          ++comments;
          EXPECT_THAT(option.value, testing::HasSubstr("lost before this one (pressure)"));
        }
      }
    }
    EXPECT_EQ(told, one.dropped());
    EXPECT_GT(comments, 0u);
    EXPECT_EQ(walked.packets.size(), one.session().ledger().accepted);
  }
}

// Without relief, and after it: the bytes that a source which gets none would have left.
TEST(ReliefProperty, NoneLeavesEveryByteAsItIs) {
  const auto written = [](std::uint64_t seed, bool lossless) {
    Prng random(seed);
    test::FakeFile file;
    output::PcapngFile sink(output::PcapngFile::Parts{
        .pool = buffer::BlockPool::create(
                    3, output::PcapngFile::kBlockBytes + output::PcapngFile::kSlackBytes)
                    .value(),
        .device = std::make_unique<test::FakeBlockDevice>(file, seed),
        .identity = {},
        .counts = std::nullopt});
    FakeSource source(random_frames(random, 1500), {.lossless = lossless});
    Relieved one("one", {.rule = filter::RuleSpec{.protocols = {{6, 6}},
                                                  .action = filter::RuleAction::Cutoff,
                                                  .cutoff_bytes = 300},
                         .snaplen = 200,
                         .sink = &sink});
    one.session().set_relief({.cutoff_bytes = 64, .sample = 7, .shed = true});
    if (!lossless) one.session().set_relief({});
    auto pipeline = pipeline_of(source, {&one});
    run_all(*pipeline);
    EXPECT_TRUE(sink.close().ok());
    EXPECT_EQ(one.dropped(), 0u);
    return file.content;
  };
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    const auto without = written(seed, false);
    EXPECT_GT(without.size(), 100'000u);
    EXPECT_EQ(without, written(seed, true));
  }
}

}  // namespace
}  // namespace weir::capture
