// The flow engine allocates nothing once it is made, whatever comes: evictions, holes, tunnels,
// long histories, growth of its tables.
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/deep/flow_engine.h"
#include "protocol/deep/flow_packets.h"
#include "support/alloc_guard.h"

namespace weir::protocol {
namespace {

class CountingSink final : public RecordSink {
 public:
  void take(const Record& record) override { ++counts[record.body.index()]; }
  void reached(RecordOrder) override {}
  std::array<std::uint64_t, std::variant_size_v<RecordBody>> counts{};
};

TEST(FlowAllocation, TheGuardCounts) {
  const std::uint64_t before = test::allocations();
  auto probe = std::make_unique<int>(1);
  EXPECT_EQ(*probe, 1);
  EXPECT_GT(test::allocations(), before);
}

TEST(FlowAllocation, NoneForAnyPacket) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::vector<FlowPacket> packets;
    FlowPackets source(seed, {.flows_max = 60, .shards = 2, .raw_numbers = true});
    while (packets.size() < 20'000) {
      const PacketGroup group = source.next();
      packets.insert(packets.end(), group.begin(), group.end());
    }
    CountingSink sink;
    auto engine = FlowEngine::make({.flows_max = 1}, all_shards(), sink);
    ASSERT_TRUE(engine.ok());

    const std::uint64_t before = test::allocations();
    (*engine)->take(packets);
    (*engine)->advance(source.clock() + std::chrono::hours(2));
    (*engine)->finish(source.clock());
    EXPECT_EQ(test::allocations() - before, 0u);
    EXPECT_GT(sink.counts[0], 0u);
  }
}

TEST(FlowAllocation, NoneForTheGrowthOfTheTable) {
  constexpr std::uint32_t kFlows = 20'000;
  std::vector<FlowPacket> packets(kFlows);
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    packets[i].key = {
        .low_port = static_cast<std::uint16_t>(i), .ip_protocol = 17, .ip_version = 4};
    packets[i].kind = FlowKind::Udp;
    packets[i].ordinal = i;
  }
  CountingSink sink;
  auto engine = FlowEngine::make({}, all_shards(), sink);
  ASSERT_TRUE(engine.ok());
  const std::uint64_t before = test::allocations();
  (*engine)->take(packets);
  EXPECT_EQ(test::allocations() - before, 0u);
  EXPECT_EQ((*engine)->flow_count(), kFlows);
}

}  // namespace
}  // namespace weir::protocol
