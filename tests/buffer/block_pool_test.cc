#include "buffer/block_pool.h"

#include <set>
#include <utility>

#include <gtest/gtest.h>

namespace weir::buffer {
namespace {

constexpr std::size_t kBlockBytes = 3 * kBlockAlignment;

std::unique_ptr<BlockPool> make_pool(std::uint32_t count) {
  return BlockPool::create(count, kBlockBytes).value();
}

TEST(BlockPool, LendsEveryBlockOnceAlignedAndWithoutOverlap) {
  auto pool = make_pool(4);
  std::vector<Block> blocks;
  std::set<std::uint8_t*> starts;
  while (Block block = pool->try_acquire()) {
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.data()) % kBlockAlignment, 0U);
    EXPECT_GE(block.data(), pool->memory().data());
    EXPECT_LE(block.data() + kBlockBytes, pool->memory().data() + pool->memory().size());
    starts.insert(block.data());
    blocks.push_back(std::move(block));
  }
  ASSERT_EQ(starts.size(), 4U);
  for (auto it = starts.begin(); std::next(it) != starts.end(); ++it)
    EXPECT_GE(*std::next(it) - *it, std::ptrdiff_t{kBlockBytes});
  EXPECT_EQ(pool->free_count(), 0U);
}

TEST(BlockPool, TakesABlockBackWhenItsHandleDies) {
  auto pool = make_pool(1);
  {
    const Block block = pool->try_acquire();
    EXPECT_TRUE(block);
    EXPECT_FALSE(pool->try_acquire());
  }
  EXPECT_EQ(pool->free_count(), 1U);
  EXPECT_TRUE(pool->try_acquire());
}

TEST(BlockPool, MovingAHandleMovesTheLoan) {
  auto pool = make_pool(2);
  Block first = pool->try_acquire();
  std::uint8_t* const data = first.data();
  Block second = pool->try_acquire();
  second = std::move(first);  // gives its own block back
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(pool->free_count(), 1U);
  Block third(std::move(second));
  EXPECT_FALSE(second);  // NOLINT(bugprone-use-after-move): an empty handle is the promise
  third.release();
  EXPECT_EQ(pool->free_count(), 2U);
  third.release();  // empty: nothing happens
  EXPECT_EQ(pool->free_count(), 2U);
}

TEST(BlockPool, RefusesMemoryThatIsNotThere) {
  auto pool = BlockPool::create(1U << 30, 1U << 30);
  ASSERT_FALSE(pool);
  EXPECT_EQ(pool.error().code, ErrorCode::Resource);
}

TEST(BlockPoolDeathTest, ABlockThatOutlivesItsPoolIsABug) {
  EXPECT_DEATH(
      {
        auto pool = make_pool(1);
        const Block block = pool->try_acquire();
        pool.reset();
      },
      "internal error");
}

}  // namespace
}  // namespace weir::buffer
