// In which order the parts of a segment come to the disk, and who waits for whom.
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "output/store_lane.h"
#include "simulation/store_traffic.h"
#include "storage/segment/segment_writer.h"
#include "support/fake_clock.h"
#include "support/sim_disk.h"
#include "support/sim_segment_supply.h"

namespace weir::test {
namespace {

namespace segment = storage::segment;

std::uint64_t bytes_after_finish(std::uint64_t syncs, segment::Durability durability) {
  SimDisk disk(1, {.sync_error_after = syncs});
  const auto pool = buffer::BlockPool::create(2, segment::kBlockBytes).value();
  segment::SegmentWriter writer(disk.create("a", 8).value(), *pool, {}, durability);
  EXPECT_TRUE(writer.append(std::vector<std::uint8_t>(4096, 1)));
  writer.drain();
  writer.end_with(std::vector<std::uint8_t>(8192, 2));
  (void)writer.finish();
  return disk.image().at("a").size();
}

TEST(SegmentOrder, WritesTheTailWhenAllBeforeItIsOnTheDisk) {
  EXPECT_EQ(bytes_after_finish(0, segment::Durability::Segment), 4096U);
  EXPECT_EQ(bytes_after_finish(1, segment::Durability::Segment), 4096U + 8192U);
}

TEST(SegmentOrder, AsksForNoSyncWithoutDurability) {
  EXPECT_EQ(bytes_after_finish(0, segment::Durability::None), 4096U + 8192U);
}

// Each batch has an interface that the segment does not describe, and begins the next one, while
// the writes of the one before it take long.
TEST(SegmentOrder, BeginsASegmentWhileAllBlocksAreUnderWayInTheOneBefore) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    const FrameForms forms(random);
    const FakeClock clock;
    SimDisk disk(seed, {.slow_percent = 100});
    SimSegmentSupply supply(disk, clock, {.seed = seed});
    auto lane = output::StoreLane::make({.path = "simulated", .chunk_bytes = 4096}, clock, supply);
    ASSERT_TRUE(lane);
    LaneTraffic traffic(seed, forms);
    for (int i = 0; i < 20; ++i) {
      traffic.add_interface();
      ASSERT_TRUE((*lane)->reserve());
      (*lane)->write(traffic.next(clock.wall()));
    }
    ASSERT_TRUE((*lane)->close());
    EXPECT_EQ((*lane)->statistics().written.value(), traffic.offered().size());
  }
}

}  // namespace
}  // namespace weir::test
