// The timer wheel: flows under the tick in which they are due, shard by shard.
#include "protocol/deep/timer_wheel.h"

#include <gtest/gtest.h>

namespace weir::protocol {
namespace {

constexpr Tick kNow = 1000;

class TimerWheelTest : public testing::Test {
 protected:
  TimerWheelTest() : flows_(std::move(*Pool<Flow>::reserve(16))) {}
  PoolIndex fresh() {
    const PoolIndex index = flows_.take();
    flows_[index] = Flow{};
    return index;
  }

  Pool<Flow> flows_;
  TimerWheel wheel_;
};

TEST(Ticks, Are268MillisecondsAndRoundDown) {
  EXPECT_EQ(tick_of({0}), 0);
  EXPECT_EQ(tick_of({268'435'455}), 0);
  EXPECT_EQ(tick_of({268'435'456}), 1);
  EXPECT_EQ(tick_of({-1}), -1);
  EXPECT_EQ(start_of(1).ns, 268'435'456);
}

TEST_F(TimerWheelTest, FindsAFlowUnderItsTickAndShardOnly) {
  const PoolIndex flow = fresh();
  wheel_.arm(flows_, 7, flow, start_of(1010), kNow);
  EXPECT_EQ(wheel_.first(1010, 7), flow);
  EXPECT_EQ(wheel_.first(1010, 8), kNoIndex);
  EXPECT_EQ(wheel_.first(1011, 7), kNoIndex);
  EXPECT_EQ(wheel_.occupied(1010), (std::array<std::uint64_t, 2>{1u << 7, 0}));
  EXPECT_EQ(wheel_.occupied(1009), (std::array<std::uint64_t, 2>{0, 0}));
  EXPECT_EQ(wheel_.armed(), 1u);
}

TEST_F(TimerWheelTest, MarksTheCarriersShardInTheSecondWord) {
  wheel_.arm(flows_, kCarrierShard, fresh(), start_of(1010), kNow);
  EXPECT_EQ(wheel_.occupied(1010), (std::array<std::uint64_t, 2>{0, 1}));
}

TEST_F(TimerWheelTest, ForgetsFlowsInAnyOrder) {
  const PoolIndex a = fresh();
  const PoolIndex b = fresh();
  const PoolIndex c = fresh();
  for (const PoolIndex flow : {a, b, c}) wheel_.arm(flows_, 7, flow, start_of(1010), kNow);
  EXPECT_EQ(wheel_.first(1010, 7), c);
  wheel_.disarm(flows_, 7, b);  // in the middle
  EXPECT_EQ(wheel_.first(1010, 7), c);
  wheel_.disarm(flows_, 7, c);  // the first
  EXPECT_EQ(wheel_.first(1010, 7), a);
  EXPECT_EQ(wheel_.occupied(1010)[0], 1u << 7);
  wheel_.disarm(flows_, 7, a);  // the last
  EXPECT_EQ(wheel_.first(1010, 7), kNoIndex);
  EXPECT_EQ(wheel_.occupied(1010)[0], 0u);
  EXPECT_EQ(wheel_.armed(), 0u);
}

TEST_F(TimerWheelTest, PutsWhatIsDueInThePastUnderNow) {
  const PoolIndex flow = fresh();
  wheel_.arm(flows_, 7, flow, start_of(10), kNow);
  EXPECT_EQ(wheel_.first(kNow, 7), flow);
  EXPECT_EQ(flows_[flow].deadline, start_of(kNow));
}

TEST_F(TimerWheelTest, PutsWhatIsDueTooFarAheadAsFarAsItGoes) {
  const PoolIndex flow = fresh();
  wheel_.arm(flows_, 7, flow, start_of(kNow + 100'000), kNow);
  EXPECT_EQ(wheel_.first(kNow + 2046, 7), flow);
  EXPECT_EQ(flows_[flow].deadline, start_of(kNow + 2046));
  // Not where the tick before lies, which is being worked through.
  EXPECT_EQ(wheel_.first(kNow - 1, 7), kNoIndex);
}

TEST_F(TimerWheelTest, WorksAroundTheWheelAndBefore1970) {
  for (const Tick tick : {Tick{2047}, Tick{2048}, Tick{-1}, Tick{-2048}, Tick{-5000}}) {
    const PoolIndex flow = fresh();
    wheel_.arm(flows_, 0, flow, start_of(tick), tick - 5);
    EXPECT_EQ(wheel_.first(tick, 0), flow);
    wheel_.disarm(flows_, 0, flow);
    flows_.give_back(flow);
  }
}

}  // namespace
}  // namespace weir::protocol
