// The analysis of flows that it knows allocates nothing, nor does their end.
#include <gtest/gtest.h>

#include "capture/flow_stage_fixture.h"
#include "support/alloc_guard.h"

namespace weir::capture {
namespace {

using namespace std::chrono_literals;

class CountedRecords final : public protocol::RecordSink {
 public:
  void take(const protocol::Record&) override { ++count; }
  void reached(protocol::RecordOrder) override {}
  std::uint64_t count = 0;
};

TEST(FlowAllocation, NonePerPacketOrRecord) {
  Prng random(1);
  auto traffic = test::random_traffic(random, test::Oddities::Yes);
  for (std::uint16_t i = 0; i < 5000; ++i) traffic.push_back(test::udp_at(1h + i * 100us, i));
  CountedRecords records;
  auto stage = InlineFlows::make({}, records).value();
  test::Feeder feeder;
  feeder.feed(*stage, traffic);
  const std::uint64_t told = records.count;

  const std::uint64_t before = test::allocations();
  for (int round = 0; round < 5; ++round) {
    for (auto& frame : traffic) frame.time = frame.time + 2h;
    feeder.feed(*stage, traffic);
  }
  stage->finish();
  EXPECT_EQ(test::allocations() - before, 0U);
  EXPECT_GT(records.count, 5 * told) << "all flows ended in each round";
}

}  // namespace
}  // namespace weir::capture
