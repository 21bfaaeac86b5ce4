// Blocks over a device that fails in every way that its plan allows, for many seeds.
#include "storage/block_writer.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "support/fake_block_device.h"
#include "support/fault_block_device.h"

namespace weir::storage {
namespace {

constexpr std::uint32_t kBlockBytes = 16 * 1024;
constexpr std::uint32_t kSeeds = 100;

// Block i holds the byte i everywhere.
struct Bench {
  explicit Bench(const test::FaultPlan& plan)
      : device(std::make_unique<test::FakeBlockDevice>(file, plan.seed), plan), writer(device) {}

  // Writes `count` blocks; returns how many were reported to be in the file.
  std::uint32_t write(std::uint32_t count) {
    std::uint32_t reported = 0;
    for (std::uint32_t i = 0; i < count && !writer.failure(); ++i) {
      buffer::Block block = pool->try_acquire();
      while (!block && !writer.failure()) {
        reported += writer.wait();
        block = pool->try_acquire();
      }
      if (!block) break;
      std::fill_n(block.data(), kBlockBytes, static_cast<std::uint8_t>(i));
      writer.submit(std::move(block), std::uint64_t{i} * kBlockBytes, 0, kBlockBytes);
      reported += writer.poll();
    }
    return reported + writer.drain();
  }
  // How many bytes from the front are as written.
  [[nodiscard]] std::uint64_t good_bytes() const {
    std::uint64_t good = 0;
    while (good < file.content.size() &&
           file.content[good] == static_cast<std::uint8_t>(good / kBlockBytes))
      ++good;
    return good;
  }

  std::unique_ptr<buffer::BlockPool> pool = buffer::BlockPool::create(5, kBlockBytes).value();
  test::FakeFile file;
  test::FaultBlockDevice device;
  BlockWriter writer;
};

TEST(BlockWriter, WritesEverythingInWhateverOrderTheDeviceCompletes) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Bench bench({.seed = seed});
    ASSERT_EQ(bench.write(40), 40U);
    ASSERT_EQ(bench.good_bytes(), 40U * kBlockBytes);
    ASSERT_EQ(bench.pool->free_count(), bench.pool->count());
  }
}

TEST(BlockWriter, ContinuesShortWritesAndRepeatsInterruptedOnes) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Bench bench({.seed = seed, .short_percent = 40, .interrupted_percent = 20});
    ASSERT_EQ(bench.write(30), 30U);
    ASSERT_EQ(bench.good_bytes(), 30U * kBlockBytes);
  }
}

TEST(BlockWriter, LeavesDirectWritingWhenAWriteIsRefusedForItAndLosesNothing) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Bench bench({.seed = seed, .short_percent = 20, .refuse_direct_after = seed % 30});
    ASSERT_EQ(bench.write(30), 30U);
    ASSERT_FALSE(bench.device.direct());
    ASSERT_EQ(bench.good_bytes(), 30U * kBlockBytes);
  }
}

TEST(BlockWriter, FailsWithEinvalWhenDirectWritingCannotBeLeft) {
  Bench bench({.refuse_direct_after = 3, .refuse_leaving_direct = true});
  EXPECT_EQ(bench.write(30), 3U);
  ASSERT_TRUE(bench.writer.failure());
  EXPECT_EQ(bench.writer.failure()->sys_errno, EINVAL);
}

TEST(BlockWriter, NamesTheFirstByteInFileOrderThatIsNotInTheFile) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const std::uint64_t full = 512 * (seed * 37 % 1800);
    Bench bench(
        {.seed = seed, .short_percent = 20, .interrupted_percent = 10, .no_space_at = full});
    ASSERT_EQ(bench.write(60), full / kBlockBytes);
    ASSERT_TRUE(bench.writer.failure());
    ASSERT_EQ(bench.writer.failure()->sys_errno, ENOSPC);
    ASSERT_EQ(bench.writer.failure()->offset, full);
    ASSERT_EQ(bench.writer.failure()->block_offset, full / kBlockBytes * kBlockBytes);
    ASSERT_EQ(bench.writer.failure()->block[0], static_cast<std::uint8_t>(full / kBlockBytes));
    ASSERT_GE(bench.good_bytes(), full);
  }
}

