// Fewer flows than there is memory for: who goes, when, and what is told of it.
#include <algorithm>
#include <chrono>
#include <optional>

#include <gtest/gtest.h>

#include "flow_story.h"

namespace weir::protocol {
namespace {

using namespace std::chrono_literals;

// 100 flows in each of 64 shards, and as many carriers.
constexpr std::uint64_t kFlowsMax = 6500;
constexpr std::uint64_t kShardFlows = 100;

class FlowShare : public testing::Test {
 protected:
  FlowShare()
      : engine_(FlowEngine::make({.flows_max = kFlowsMax}, all_shards(), records_).value()) {}

  // Flows of UDP from as many ports on, 1 ms apart, one to a call.
  void begin(std::uint16_t first, std::uint16_t count) {
    for (std::uint16_t i = 0; i < count; ++i) take(first + i);
  }
  void take(int port, std::optional<std::uint8_t> shard = {}) {
    const auto number = static_cast<std::uint16_t>(port);
    FlowPacket packet{.key = story_key(number, 53, 17),
                      .time = time_,
                      .now = time_,
                      .ordinal = ordinal_++,
                      .kind = FlowKind::Udp,
                      .shard = shard.value_or(static_cast<std::uint8_t>(number % kFlowShards)),
                      .ip_bytes = 40,
                      .payload_bytes = 12,
                      .stated_payload_bytes = 12};
    engine_->take({&packet, 1});
    time_ = time_ + 1ms;
  }
  [[nodiscard]] std::uint64_t evicted() const { return engine_->counters().evicted.value(); }

  KeptRecords records_;  // looks at their order
  std::unique_ptr<FlowEngine> engine_;
  Timestamp time_ = kStoryStart;
  std::uint64_t ordinal_ = 0;
};

TEST_F(FlowShare, FlowsBeyondItAreEvictedABoundedNumberACall) {
  begin(1, 6400);
  ASSERT_EQ(engine_->flow_count(), 6400u);
  engine_->limit_flows(4);
  EXPECT_EQ(engine_->flow_count(), 6400u) << "from the next call on";
  std::uint64_t last = 6400;
  for (int i = 0; i < 10; ++i) {
    engine_->advance(time_);
    EXPECT_LE(last - engine_->flow_count(), FlowEngine::kEvictionsMax);
    last = engine_->flow_count();
  }
  EXPECT_EQ(last, kShardFlows / 4 * kFlowShards);
  EXPECT_EQ(evicted(), 4800u);
  const auto conns = records_.of<ConnRecord>();
  ASSERT_EQ(conns.size(), 4800u);
  for (const ConnRecord& conn : conns) EXPECT_EQ(conn.end, FlowEnd::Evicted);
}

TEST_F(FlowShare, ThoseThatWereIdleLongestGoFirst) {
  begin(1, 3200);
  time_ = time_ + 10s;
  begin(10'000, 3200);
  engine_->limit_flows(8);
  for (int i = 0; i < 10; ++i) engine_->advance(time_);
  EXPECT_EQ(engine_->flow_count(), 3200u);
  for (const ConnRecord& conn : records_.of<ConnRecord>()) {
    ASSERT_LT(std::max(conn.ends.originator_port, conn.ends.responder_port), 10'000);
  }
}

TEST_F(FlowShare, NewFlowsTakeTheRoomOfOldOnesAndPacketsGoOn) {
  engine_->limit_flows(4);
  begin(1, 6400);
  EXPECT_EQ(engine_->flow_count(), 1600u);
  EXPECT_EQ(evicted(), 4800u);
  begin(10'000, 5000);
  EXPECT_EQ(engine_->flow_count(), 1600u);
  EXPECT_EQ(evicted(), 9800u);
}

TEST_F(FlowShare, TheWholeShareEvictsNothingMore) {
  begin(1, 6400);
  engine_->limit_flows(4);
  engine_->advance(time_);
  const std::uint64_t before = evicted();
  EXPECT_GT(before, 0u);
  engine_->limit_flows(16);
  for (int i = 0; i < 10; ++i) engine_->advance(time_);
  EXPECT_EQ(evicted(), before);
  // The first shards have room again.
  for (int port = 10'000; port < 10'050; ++port) take(port, 0);
  EXPECT_EQ(evicted(), before);
}

TEST_F(FlowShare, FlowsThatCarryOthersStay) {
  for (int port = 1; port <= 100; ++port) take(port, kCarrierShard);
  engine_->limit_flows(1);
  for (int i = 0; i < 10; ++i) engine_->advance(time_);
  EXPECT_EQ(engine_->flow_count(), 100u) << "their shard is full";
  EXPECT_EQ(evicted(), 0u);
}

TEST_F(FlowShare, WhatIsLeftEndsAsEver) {
  begin(1, 6400);
  engine_->limit_flows(2);
  for (int i = 0; i < 10; ++i) engine_->advance(time_);
  engine_->finish(time_);
  EXPECT_EQ(engine_->flow_count(), 0u);
  EXPECT_EQ(records_.of<ConnRecord>().size(), 6400u) << "each flow is told once";
}

}  // namespace
}  // namespace weir::protocol
