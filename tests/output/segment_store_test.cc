// A store in a real directory: names and numbers of its segments, and what is found in it at the
// start.
#include "output/segment_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/headers/parse_batch.h"
#include "store_fixture.h"
#include "support/skip.h"
#include "support/temp_dir.h"

namespace weir::output {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace fs = std::filesystem;

std::vector<std::uint8_t> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class SegmentStoreTest : public testing::Test {
 protected:
  // But for the manifest.
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(store_)) {
      const std::string name = entry.path().filename().string();
      if (!name.starts_with("weir-store.db")) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  // Packets that each have a chunk for themselves, in one segment.
  void store_packets(std::uint32_t count) {
    auto store = SegmentStore::open(store_, clock_);
    ASSERT_TRUE(store.ok()) << store.error().context;
    auto lane = StoreLane::make({.chunk_bytes = 4096}, clock_, **store).value();
    offer(*lane, count);
    ASSERT_TRUE(lane->close().ok());
  }
  void offer(StoreLane& lane, std::uint32_t count) {
    InterfaceTable interfaces;
    interfaces.add({.link_type = LinkType::Ethernet, .snaplen = 0, .name = "left"});
    auto headers = std::make_unique<HeadersArray>();
    auto keys = std::make_unique<KeysArray>();
    for (std::uint32_t i = 0; i < count; ++i) {
      TestBatch batch;
      batch.add(frame_for_a_chunk(i), 1'000 + i);
      protocol::parse_batch(batch.batch(), *headers, *keys);
      (void)lane.reserve();
      lane.write(
          {batch.batch(), interfaces, *TestBatch::all(), kSession, headers.get(), keys.get()});
      expect_law(lane.statistics());
    }
  }
  RecoveryReport reopen() {
    auto store = SegmentStore::open(store_, clock_);
    EXPECT_TRUE(store.ok()) << store.error().context;
    return (*store)->recovered();
  }
  [[nodiscard]] std::string file(const std::string& name) const { return store_ + "/" + name; }
  std::string refusal(const std::string& path) {
    auto store = SegmentStore::open(path, clock_);
    EXPECT_FALSE(store.ok());
    return store ? "" : store.error().context;
  }

  test::TempDir dir_;
  const std::string store_ = dir_.file("packets");
  test::FakeClock clock_{Timestamp{1'700'000'000'000'000'000}};
};

constexpr const char* kFirst = "20231114T221320Z_0000000001_0.pcapng";
constexpr const char* kSecond = "20231114T221320Z_0000000002_0.pcapng";
constexpr const char* kLock = "weir-store.lock";

TEST_F(SegmentStoreTest, SegmentsAreNamedByTheirTimeNumberAndLaneAndNothingElseStays) {
  store_packets(3);
  EXPECT_THAT(names(), ElementsAre(kFirst, kLock));
  const SegmentContent content = content_of(read_bytes(file(kFirst)));
  EXPECT_EQ(content.packets.size(), 3u);
  EXPECT_EQ(content.head.facts.sequence, 1u);
  EXPECT_EQ(content.head.facts.lane, 0u);
  EXPECT_EQ(content.head.facts.created.ns, 1'700'000'000'000'000'000);
}

TEST_F(SegmentStoreTest, NumbersGoOnWhereTheyWere) {
  store_packets(1);
  store_packets(1);
  EXPECT_THAT(names(), ElementsAre(kFirst, kSecond, kLock));
  EXPECT_EQ(content_of(read_bytes(file(kSecond))).head.facts.sequence, 2u);
}

TEST_F(SegmentStoreTest, ALaneThatIsOfferedNothingLeavesNothing) {
  store_packets(0);
  EXPECT_THAT(names(), ElementsAre(kLock));
}

TEST_F(SegmentStoreTest, WhileALaneWritesItsNextFileIsReady) {
  auto store = SegmentStore::open(store_, clock_).value();
  auto lane = StoreLane::make({}, clock_, *store).value();
  EXPECT_THAT(names(), ElementsAre(kLock, "weir-store.spare-0"));
  ASSERT_TRUE(lane->close().ok());
  EXPECT_THAT(names(), ElementsAre(kLock));
}

TEST_F(SegmentStoreTest, EachLaneHasSegmentsOfItsOwnAlsoWhenAllBeginAtOnce) {
  for (int round = 0; round < 10; ++round) {
    fs::remove_all(store_);
    auto store = SegmentStore::open(store_, clock_).value();
    std::vector<std::unique_ptr<StoreLane>> lanes;
    for (int i = 0; i < 3; ++i) {
      lanes.push_back(
          StoreLane::make({.chunk_bytes = 4096, .segment_bytes = 16'384}, clock_, *store).value());
    }
    std::vector<std::thread> threads;
    for (auto& lane : lanes) {
      threads.emplace_back([this, &lane] {
        offer(*lane, 20);
        EXPECT_TRUE(lane->close().ok());
      });
    }
    for (auto& thread : threads) thread.join();
    std::vector<std::size_t> packets(3);
    std::vector<std::uint64_t> numbers;
    for (const std::string& name : names()) {
      if (name == kLock) continue;
      const SegmentContent content = content_of(read_bytes(file(name)));
      numbers.push_back(content.head.facts.sequence);
      packets.at(content.head.facts.lane) += content.packets.size();
    }
    EXPECT_THAT(packets, ElementsAre(20, 20, 20));
    std::sort(numbers.begin(), numbers.end());
    ASSERT_EQ(numbers.size(), 21u);
    EXPECT_EQ(numbers.front(), 1u);
    EXPECT_EQ(numbers.back(), 21u);
  }
}

// A lane that closes waits; others come meanwhile.
TEST_F(SegmentStoreTest, LanesComeAndGoAtOnce) {
  auto store = SegmentStore::open(store_, clock_).value();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        auto lane = StoreLane::make({.chunk_bytes = 4096}, clock_, *store).value();
        offer(*lane, 1);
        EXPECT_TRUE(lane->close().ok());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(names().size(), 21u);
}

TEST_F(SegmentStoreTest, BelongsToOneAtATime) {
  const auto store = SegmentStore::open(store_, clock_).value();
  EXPECT_THAT(refusal(store_),
              HasSubstr("in use by process " + std::to_string(::getpid()) + " (stop it"));
}

TEST_F(SegmentStoreTest, ASegmentThatLacksItsTailIsIndexedAndSealed) {
  store_packets(3);
  const std::uint64_t whole = fs::file_size(file(kFirst));
  fs::resize_file(file(kFirst), 4 * 4096);  // head and chunks
  const RecoveryReport report = reopen();
  ASSERT_EQ(report.segments.size(), 1u);
  EXPECT_EQ(report.segments[0].packets, 3u);
  EXPECT_EQ(report.segments[0].cut_bytes, 0u);
  EXPECT_EQ(text_of(report.segments[0]),
            std::string(kFirst) + ": was not sealed, and is now: 3 packets");
  EXPECT_EQ(fs::file_size(file(kFirst)), whole);
  const SegmentContent content = content_of(read_bytes(file(kFirst)));
  EXPECT_EQ(content.packets.size(), 3u);
  ASSERT_TRUE(content.directory);
  EXPECT_EQ(content.directory->pages.size(), 1u);
  EXPECT_THAT(reopen().segments, IsEmpty());
}

TEST_F(SegmentStoreTest, ASegmentThatEndsAnywhereIsCutBehindItsLastWholeChunk) {
  store_packets(3);
  const auto whole = read_bytes(file(kFirst));
  for (std::uint64_t end = 4096; end < whole.size(); end += 1000) {
    SCOPED_TRACE("end " + std::to_string(end));
    std::ofstream(file(kFirst), std::ios::binary)
        .write(reinterpret_cast<const char*>(whole.data()), static_cast<std::streamsize>(end));
    const std::uint64_t packets = std::min<std::uint64_t>(end / 4096 - 1, 3);
    const RecoveryReport report = reopen();
    ASSERT_EQ(report.segments.size(), 1u);
    EXPECT_EQ(report.segments[0].packets, packets);
    EXPECT_EQ(report.segments[0].cut_bytes, end % 4096);
    EXPECT_EQ(report.segments[0].removed, packets == 0);
    if (packets == 0) {
      EXPECT_FALSE(fs::exists(file(kFirst)));
      continue;
    }
    const SegmentContent content = content_of(read_bytes(file(kFirst)));
    EXPECT_EQ(content.packets.size(), packets);
    ASSERT_TRUE(content.directory);
    EXPECT_EQ(content.directory->cut_bytes, end % 4096);
  }
}

TEST_F(SegmentStoreTest, RoomThatASegmentHadTakenBeforehandIsGivenBackWhenItIsRecovered) {
  const auto blocks = [](const std::string& path) {
    struct stat facts {};
    EXPECT_EQ(::stat(path.c_str(), &facts), 0);
    return facts.st_blocks;
  };
  store_packets(3);
  fs::resize_file(file(kFirst), 4 * 4096);
  {
    auto taken = storage::open_block_device({.path = dir_.file("x"), .allocate_bytes = 1 << 20});
    ASSERT_TRUE(taken.ok());
  }
  WEIR_SKIP_BECAUSE(blocks(dir_.file("x")) == 0 ? "this file system takes nothing beforehand" : "",
                    test::UnderCi::Fail);
  const auto bytes = read_bytes(file(kFirst));
  {
    std::ofstream copy(dir_.file("x"), std::ios::binary | std::ios::in);
    copy.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  fs::rename(dir_.file("x"), file(kFirst));
  ASSERT_GE(blocks(file(kFirst)), (1 << 20) / 512);
  ASSERT_EQ(reopen().segments.size(), 1u);
  EXPECT_LE(blocks(file(kFirst)), 8 * 4096 / 512);
}

TEST_F(SegmentStoreTest, AnEmptySegmentAndSpareFilesAreRemoved) {
  store_packets(1);
  std::ofstream(file(kSecond)).flush();
  std::ofstream(file("weir-store.spare-0")) << "x";
  std::ofstream(file("weir-store.spare-7")) << "x";
  const RecoveryReport report = reopen();
  ASSERT_EQ(report.segments.size(), 1u);
  EXPECT_TRUE(report.segments[0].removed);
  EXPECT_EQ(text_of(report.segments[0]), std::string(kSecond) + ": held no packet, and is gone");
  EXPECT_THAT(names(), ElementsAre(kFirst, kLock));
}

TEST_F(SegmentStoreTest, WhatIsDamagedOrForeignIsToldAndLeftAlone) {
  store_packets(1);
  auto damaged = read_bytes(file(kFirst));
  damaged[40] ^= 1;  // of the head
  std::ofstream(file(kFirst), std::ios::binary)
      .write(reinterpret_cast<const char*>(damaged.data()),
             static_cast<std::streamsize>(damaged.size()));
  std::ofstream(file(kSecond)) << "not a segment at all";
  std::ofstream(file("notes.txt")) << "x";
  const RecoveryReport report = reopen();
  EXPECT_THAT(report.segments, IsEmpty());
  EXPECT_THAT(report.damaged, ElementsAre(HasSubstr(kFirst), HasSubstr(kSecond)));
  EXPECT_EQ(read_bytes(file(kFirst)), damaged);
  EXPECT_EQ(fs::file_size(file(kSecond)), 20u);
  store_packets(1);
  EXPECT_TRUE(fs::exists(file("20231114T221320Z_0000000003_0.pcapng")));
  EXPECT_TRUE(fs::exists(file("notes.txt")));
}

TEST_F(SegmentStoreTest, TheDirectoryIsMadeWhenItsParentIsThere) {
  store_packets(1);
  EXPECT_TRUE(fs::exists(file(kFirst)));
  EXPECT_THAT(refusal(dir_.file("nowhere/packets")), HasSubstr("nowhere/packets"));
  std::ofstream(dir_.file("a-file")) << "x";
  EXPECT_THAT(refusal(dir_.file("a-file")), HasSubstr("a-file"));
  EXPECT_THAT(refusal(dir_.file("a-file/packets")), HasSubstr("a-file/packets"));
}

TEST_F(SegmentStoreTest, ADirectoryThatGoesWhileItIsWrittenToIsTheErrorOfTheNextSegment) {
  auto store = SegmentStore::open(store_, clock_).value();
  auto lane =
      StoreLane::make({.chunk_bytes = 4096, .segment_bytes = 16'384}, clock_, *store).value();
  offer(*lane, 1);
  while (!fs::exists(file("weir-store.spare-0"))) {
  }
  fs::remove_all(store_);
  offer(*lane, 5);
  const auto closed = lane->close();
  ASSERT_FALSE(closed.ok());
  EXPECT_EQ(closed.error().code, ErrorCode::NotFound);
  EXPECT_EQ(lane->statistics().written.value(), 3u) << "into a file that has no name any more";
  EXPECT_EQ(total_lost(lane->statistics()), 3u);
}

TEST_F(SegmentStoreTest, ASegmentThatIsRemovedWhileItIsWrittenIsAnError) {
  auto store = SegmentStore::open(store_, clock_).value();
  auto lane = StoreLane::make({.chunk_bytes = 4096}, clock_, *store).value();
  offer(*lane, 1);
  fs::remove(file(kFirst));
  const auto closed = lane->close();
  ASSERT_FALSE(closed.ok());
  EXPECT_THAT(closed.error().context, HasSubstr("somebody removed it while it was written"));
}

}  // namespace
}  // namespace weir::output
