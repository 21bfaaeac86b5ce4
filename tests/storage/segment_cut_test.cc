// Where segments end that were not sealed, at every length.
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/segment/cut_segment.h"
#include "storage/segment/verify.h"
#include "support/segment_bytes.h"
#include "support/temp_dir.h"

namespace weir::storage::segment {
namespace {

using test::SegmentBytes;
using test::small_segment;

class CutSegment : public testing::Test {
 protected:
  Result<FoundSegment> found(const SegmentBytes& segment) {
    segment.write(path_);
    return find_segment_end(path_);
  }
  test::TempDir dir_;
  const std::string path_ = dir_.file("segment");
};

TEST_F(CutSegment, EveryLengthHasThePrefixOfUnitsThatAreWhole) {
  const SegmentBytes whole = small_segment();
  for (std::size_t bytes = 0; bytes <= whole.bytes().size(); bytes += 512) {
    SCOPED_TRACE(bytes);
    SegmentBytes segment = whole;
    segment.bytes().resize(bytes);
    const auto end = found(segment);
    if (bytes < 4096) {
      ASSERT_FALSE(end);
      EXPECT_EQ(end.error().code, ErrorCode::Truncated);
      continue;
    }
    ASSERT_TRUE(end) << end.error().context;
    std::size_t units = 0;
    std::size_t chunks = 0;
    while (units < 8 && whole.units()[units].offset + whole.units()[units].bytes <= bytes) ++units;
    while (chunks < 4 && whole.chunks()[chunks].offset + whole.chunks()[chunks].unit_bytes <= bytes)
      ++chunks;
    const auto& last = whole.units()[units - 1];
    EXPECT_EQ(end->end, last.offset + last.bytes);
    EXPECT_EQ(end->next_ordinal, units);
    EXPECT_EQ(end->torn_bytes(), bytes - end->end);
    EXPECT_EQ(end->chunks.size(), chunks);
    EXPECT_EQ(end->chunks_in_pages, units >= 7 ? 4u : units >= 5 ? 3u : 0u);
    EXPECT_EQ(end->sealed, units == 8);
    EXPECT_EQ(end->stopped.fault == UnitFault::None, end->torn_bytes() == 0);
  }
}

TEST_F(CutSegment, TellsOfChunksAndPagesWhatADirectoryNeeds) {
  SegmentBytes segment = small_segment();
  segment.bytes().resize(segment.units()[6].offset + 100);
  const auto end = found(segment).value();
  ASSERT_EQ(end.chunks.size(), 4u);
  EXPECT_EQ(end.chunks[1].row,
            (ChunkRow{.offset = 8192,
                      .unit_bytes = 24'576,
                      .packets = 2,
                      .times = {{1'700'000'000'000'000'010}, {1'700'000'000'000'000'011}},
                      .wire_bytes = 22'000,
                      .lost = 7}));
  EXPECT_EQ(end.chunks[3].facts.packets_before, 25u);
  EXPECT_EQ(end.chunks[3].ordinal, 5u);
  ASSERT_EQ(end.pages.size(), 1u);
  EXPECT_EQ(end.pages[0].offset, 36'864u);
  EXPECT_EQ(end.pages[0].chunks, 3u);
  EXPECT_EQ(end.pages[0].column(Column::Chunks), (ColumnLocator{128, 144}));
  EXPECT_EQ(end.pages[0].column(Column::Ipv4), (ColumnLocator{272, 12}));
  EXPECT_EQ(end.chunks_in_pages, 3u);
  EXPECT_EQ(end.head.facts.sequence, 42u);
}

TEST_F(CutSegment, AUnitThatDoesNotContinueWhatIsBeforeItIsTheEnd) {
  const auto end_with = [&](std::size_t unit, std::size_t at, std::uint32_t value) {
    SegmentBytes segment = small_segment();
    segment.set32(unit, at, value);
    segment.reseal(unit);
    const auto end = found(segment).value();
    EXPECT_NE(end.stopped.fault, UnitFault::None);
    return end.end;
  };
  EXPECT_EQ(end_with(2, 56, 2), 8192u);       // number of a chunk
  EXPECT_EQ(end_with(2, 112, 2), 8192u);      // packets before it
  EXPECT_EQ(end_with(4, 56, 1), 36'864u);     // first chunk of a page
  EXPECT_EQ(end_with(4, 60, 2), 36'864u);     // chunks of a page
  EXPECT_EQ(end_with(4, 72, 1000), 36'864u);  // columns of a page
  EXPECT_EQ(end_with(4, 84, 5000), 36'864u);  // place of a column
  EXPECT_EQ(end_with(7, 64, 64), 61'440u);    // place of the directory
}

TEST_F(CutSegment, TruncatingLeavesAGoodOpenSegment) {
  SegmentBytes segment = small_segment();
  segment.bytes().resize(segment.units()[3].offset + 1000);
  const auto end = found(segment).value();
  const auto cut = truncate_segment(path_, end.end);
  ASSERT_TRUE(cut) << cut.error().context;
  EXPECT_EQ(*cut, 1000u);
  EXPECT_EQ(std::filesystem::file_size(path_), 32'768u);
  EXPECT_EQ(verify_segment(path_, {}).value().state, SegmentState::Open);
  EXPECT_EQ(truncate_segment(path_, end.end).value(), 0u);
  EXPECT_EQ(truncate_segment(path_, 40'000).error().code, ErrorCode::Truncated);
  EXPECT_EQ(std::filesystem::file_size(path_), 32'768u);
}

TEST_F(CutSegment, WhatIsNoSegmentIsLeftAlone) {
  std::ofstream(path_) << "just text";
  EXPECT_EQ(find_segment_end(path_).error().code, ErrorCode::UnknownFormat);
  EXPECT_EQ(find_segment_end(dir_.path().string()).error().code, ErrorCode::UnknownFormat);
  EXPECT_EQ(find_segment_end(dir_.file("nothing")).error().code, ErrorCode::NotFound);
}

}  // namespace
}  // namespace weir::storage::segment
