// The table of flows: finds an index by its hash, through growth, collisions and removals.
#include "protocol/deep/flow_table.h"

#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"

namespace weir::protocol {
namespace {

// The upper half of the hash is what an entry keeps.
constexpr std::uint64_t hash_of(std::uint32_t tag) { return std::uint64_t{tag} << 32; }

PoolIndex find(const FlowTable& table, std::uint64_t hash, PoolIndex wanted) {
  return table.find(hash, [&](PoolIndex index) { return index == wanted; });
}

TEST(FlowTable, FindsWhatWasInsertedAndNothingElse) {
  FlowTable table = std::move(*FlowTable::make());
  ASSERT_TRUE(table.insert(hash_of(5), 42));
  EXPECT_EQ(find(table, hash_of(5), 42), 42u);
  EXPECT_EQ(find(table, hash_of(6), 42), kNoIndex);
  EXPECT_EQ(find(table, hash_of(5), 43), kNoIndex);
  EXPECT_EQ(table.likely(hash_of(5)), 42u);
  EXPECT_EQ(table.likely(hash_of(6)), kNoIndex);
  EXPECT_EQ(table.count(), 1u);
}

TEST(FlowTable, TellsEqualHashesApartByAsking) {
  FlowTable table = std::move(*FlowTable::make());
  for (PoolIndex index = 0; index < 10; ++index) ASSERT_TRUE(table.insert(hash_of(5), index));
  for (PoolIndex index = 0; index < 10; ++index) EXPECT_EQ(find(table, hash_of(5), index), index);
}

TEST(FlowTable, ClosesTheGapOfWhatIsErasedAlsoAroundItsEnd) {
  FlowTable table = std::move(*FlowTable::make());
  // Places 510, 511, 0, 1: all belong to 510 but the third.
  const std::uint32_t tags[] = {510, 510 + 512, 0, 510 + 1024};
  for (PoolIndex index = 0; index < 4; ++index)
    ASSERT_TRUE(table.insert(hash_of(tags[index]), index));
  table.erase(hash_of(tags[0]), 0);
  EXPECT_EQ(find(table, hash_of(tags[0]), 0), kNoIndex);
  for (PoolIndex index = 1; index < 4; ++index) {
    EXPECT_EQ(find(table, hash_of(tags[index]), index), index);
  }
  EXPECT_EQ(table.count(), 3u);
}

TEST(FlowTable, GrowsAndKeepsAll) {
  FlowTable table = std::move(*FlowTable::make());
  const std::size_t bytes = table.bytes();
  for (PoolIndex index = 0; index < 10'000; ++index) {
    ASSERT_TRUE(table.insert(hash_of(index * 2'654'435'761u), index));
  }
  EXPECT_GT(table.bytes(), bytes);
  for (PoolIndex index = 0; index < 10'000; ++index) {
    ASSERT_EQ(find(table, hash_of(index * 2'654'435'761u), index), index);
  }
}

// Few tags and many equal ones, so that clusters form, wrap around and break up.
TEST(FlowTable, DoesWhatAMapDoes) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Prng random(seed);
    FlowTable table = std::move(*FlowTable::make());
    std::unordered_map<PoolIndex, std::uint64_t> model;
    for (int step = 0; step < 3000; ++step) {
      const auto index = static_cast<PoolIndex>(random.next() % 700);
      const auto known = model.find(index);
      if (known == model.end()) {
        const std::uint64_t hash = hash_of(static_cast<std::uint32_t>(500 + random.next() % 40));
        ASSERT_TRUE(table.insert(hash, index));
        model[index] = hash;
      } else if (random.next() % 2 == 0) {
        table.erase(known->second, index);
        model.erase(known);
      }
      ASSERT_EQ(table.count(), model.size());
      if (step % 100 != 0) continue;
      for (PoolIndex any = 0; any < 700; ++any) {
        const auto entry = model.find(any);
        if (entry != model.end()) {
          ASSERT_EQ(find(table, entry->second, any), any);
        }
      }
    }
  }
}

}  // namespace
}  // namespace weir::protocol
