#include "capture/inline_flows.h"

#include "capture/flow_stage_fixture.h"

namespace weir::capture {
namespace {

using namespace std::chrono_literals;
using test::Feeder;
using test::Lines;

TEST(InlineFlows, TellTheSameWhateverTheSizeOfBatches) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const auto traffic = test::random_traffic(random, test::Oddities::Yes);
    const auto expected = test::told_by_one(traffic);
    ASSERT_GT(expected.size(), 20U);
    for (const std::size_t batch_max : {1U, 7U, 100U}) {
      EXPECT_EQ(test::told_by_one(traffic, {}, batch_max), expected) << batch_max;
    }
  }
}

TEST(InlineFlows, EndFlowsWhoseTimeComesWhileNothingElseDoes) {
  Lines lines;
  auto stage = InlineFlows::make({}, lines).value();
  Feeder().feed(*stage, std::vector{test::udp_at(0s)});
  stage->idle(test::kTrafficStart + 59s);
  EXPECT_EQ(lines.of("conn").size(), 0U);
  stage->idle(test::kTrafficStart + 61s);
  EXPECT_EQ(lines.of("conn").size(), 1U);
}

TEST(InlineFlows, EndWithoutAPacketTellNothing) {
  Lines lines;
  auto stage = InlineFlows::make({}, lines).value();
  stage->finish();
  EXPECT_TRUE(lines.lines.empty());
  EXPECT_TRUE(lines.ended());
}

TEST(InlineFlows, TakeWhatComesLateAtTheTimeThatHasBeenReached) {
  Lines lines;
  auto stage = InlineFlows::make({}, lines).value();
  Feeder().feed(*stage, std::vector{test::udp_at(100s, 1), test::udp_at(0s, 2)});
  stage->idle(test::kTrafficStart + 159s);
  EXPECT_EQ(lines.of("conn").size(), 0U) << "the second too has its minute from when it came";
  stage->idle(test::kTrafficStart + 161s);
  EXPECT_EQ(lines.of("conn").size(), 2U);
}

TEST(InlineFlows, HoldTheirShareOfFlows) {
  Lines lines;
  // 64 shards and the carriers, 100 flows each.
  auto stage = InlineFlows::make({.flows = {.flows_max = 6500}}, lines).value();
  std::vector<test::TimedFrame> frames;
  for (std::uint16_t port = 0; port < 6000; ++port) {
    frames.push_back(test::udp_at(port * 1ms, static_cast<std::uint16_t>(10'000 + port)));
  }
  const auto udp = static_cast<std::size_t>(protocol::FlowKind::Udp);
  Feeder feeder;
  feeder.feed(*stage, frames);
  const std::uint64_t before = stage->totals().open[udp];
  EXPECT_GT(before, 5000U);
  stage->limit_flows(4);
  for (int i = 0; i < 10; ++i) stage->idle(test::kTrafficStart + 7s);
  EXPECT_LE(stage->totals().open[udp], 1600U);
  EXPECT_GT(stage->totals().open[udp], 1500U) << "25 in each shard";
  EXPECT_EQ(lines.of("conn").size(), 6000 - stage->totals().open[udp]);
  stage->limit_flows(16);
  stage->idle(test::kTrafficStart + 8s);
  EXPECT_GT(stage->totals().open[udp], 1500U);
}

TEST(InlineFlows, CountWhatTheyHold) {
  Lines lines;
  auto stage = InlineFlows::make({}, lines).value();
  Feeder().feed(*stage, std::vector{test::udp_at(0s, 1), test::udp_at(0s, 2)});
  const auto udp = static_cast<std::size_t>(protocol::FlowKind::Udp);
  EXPECT_EQ(stage->totals().begun[udp], 2U);
  EXPECT_EQ(stage->totals().open[udp], 2U);
  stage->finish();
  EXPECT_EQ(stage->totals().begun[udp], 2U);
  EXPECT_EQ(stage->totals().open[udp], 0U);
}

}  // namespace
}  // namespace weir::capture
