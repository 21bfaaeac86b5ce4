#include "security/range_set.h"

#include <string>

#include <gtest/gtest.h>

namespace weir::security {
namespace {

using Set = RangeSet<std::uint32_t>;
constexpr std::uint32_t kLast = 0xffffffff;

std::string text_of(const Set& set) {
  std::string text;
  for (const auto& range : set.ranges()) {
    text +=
        (text.empty() ? "" : " ") + std::to_string(range.first) + "-" + std::to_string(range.last);
  }
  return text;
}

TEST(RangeSet, OverlapsAndNeighboursAreOneRange) {
  const Set set({{10, 20}, {40, 50}, {15, 30}, {31, 35}, {41, 42}});
  EXPECT_EQ(text_of(set), "10-35 40-50");
}

TEST(RangeSet, BordersAreInside) {
  const Set set({{10, 20}, {40, 40}});
  for (const std::uint32_t inside : {10u, 15u, 20u, 40u}) EXPECT_TRUE(set.contains(inside));
  for (const std::uint32_t outside : {0u, 9u, 21u, 39u, 41u, kLast}) {
    EXPECT_FALSE(set.contains(outside)) << outside;
  }
}

TEST(RangeSet, TheFirstAndTheLastNumberCanBeInside) {
  const Set set({{0, 0}, {kLast, kLast}});
  EXPECT_TRUE(set.contains(0));
  EXPECT_FALSE(set.contains(1));
  EXPECT_FALSE(set.contains(kLast - 1));
  EXPECT_TRUE(set.contains(kLast));
  EXPECT_EQ(text_of(set.complement()), "1-4294967294");
}

TEST(RangeSet, NothingAndEverythingAreEachOthersRest) {
  EXPECT_FALSE(Set().contains(0));
  EXPECT_FALSE(Set().contains(kLast));
  EXPECT_TRUE(Set().complement().is_everything());
  EXPECT_TRUE(Set::everything().contains(0));
  EXPECT_TRUE(Set::everything().contains(kLast));
  EXPECT_EQ(text_of(Set::everything().complement()), "");
}

TEST(RangeSet, AnIntersectionHasWhatBothHave) {
  const Set a({{0, 10}, {20, 30}, {40, kLast}});
  const Set b({{5, 25}, {30, 41}, {50, 60}});
  EXPECT_EQ(text_of(a.intersect(b)), "5-10 20-25 30-30 40-41 50-60");
  EXPECT_EQ(text_of(b.intersect(a)), "5-10 20-25 30-30 40-41 50-60");
}

TEST(RangeSet, AnAnswerSaysWhatElseItIsGoodFor) {
  const Set set({{10, 20}});
  EXPECT_EQ(set.find(12).range.first, 10u);
  EXPECT_EQ(set.find(12).range.last, 20u);
  EXPECT_TRUE(set.find(12).inside);
  EXPECT_EQ(set.find(30).range.first, 21u);
  EXPECT_EQ(set.find(30).range.last, kLast);
  EXPECT_FALSE(set.find(30).inside);
  EXPECT_EQ(set.find(0).range.last, 9u);
}

// More ranges than are looked at one by one, in clusters and far from each other.
template <typename T>
void asks_many(std::uint64_t seed) {
  Prng prng(seed);
  SCOPED_TRACE("seed " + std::to_string(seed));
  const auto any = [&] {
    const T wide = static_cast<T>(static_cast<Uint128>(prng.next()) << 64 | prng.next());
    return prng.chance(1, 2) ? wide : static_cast<T>(wide % 10'000);
  };
  std::vector<Range<T>> ranges;
  for (int i = 0; i < 200; ++i) {
    const T first = any();
    const T more = static_cast<T>(prng.below(50));
    const T last = first > static_cast<T>(~T{0}) - more ? static_cast<T>(~T{0}) : first + more;
    ranges.push_back({first, last});
  }
  const auto naive = [&](T value) {
    for (const auto& range : ranges) {
      if (value >= range.first && value <= range.last) return true;
    }
    return false;
  };
  const RangeSet<T> set(ranges);
  const RangeSet<T> rest = set.complement();
  const auto check = [&](T value) {
    ASSERT_EQ(set.contains(value), naive(value));
    ASSERT_NE(rest.contains(value), naive(value));
    const auto answer = set.find(value);
    ASSERT_TRUE(answer.covers(value));
    ASSERT_EQ(answer.inside, naive(value));
    ASSERT_EQ(naive(answer.range.first), answer.inside);
    ASSERT_EQ(naive(answer.range.last), answer.inside);
  };
  for (int i = 0; i < 2000; ++i) check(any());
  for (const auto& range : ranges) {
    check(range.first);
    check(range.last);
    check(static_cast<T>(range.first - 1));
    check(static_cast<T>(range.last + 1));
  }
}

TEST(RangeSet, ManyRangesAnswerAsALookAtEach) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    asks_many<std::uint32_t>(seed);
    asks_many<std::uint64_t>(seed);
    asks_many<Uint128>(seed);
  }
}

}  // namespace
}  // namespace weir::security
