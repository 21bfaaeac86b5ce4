// Units on their way to a device that completes in any order, or fails.
#include "storage/segment/segment_writer.h"

#include <gtest/gtest.h>

#include "storage/segment/chunk_builder.h"
#include "support/fake_block_device.h"
#include "support/fault_block_device.h"

namespace weir::storage::segment {
namespace {

constexpr std::uint32_t kBlocks = 4;

struct Bench {
  explicit Bench(const test::FaultPlan& plan = {}, Durability durability = Durability::Segment)
      : writer(std::make_unique<test::FaultBlockDevice>(
                   std::make_unique<test::FakeBlockDevice>(file, plan.seed, kBlocks + 1), plan),
               *pool, Uuid{1, 2, 3}, durability) {}
  // A unit of 4 KiB with so many packets.
  void append(std::uint32_t packets) {
    buffer::Block block = pool->try_acquire();
    while (!block && !writer.failure()) {
      writer.wait();
      block = pool->try_acquire();
    }
    if (!block) return;
    std::fill_n(block.data(), 4096, static_cast<std::uint8_t>(packets));
    writer.append(std::move(block), 4096, packets);
  }

  test::FakeFile file;
  std::unique_ptr<buffer::BlockPool> pool = buffer::BlockPool::create(kBlocks, kBlockBytes).value();
  SegmentWriter writer;
};

TEST(SegmentWriter, GivesEachUnitItsPlace) {
  Bench bench;
  EXPECT_EQ(bench.writer.next_header(4096).ordinal, 0u);
  EXPECT_EQ(bench.writer.next_header(4096).file_offset, 0u);
  bench.append(1);
  const UnitHeader header = bench.writer.next_header(8192, 40);
  EXPECT_EQ(header.ordinal, 1u);
  EXPECT_EQ(header.file_offset, 4096u);
  EXPECT_EQ(header.unit_bytes, 8192u);
  EXPECT_EQ(header.block_offset, 40u);
  EXPECT_EQ(header.segment, (Uuid{1, 2, 3}));
  bench.writer.drain();
}

TEST(SegmentWriter, AcknowledgesUnitsInOrder) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Bench bench({.seed = seed, .short_percent = 20, .interrupted_percent = 20});
    std::uint64_t packets = 0;
    for (std::uint32_t i = 1; i <= 20; ++i) {
      bench.append(i);
      packets += i;
      const auto done = bench.writer.acknowledged();
      const std::uint64_t units = done.bytes / 4096;
      ASSERT_EQ(done.packets, units * (units + 1) / 2);
    }
    bench.writer.drain();
    EXPECT_EQ(bench.writer.acknowledged().packets, packets);
    EXPECT_EQ(bench.writer.acknowledged().bytes, bench.writer.bytes());
    ASSERT_TRUE(bench.writer.finish().ok());
    EXPECT_EQ(bench.file.content.size(), 20u * 4096);
    EXPECT_TRUE(bench.file.closed);
  }
}

TEST(SegmentWriter, AUnitLongerThanABlockCountsAsAWhole) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Bench bench({.seed = seed});
    const std::vector<std::uint8_t> unit(5 * kBlockBytes + 4096, 7);
    ASSERT_TRUE(bench.writer.append(unit));
    const std::uint64_t early = bench.writer.acknowledged().bytes;
    EXPECT_TRUE(early == 0 || early == unit.size());
    bench.writer.drain();
    EXPECT_EQ(bench.writer.acknowledged().bytes, unit.size());
    EXPECT_EQ(bench.writer.next_header(4096).ordinal, 1u);
    EXPECT_EQ(bench.file.content, unit);
  }
}

TEST(SegmentWriter, WaitsUntilItIsInTheFileWhenItIsToldTo) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Bench bench({.seed = seed});
    bench.append(1);
    bench.append(2);
    bench.writer.wait_until_written();
    EXPECT_EQ(bench.writer.acknowledged().packets, 3u);
  }
}

TEST(SegmentWriter, WithChunksOnTheDiskItAcknowledgesWhatWasSynced) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Bench bench({.seed = seed, .sync_error_after = 1}, Durability::Chunk);
    for (std::uint32_t i = 0; i < 10; ++i) bench.append(1);
    bench.writer.drain();
    ASSERT_TRUE(bench.writer.failure()) << "the second sync fails";
    EXPECT_LT(bench.writer.acknowledged().packets, 10u);
    EXPECT_EQ(bench.file.syncs, 1u);
    ASSERT_TRUE(bench.writer.cut().ok());
    EXPECT_EQ(bench.file.content.size(), bench.writer.acknowledged().bytes);
  }
}

TEST(SegmentWriter, AfterAFailureTheFileIsCutBehindWhatWasAcknowledged) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Bench bench({.seed = seed, .no_space_at = 3 * 4096 + 512 * (seed % 8)});
    for (std::uint32_t i = 0; i < 10; ++i) bench.append(1);
    bench.writer.drain();
    ASSERT_TRUE(bench.writer.failure());
    EXPECT_EQ(bench.writer.failure()->sys_errno, ENOSPC);
    EXPECT_EQ(bench.writer.acknowledged().packets, 3u);
    ASSERT_TRUE(bench.writer.cut().ok());
    EXPECT_EQ(bench.file.content.size(), 3u * 4096);
    EXPECT_TRUE(bench.file.closed);
  }
}

TEST(SegmentWriter, ALongUnitThatFailsInTheMiddleDoesNotCount) {
  Bench bench({.no_space_at = 2 * kBlockBytes});
  bench.append(1);
  (void)bench.writer.append(std::vector<std::uint8_t>(5 * kBlockBytes, 7));  // it may not know yet
  bench.writer.drain();
  EXPECT_FALSE(bench.writer.append(std::vector<std::uint8_t>(4096, 7)));
  EXPECT_EQ(bench.writer.acknowledged().bytes, 4096u);
  ASSERT_TRUE(bench.writer.cut().ok());
  EXPECT_EQ(bench.file.content.size(), 4096u);
}

TEST(SegmentWriter, ASegmentIsSyncedWhenItIsFinishedUnlessNobodyWantsThat) {
  for (const auto& [durability, syncs] :
       {std::pair{Durability::None, 0u}, std::pair{Durability::Segment, 2u}}) {
    Bench bench({}, durability);
    bench.append(1);
    bench.writer.drain();
    ASSERT_TRUE(bench.writer.finish().ok());
    EXPECT_EQ(bench.file.syncs, syncs);
  }
}

}  // namespace
}  // namespace weir::storage::segment
