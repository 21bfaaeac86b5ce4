#include "security/number_table.h"

#include <string>

#include <gtest/gtest.h>

namespace weir::security {
namespace {

using Ranges = std::vector<Range<std::uint32_t>>;
constexpr std::uint32_t kLast = 0xffffffff;

NumberTable table_of(Ranges ranges) {
  return NumberTable(RangeSet<std::uint32_t>(std::move(ranges)));
}
std::size_t capacity_of(Ranges ranges) { return table_of(std::move(ranges)).memory_bytes(); }

TEST(NumberTable, NothingAndEverythingAnswerAlikeForAllNumbers) {
  for (const std::uint32_t number : {0u, 1u, 255u, 256u, 32'767u, 32'768u, 0x80000000u, kLast}) {
    EXPECT_FALSE(table_of({}).contains(number)) << number;
    EXPECT_TRUE(NumberTable().contains(number)) << number;
    EXPECT_TRUE(table_of({{0, kLast}}).contains(number)) << number;
  }
}

TEST(NumberTable, OneNumberIsInsideAndItsNeighboursAreNot) {
  for (const std::uint32_t number : {1u, 255u, 256u, 32'767u, 32'768u, 0x0a000001u, kLast - 1}) {
    const NumberTable table = table_of({{number, number}});
    EXPECT_FALSE(table.contains(number - 1)) << number;
    EXPECT_TRUE(table.contains(number)) << number;
    EXPECT_FALSE(table.contains(number + 1)) << number;
  }
}

TEST(NumberTable, TheFirstAndTheLastNumberCanBeInside) {
  const NumberTable table = table_of({{0, 0}, {kLast, kLast}});
  EXPECT_TRUE(table.contains(0));
  EXPECT_FALSE(table.contains(1));
  EXPECT_FALSE(table.contains(kLast - 1));
  EXPECT_TRUE(table.contains(kLast));
}

TEST(NumberTable, ARangeEndsWhereItSaysInBlocksAndChunks) {
  // Within a block, over two, over a chunk and a piece of both of its neighbours.
  for (const auto& range : Ranges{{0x0a000002, 0x0a000003},
                                  {0x0a0000ff, 0x0a000100},
                                  {0x0a000080, 0x0a0002ff},
                                  {0x0a007f80, 0x0a0100ff},
                                  {0x0a008000, 0x0a00ffff}}) {
    const NumberTable table = table_of({range});
    EXPECT_FALSE(table.contains(range.first - 1)) << range.first;
    EXPECT_TRUE(table.contains(range.first)) << range.first;
    EXPECT_TRUE(table.contains(range.first + (range.last - range.first) / 2)) << range.first;
    EXPECT_TRUE(table.contains(range.last)) << range.first;
    EXPECT_FALSE(table.contains(range.last + 1)) << range.first;
  }
}

TEST(NumberTable, AllBlocksOfAChunkCanBeDivided) {
  Ranges ranges;
  for (std::uint32_t block = 0; block < 128; ++block) {
    const std::uint32_t number = 0xc0a80000u + (block << 8) + block;
    ranges.push_back({number, number});
  }
  const NumberTable table = table_of(ranges);
  for (const auto& range : ranges) {
    EXPECT_TRUE(table.contains(range.first));
    EXPECT_FALSE(table.contains(range.first - 1));
    EXPECT_FALSE(table.contains(range.first + 1));
    EXPECT_FALSE(table.contains(range.first ^ 0x80000000u));
  }
}

TEST(NumberTable, WhatFollowsTheLastBorderIsAlike) {
  const NumberTable open = table_of({{0x0a000000, kLast}});
  EXPECT_FALSE(open.contains(0x09ffffff));
  EXPECT_TRUE(open.contains(0x0a000000));
  EXPECT_TRUE(open.contains(kLast));
  const NumberTable closed = table_of({{0x0a000000, 0x0a007fff}});
  EXPECT_TRUE(closed.contains(0x0a007fff));
  EXPECT_FALSE(closed.contains(0x0a008000));
  EXPECT_FALSE(closed.contains(kLast));
}

TEST(NumberTable, MemoryIsWithinWhatItsHeaderSays) {
  constexpr std::size_t kKib = 1024;
  EXPECT_LE(NumberTable().memory_bytes(), 1 * kKib);
  Ranges side_by_side;
  Ranges anywhere;
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    side_by_side.push_back({0x0a000000u + (i << 9), 0x0a0000ffu + (i << 9)});
    const std::uint32_t address = i * 2'654'435'761u;
    anywhere.push_back({address, address});
  }
  EXPECT_LE(capacity_of(side_by_side), 64 * kKib);
  EXPECT_LE(capacity_of(anywhere), 2200 * kKib);
  EXPECT_GE(capacity_of(anywhere), 1024 * kKib) << "addresses that hardly share a chunk";
}

// Numbers near the ends of blocks and chunks, and others.
std::uint32_t any(Prng& prng) {
  const auto few = [&](std::uint64_t most) { return static_cast<std::uint32_t>(prng.below(most)); };
  const std::uint32_t near = few(5) - 2;
  switch (prng.below(4)) {
    case 0:
      return (few(4) << 15) + near;
    case 1:
      return 0x0a000000u + (few(512) << 8) + near;
    case 2:
      return near;
    default:
      return static_cast<std::uint32_t>(prng.next());
  }
}

void agrees(std::uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Prng prng(seed);
  Ranges ranges;
  for (std::uint64_t n = prng.below(300); n > 0; --n) {
    const std::uint32_t first = any(prng);
    const std::uint32_t length =
        static_cast<std::uint32_t>(prng.below(2) == 0 ? prng.below(3) : prng.below(100'000));
    ranges.push_back({first, first > kLast - length ? kLast : first + length});
  }
  const NumberTable table = table_of(ranges);
  const NumberTable rest(RangeSet<std::uint32_t>(ranges).complement());
  const auto check = [&](std::uint32_t number) {
    bool inside = false;
    for (const auto& range : ranges) inside |= number >= range.first && number <= range.last;
    ASSERT_EQ(table.contains(number), inside) << number;
    ASSERT_EQ(rest.contains(number), !inside) << number;
  };
  for (int i = 0; i < 2000; ++i) check(any(prng));
  for (const auto& range : ranges) {
    for (const std::uint32_t border : {range.first, range.last}) {
      for (const std::uint32_t number : {border - 1, border, border + 1}) check(number);
    }
  }
}

TEST(NumberTable, AnswersAsALookAtEachRange) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    agrees(seed);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace weir::security
