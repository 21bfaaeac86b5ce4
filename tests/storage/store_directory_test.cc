// Names of segments, what is in a store, and who has it.
#include "storage/segment/store_directory.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace weir::storage::segment {
namespace {

using testing::ElementsAre;

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(SegmentName, IsTimeSequenceAndLane) {
  EXPECT_EQ(segment_file_name(
                {.begun = {1'795'291'200 * kSecond + 999'999'999}, .sequence = 42, .lane = 3}),
            "20261121T200000Z_0000000042_3.pcapng");
  EXPECT_EQ(segment_file_name({.begun = {-1}, .sequence = 12'345'678'901, .lane = 0}),
            "19691231T235959Z_12345678901_0.pcapng");
}

TEST(SegmentName, ParsesBack) {
  for (const SegmentName& name :
       {SegmentName{.begun = {1'795'291'200 * kSecond}, .sequence = 42, .lane = 3},
        SegmentName{.begun = {0}, .sequence = 0, .lane = 0},
        SegmentName{.begun = {-86'400 * kSecond}, .sequence = ~std::uint64_t{0}, .lane = ~0U}}) {
    EXPECT_EQ(parse_segment_file_name(segment_file_name(name)), name) << segment_file_name(name);
  }
}

TEST(SegmentName, OthersAreNone) {
  for (const char* const text :
       {"", "20261121T200000Z_0000000042_3", "20261121T200000Z_0000000042_3.pcap",
        "20261121T200000Z_000000042_3.pcapng", "20261121T200000Z_00000000042_3.pcapng",
        "20261121T200000Z_0000000042_03.pcapng", "20261121T200000Z_0000000042.pcapng",
        "20261121T200000Z_0000000042_3.pcapng.zst", "20261121T200000_0000000042_3.pcapng",
        "20261321T200000Z_0000000042_3.pcapng", "20260230T200000Z_0000000042_3.pcapng",
        "20261121T240000Z_0000000042_3.pcapng", "20261121T206000Z_0000000042_3.pcapng",
        "00001121T200000Z_0000000042_3.pcapng", "20261121T200000Z_0000000042_4294967296.pcapng",
        "20261121T200000Z_18446744073709551616_3.pcapng", "20261121T200000Z_-000000042_3.pcapng",
        "x20261121T200000Z_0000000042_3.pcapng"}) {
    EXPECT_FALSE(parse_segment_file_name(text)) << text;
  }
}

TEST(ListStore, SortsBySequenceAndTellsWhatIsForeign) {
  const test::TempDir dir;
  for (const char* const name :
       {"20261121T200000Z_0000000010_0.pcapng", "20261122T200000Z_0000000009_1.pcapng",
        "20261120T200000Z_12345678901_0.pcapng", "weir-store.lock", "weir-store.db", ".hidden",
        "notes.txt", "capture.pcapng"}) {
    std::ofstream(dir.file(name)) << "x";
  }
  const auto listing = list_store(dir.path().string());
  ASSERT_TRUE(listing) << listing.error().context;
  std::vector<std::string> files;
  for (const StoredSegment& segment : listing->segments) files.push_back(segment.file);
  EXPECT_THAT(files, ElementsAre("20261122T200000Z_0000000009_1.pcapng",
                                 "20261121T200000Z_0000000010_0.pcapng",
                                 "20261120T200000Z_12345678901_0.pcapng"));
  EXPECT_EQ(listing->segments[0].name.lane, 1u);
  EXPECT_THAT(listing->foreign, ElementsAre("capture.pcapng", "notes.txt"));
  EXPECT_EQ(list_store(dir.file("nothing")).error().code, ErrorCode::NotFound);
}

TEST(StoreLock, BelongsToOneAtATime) {
  const test::TempDir dir;
  const std::string store = dir.file("store");
  EXPECT_EQ(StoreLock::holder(store), std::nullopt);
  {
    const auto lock = StoreLock::take(store);
    ASSERT_TRUE(lock) << lock.error().context;
    EXPECT_EQ(StoreLock::holder(store), static_cast<std::uint32_t>(::getpid()));
    const auto second = StoreLock::take(store);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::Exists);
    EXPECT_EQ(second.error().context, "store " + store + ": in use by process " +
                                          std::to_string(::getpid()) +
                                          " (stop it, or choose another directory)");
    std::ifstream file(store + "/weir-store.lock");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}),
              std::to_string(::getpid()) + "\n");
  }
  EXPECT_EQ(StoreLock::holder(store), std::nullopt);
  EXPECT_TRUE(StoreLock::take(store));
}

TEST(StoreLock, MakesTheDirectoryButNotItsParent) {
  const test::TempDir dir;
  EXPECT_TRUE(StoreLock::take(dir.file("store")));
  EXPECT_TRUE(std::filesystem::is_directory(dir.file("store")));
  const auto deep = StoreLock::take(dir.file("no/store"));
  ASSERT_FALSE(deep);
  EXPECT_EQ(deep.error().code, ErrorCode::NotFound);
  std::ofstream(dir.file("file")) << "x";
  EXPECT_FALSE(StoreLock::take(dir.file("file")));
}

TEST(StoreLock, ALockFileThatWasRemovedIsNotTheLock) {
  const test::TempDir dir;
  const auto first = StoreLock::take(dir.path().string());
  ASSERT_TRUE(first);
  std::filesystem::remove(dir.file("weir-store.lock"));
  const auto second = StoreLock::take(dir.path().string());
  EXPECT_TRUE(second);
  EXPECT_FALSE(StoreLock::take(dir.path().string()));
}

}  // namespace
}  // namespace weir::storage::segment
