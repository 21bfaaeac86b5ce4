// Recovery of segments of which a writer that died has left the head or the tail in part.
#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "output/recover_segment.h"
#include "storage/segment/verify.h"
#include "support/fake_clock.h"
#include "support/segment_bytes.h"
#include "support/temp_dir.h"

namespace weir::output {
namespace {

constexpr const char* kName = "20231114T221320Z_0000000042_3.pcapng";

TEST(TornSegment, IsRemovedWhenItEndsWithinItsHead) {
  const test::TempDir directory;
  test::SegmentBytes segment = test::small_segment();
  segment.bytes().resize(2048);
  segment.write(directory.file(kName));

  const auto report = recover_store(directory.path().string(), test::FakeClock()).value();
  ASSERT_EQ(report.segments.size(), 1U);
  EXPECT_TRUE(report.segments[0].removed);
  EXPECT_TRUE(report.damaged.empty());
  EXPECT_FALSE(std::filesystem::exists(directory.file(kName)));
}

TEST(TornSegment, IsSealedAnewWhenOnlyTheEndOfItsTailIsThere) {
  const test::TempDir directory;
  test::SegmentBytes segment = test::small_segment();
  const test::SegmentUnit tail = segment.units().back();
  std::fill_n(segment.bytes().begin() + static_cast<std::ptrdiff_t>(tail.offset), 512, 0);
  segment.write(directory.file(kName));

  const auto report = recover_store(directory.path().string(), test::FakeClock()).value();
  EXPECT_TRUE(report.damaged.empty());
  ASSERT_EQ(report.segments.size(), 1U);
  EXPECT_EQ(report.segments[0].packets, segment.packets());
  EXPECT_EQ(report.segments[0].cut_bytes, tail.bytes);
  const auto verified =
      storage::segment::verify_segment(directory.file(kName), {.findings_max = 1}).value();
  EXPECT_EQ(verified.state, storage::segment::SegmentState::Sealed);
  EXPECT_EQ(verified.totals.packets, segment.packets());
}

TEST(TornSegment, IsLeftAloneWhenThereIsDamageBeforeItsTail) {
  const test::TempDir directory;
  test::SegmentBytes segment = test::small_segment();
  segment.bytes()[segment.units()[2].offset + 200] ^= 1;
  segment.bytes()[segment.units().back().offset + 140] ^= 1;
  segment.write(directory.file(kName));

  const auto report = recover_store(directory.path().string(), test::FakeClock()).value();
  EXPECT_EQ(report.damaged.size(), 1U);
  EXPECT_TRUE(report.segments.empty());
  EXPECT_EQ(std::filesystem::file_size(directory.file(kName)), segment.bytes().size());
}

}  // namespace
}  // namespace weir::output
