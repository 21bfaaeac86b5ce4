#include "capture/flow_dispatcher.h"

#include <thread>

#include "capture/flow_stage_fixture.h"
#include "output/record_merger.h"

namespace weir::capture {
namespace {

using namespace std::chrono_literals;
using test::Feeder;
using test::Lines;

// A dispatcher with its workers, and a merger behind them as in `weir read`.
class Threads {
 public:
  explicit Threads(std::size_t workers, const FlowAnalysisOptions& options = {},
                   std::uint32_t slots = 64)
      : merger_({.streams = workers + 1, .slots = slots}, lines_) {
    std::vector<protocol::RecordSink*> sinks;
    for (std::size_t i = 0; i <= workers; ++i) sinks.push_back(&merger_.stream(i));
    dispatcher_ = FlowDispatcher::make(options, sinks).value();
    merger_.start();
  }
  FlowDispatcher& stage() { return *dispatcher_; }
  void leave() { dispatcher_.reset(); }
  // All that was told.
  const Lines& lines() {
    merger_.join();
    return lines_;
  }

 private:
  Lines lines_;
  output::RecordMerger merger_;
  std::unique_ptr<FlowDispatcher> dispatcher_;
};

TEST(FlowDispatcher, TellsWhatOneThreadTellsWhateverTheWorkersAndBatches) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const auto traffic = test::random_traffic(random, test::Oddities::Yes);
    const auto expected = test::told_by_one(traffic);
    ASSERT_GT(expected.size(), 20U);
    for (const std::size_t workers : {1U, 2U, 8U}) {
      const std::size_t batch_max = 1 + random.below(kBatchPacketsMax);
      Threads threads(workers, {}, 2u << random.below(6));
      Feeder().feed(threads.stage(), traffic, batch_max);
      threads.stage().finish();
      EXPECT_EQ(threads.lines().lines, expected) << workers << " workers, " << batch_max;
    }
  }
}

// What is evicted depends on how many flows each shard may have, not on who has it.
TEST(FlowDispatcher, EvictsWhatOneThreadEvicts) {
  std::vector<test::TimedFrame> traffic;
  for (std::uint16_t i = 0; i < 5000; ++i) traffic.push_back(test::udp_at(i * 1ms, i));
  const FlowAnalysisOptions options{.flows = {.flows_max = protocol::kFlowsMin}, .fragments = {}};
  const auto expected = test::told_by_one(traffic, options);
  Threads threads(4, options);
  Feeder().feed(threads.stage(), traffic);
  threads.stage().finish();
  EXPECT_EQ(threads.lines().lines, expected);
  EXPECT_GT(threads.stage().totals().evicted, 1000U);
}

TEST(FlowDispatcher, EndsFlowsWhoseTimeComesWhileNothingElseDoes) {
  Threads threads(2);
  Feeder().feed(threads.stage(), std::vector{test::udp_at(0s, 1), test::vxlan_at(0s, 2)});
  threads.stage().idle(test::kTrafficStart + 61s);
  const auto udp = static_cast<std::size_t>(protocol::FlowKind::Udp);
  // The workers are told, and do it some time.
  while (threads.stage().totals().begun[udp] < 3) std::this_thread::yield();
  while (threads.stage().totals().open[udp] > 0) std::this_thread::yield();
  threads.stage().finish();
  EXPECT_EQ(threads.lines().of("conn").size(), 3U);
}

TEST(FlowDispatcher, EndsWithoutAPacket) {
  Threads threads(2);
  threads.stage().finish();
  EXPECT_TRUE(threads.lines().lines.empty());
  EXPECT_TRUE(threads.lines().ended());
}

TEST(FlowDispatcher, TellsEverythingAlsoWhenItIsDestroyedBeforeItsEnd) {
  Threads threads(2);
  Feeder().feed(threads.stage(), std::vector{test::udp_at(0s, 1), test::vxlan_at(0s, 2)});
  threads.leave();
  EXPECT_EQ(threads.lines().of("conn").size(), 3U);
  EXPECT_TRUE(threads.lines().ended());
}

}  // namespace
}  // namespace weir::capture