TEST(BlockWriter, ReportsABlockBehindAFailureNeverAsWritten) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const std::uint64_t bad = seed * 7919 % (20 * kBlockBytes);
    Bench bench({.seed = seed, .io_error_at = bad});
    ASSERT_EQ(bench.write(30), bad / kBlockBytes);
    ASSERT_EQ(bench.writer.failure()->sys_errno, EIO);
    ASSERT_LE(bench.writer.failure()->offset, bad);
    ASSERT_EQ(bench.writer.poll(), 0U);
  }
}

TEST(BlockWriter, GivesUpOnInterruptionsWithoutEnd) {
  Bench bench({.interrupted_percent = 100});
  EXPECT_EQ(bench.write(1), 0U);
  ASSERT_TRUE(bench.writer.failure());
  EXPECT_TRUE(bench.writer.failure()->sys_errno == EINTR ||
              bench.writer.failure()->sys_errno == EAGAIN);
}

TEST(BlockWriter, WritesATailThroughShortWritesAndSaysWhereItFailed) {
  const std::vector<std::uint8_t> tail(20'001, 0);
  Bench bench({.short_percent = 50, .interrupted_percent = 20});
  EXPECT_TRUE(bench.writer.write_tail(0, tail));
  EXPECT_EQ(bench.file.content.size(), tail.size());

  Bench full({.no_space_at = 10'001});
  EXPECT_FALSE(full.writer.write_tail(0, tail));
  ASSERT_TRUE(full.writer.failure());
  EXPECT_EQ(full.writer.failure()->offset, 10'001U);
  EXPECT_EQ(full.writer.failure()->sys_errno, ENOSPC);
}

TEST(BlockWriter, GoesOnBehindATailInTheMiddleOfABlock) {
  Bench bench({});
  buffer::Block block = bench.pool->try_acquire();
  std::fill_n(block.data(), kBlockBytes, std::uint8_t{0});
  ASSERT_TRUE(bench.writer.write_tail(0, {block.data(), 5000}));
  bench.writer.submit(std::move(block), 0, 4096, kBlockBytes);
  EXPECT_EQ(bench.writer.drain(), 1U);
  EXPECT_EQ(bench.file.content.size(), kBlockBytes);
}

TEST(BlockWriter, ASyncCoversWhatWasInTheFileWhenItWasAskedFor) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Bench bench({.seed = seed, .interrupted_percent = 20});
    ASSERT_EQ(bench.write(3), 3U);
    EXPECT_EQ(bench.writer.synced(), 0U);
    ASSERT_TRUE(bench.writer.start_sync());
    EXPECT_FALSE(bench.writer.start_sync()) << "one at a time";
    buffer::Block block = bench.pool->try_acquire();
    bench.writer.submit(std::move(block), 3 * kBlockBytes, 0, kBlockBytes);
    bench.writer.drain();
    EXPECT_EQ(bench.writer.written(), 4U);
    EXPECT_EQ(bench.writer.synced(), 3U) << "the fourth came later";
    ASSERT_TRUE(bench.writer.start_sync());
    bench.writer.drain();
    EXPECT_EQ(bench.writer.synced(), 4U);
    EXPECT_GE(bench.file.syncs, 2U);
  }
}

TEST(BlockWriter, ASyncThatFailsIsFinal) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    Bench bench({.seed = seed, .sync_error_after = 1});
    ASSERT_EQ(bench.write(3), 3U);
    ASSERT_TRUE(bench.writer.start_sync());
    bench.writer.drain();
    ASSERT_EQ(bench.writer.synced(), 3U);
    ASSERT_TRUE(bench.writer.start_sync());
    bench.writer.drain();
    ASSERT_TRUE(bench.writer.failure());
    EXPECT_EQ(bench.writer.failure()->sys_errno, EIO);
    EXPECT_EQ(bench.writer.synced(), 3U) << "nothing more is known to be on the disk";
    EXPECT_FALSE(bench.writer.start_sync());
  }
}

TEST(BlockWriter, AfterAFailedWriteNothingIsSynced) {
  Bench bench({.io_error_at = kBlockBytes});
  ASSERT_EQ(bench.write(3), 1U);
  ASSERT_TRUE(bench.writer.failure());
  EXPECT_FALSE(bench.writer.start_sync());
  EXPECT_EQ(bench.writer.synced(), 0U);
}

}  // namespace
}  // namespace weir::storage
