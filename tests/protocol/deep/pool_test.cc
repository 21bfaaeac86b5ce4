// The pool: elements by index, up to a bound, the latest given back first.
#include "protocol/deep/pool.h"

#include <gtest/gtest.h>

namespace weir::protocol {
namespace {

TEST(Pool, GivesEachElementOnceAndThenNone) {
  Pool<Segment> pool = std::move(*Pool<Segment>::reserve(3));
  EXPECT_EQ(pool.take(), 0u);
  EXPECT_EQ(pool.take(), 1u);
  EXPECT_EQ(pool.take(), 2u);
  EXPECT_EQ(pool.take(), kNoIndex);
  EXPECT_EQ(pool.taken(), 3u);
}

TEST(Pool, TakesFirstWhatWasGivenBackLast) {
  Pool<Segment> pool = std::move(*Pool<Segment>::reserve(4));
  for (int i = 0; i < 3; ++i) (void)pool.take();
  pool.give_back(0);
  pool.give_back(2);
  EXPECT_EQ(pool.taken(), 1u);
  EXPECT_EQ(pool.take(), 2u);
  EXPECT_EQ(pool.take(), 0u);
  EXPECT_EQ(pool.take(), 3u);
  EXPECT_EQ(pool.take(), kNoIndex);
}

TEST(Pool, KeepsElementsWhereTheyAre) {
  Pool<Segment> pool = std::move(*Pool<Segment>::reserve(4));
  const PoolIndex a = pool.take();
  pool[a] = {.begin = 1, .end = 2, .next = kNoIndex};
  Pool<Segment> moved = std::move(pool);
  EXPECT_EQ(moved[a].begin, 1u);
  EXPECT_EQ(moved.taken(), 1u);
}

}  // namespace
}  // namespace weir::protocol
