#include "capture/lane_flows.h"

#include <thread>

#include "capture/flow_stage_fixture.h"
#include "output/record_merger.h"

namespace weir::capture {
namespace {

using namespace std::chrono_literals;
using test::Feeder;
using test::Lines;
using test::TimedFrame;

constexpr auto kUdp = static_cast<std::size_t>(protocol::FlowKind::Udp);

// Lanes, and what each and their carriers tell.
struct Lanes {
  explicit Lanes(std::uint32_t count)
      : carriers(SharedCarriers::make({}, count, of_carriers).value()), of_lane(count) {
    for (Lines& records : of_lane) {
      lanes.push_back(LaneFlows::make({}, *carriers, records).value());
    }
  }
  void finish() {
    for (const auto& lane : lanes) lane->finish();
  }
  [[nodiscard]] std::vector<std::string> all(const std::string& log) const {
    std::vector<std::string> found = of_carriers.of(log);
    for (const Lines& records : of_lane) {
      const auto more = records.of(log);
      found.insert(found.end(), more.begin(), more.end());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  Lines of_carriers;
  std::unique_ptr<SharedCarriers> carriers;
  std::vector<Lines> of_lane;
  std::vector<std::unique_ptr<LaneFlows>> lanes;
};

std::vector<std::string> of(const std::string& log, std::vector<std::string> lines) {
  std::erase_if(lines, [&](const std::string& line) { return !line.starts_with(log + " "); });
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST(LaneFlows, OfOneLaneTellWhatOneThreadTellsInItsOrder) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const auto traffic = test::random_traffic(random, test::Oddities::Yes);
    Lines lines;
    output::RecordMerger merger({.streams = 2, .slots = 4096}, lines);
    auto carriers = SharedCarriers::make({}, 1, merger.stream(0)).value();
    auto lane = LaneFlows::make({}, *carriers, merger.stream(1)).value();
    merger.start();
    Feeder().feed(*lane, traffic, 1 + random.below(kBatchPacketsMax));
    lane->finish();
    merger.join();
    EXPECT_EQ(lines.lines, test::told_by_one(traffic));
  }
}

// The kernel steers both ways of an innermost flow to one lane; what carries it may reach others.
// Without late packets: each lane takes those at the time that it has reached itself.
TEST(LaneFlows, TellOfTheSameFlowsHoweverTheyAreSteered) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const auto traffic = test::random_traffic(random, test::Oddities::No);
    Lanes four(4);
    Feeder feeder;
    for (const TimedFrame& frame : traffic) {
      feeder.feed(*four.lanes[feeder.flow_hash(frame) % 4], {&frame, 1});
    }
    four.finish();
    const auto expected = test::told_by_one(traffic);
    for (const std::string log : {"conn", "tunnel", "weird", "conn_long"}) {
      EXPECT_EQ(four.all(log), of(log, expected)) << log;
    }
  }
}

TEST(LaneFlows, ShareCarriersFromThreadsOfTheirOwn) {
  constexpr std::uint32_t kLanes = 4;
  constexpr std::uint16_t kRounds = 2000;
  Lanes lanes(kLanes);
  std::vector<std::thread> threads;
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    threads.emplace_back([&, lane] {
      Feeder feeder;
      for (std::uint16_t i = 0; i < kRounds; ++i) {
        // All lanes' are in one tunnel.
        TimedFrame frame = test::vxlan_at(i * 1ms, 5000);
        frame.bytes.back() = static_cast<std::uint8_t>(lane);
        feeder.feed(*lanes.lanes[lane], {&frame, 1});
      }
      lanes.lanes[lane]->finish();
    });
  }
  for (auto& thread : threads) thread.join();
  const auto carriers = lanes.of_carriers.of("conn");
  ASSERT_EQ(carriers.size(), 1U);
  EXPECT_NE(carriers[0].find("\"orig_pkts\":" + std::to_string(kLanes * kRounds) + ","),
            std::string::npos)
      << carriers[0];
  EXPECT_TRUE(lanes.of_carriers.ended());
}

TEST(LaneFlows, EndFlowsWhoseTimeComesWhileNothingElseDoes) {
  Lanes one(1);
  Feeder().feed(*one.lanes[0], std::vector{test::udp_at(0s, 1), test::vxlan_at(0s, 2)});
  // Packets of the last second may still wait in a ring.
  one.lanes[0]->idle(test::kTrafficStart + 60s);
  EXPECT_EQ(one.all("conn").size(), 0U);
  one.lanes[0]->idle(test::kTrafficStart + 62s);
  EXPECT_EQ(one.of_lane[0].of("conn").size(), 2U);
  EXPECT_EQ(one.of_carriers.of("conn").size(), 1U);
}

TEST(LaneFlows, EndCarriersWithTheLastLane) {
  Lanes two(2);
  Feeder().feed(*two.lanes[0], std::vector{test::vxlan_at(0s)});
  two.lanes[0]->finish();
  EXPECT_EQ(two.of_carriers.of("conn").size(), 0U);
  EXPECT_EQ(two.carriers->totals().open[kUdp], 1U);
  Feeder().feed(*two.lanes[1], std::vector{test::vxlan_at(1s)});
  two.lanes[1]->finish();
  EXPECT_EQ(two.of_carriers.of("conn").size(), 1U);
  EXPECT_TRUE(two.of_carriers.ended());
}

TEST(LaneFlows, EndWithoutAPacket) {
  Lanes two(2);
  two.finish();
  EXPECT_TRUE(two.of_carriers.lines.empty());
  EXPECT_TRUE(two.of_carriers.ended());
  EXPECT_TRUE(two.of_lane[0].ended());
}

TEST(LaneFlows, MayBeLeftInTheMiddle) {
  Lanes two(2);
  Feeder().feed(*two.lanes[0], std::vector{test::vxlan_at(0s)});
  EXPECT_EQ(two.lanes[0]->totals().open[kUdp], 1U);
}

}  // namespace
}  // namespace weir::capture
