// A capture in several files: when the next one begins, what it is called, and that every packet is
// in exactly one of them, whole, whatever clocks and disks do.
#include "output/rotation.h"

#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "output/pcapng_file.h"
#include "series_fixture.h"
#include "support/fake_clock.h"

namespace weir::output {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Timestamp kEight = {1'795'291'200'000'000'000};  // 2026-11-21T20:00:00Z

TEST(RotatedPath, HasNumberAndTimeOfTheBegin) {
  EXPECT_EQ(rotated_path("dir/lan.pcapng", 1, kEight), "dir/lan_00001_20261121T200000Z.pcapng");
  EXPECT_EQ(rotated_path("lan.pcap", 99'999, kEight + seconds(3661)),
            "lan_99999_20261121T210101Z.pcapng");
  EXPECT_EQ(rotated_path("lan", 123'456, kEight), "lan_123456_20261121T200000Z.pcapng");
  EXPECT_EQ(rotated_path("a.b/lan.raw", 2, {-1}), "a.b/lan.raw_00002_19691231T235959Z.pcapng");
  EXPECT_EQ(rotated_path("dir/.pcapng", 2, {0}), "dir/.pcapng_00002_19700101T000000Z.pcapng");
}

TEST(SeriesOf, AreTheRotatedFilesOfAPathOldestFirst) {
  EXPECT_EQ(
      series_of("dir/lan.pcapng",
                {"lan_00001_20261121T210000Z.pcapng", "lan_00002_20261121T200000Z.pcapng",
                 "lan_00001_20261121T200000Z.pcapng", "lan_123456_20261121T200000Z.pcapng",
                 // Others.
                 "lan.pcapng", "lan_00001_20261121T200000Z.pcap", "lan_00001_.pcapng",
                 "lan_x_20261121T200000Z.pcapng", "lan__20261121T200000Z.pcapng",
                 "wlan_00001_20261121T200000Z.pcapng", "lan_00001_20261121 200000Z.pcapng",
                 "lan_web_00001_20261121T200000Z.pcapng", "lan_.pcapng", ""}),
      (std::vector<std::string>{
          "dir/lan_00001_20261121T200000Z.pcapng", "dir/lan_00002_20261121T200000Z.pcapng",
          "dir/lan_123456_20261121T200000Z.pcapng", "dir/lan_00001_20261121T210000Z.pcapng"}));
  EXPECT_EQ(series_of("lan", {"lan_00001_20261121T200000Z.pcapng"}),
            (std::vector<std::string>{"lan_00001_20261121T200000Z.pcapng"}));
}

// A sink on a series in memory, at 20:30.
class RotationTest : public testing::Test {
 protected:
  RotationTest() : clock_(kEight + seconds(1800)) { interfaces_.add({.name = "one"}); }

  void open(const RotationOptions& options, bool statistics = false, std::uint64_t seed = 1) {
    auto pool =
        buffer::BlockPool::create(3, PcapngFile::kBlockBytes + PcapngFile::kSlackBytes).value();
    auto rotation = std::make_unique<Rotation>("lan.pcapng", options, clock_,
                                               std::make_unique<FakeFileStore>(files_, seed));
    auto device = rotation->open_first().value();
    PcapngFile::Parts parts{.pool = std::move(pool),
                            .device = std::move(device),
                            .identity = {},
                            .rotation = std::move(rotation)};
    if (statistics) parts.counts = SectionCounts(counts_, clock_);
    sink_ = std::make_unique<PcapngFile>(std::move(parts));
  }
  void write(TestBatch& batch) {
    ASSERT_TRUE(sink_->reserve());
    sink_->write({batch.batch(), interfaces_, *TestBatch::all(), kSession});
    expect_law(sink_->statistics());
  }
  void write_at(Timestamp time) {
    TestBatch batch;
    batch.add("packet", time.ns);
    write(batch);
  }
  // Packets in each file.
  [[nodiscard]] std::vector<std::size_t> sizes() const {
    std::vector<std::size_t> found;
    for (const auto& file : files_.walk()) {
      EXPECT_EQ(file.error, "");
      EXPECT_EQ(file.sections.size(), 1U);
      found.push_back(file.packets.size());
    }
    return found;
  }

  FakeFiles files_;
  test::FakeClock clock_;
  FakeCounts counts_;
  InterfaceTable interfaces_;
  std::unique_ptr<PcapngFile> sink_;
};
using Sizes = std::vector<std::size_t>;

// --- by time

TEST_F(RotationTest, APacketBelongsToTheIntervalOfItsOwnTime) {
  open({.interval = hours(1)});
  TestBatch batch;
  batch.add("a", (kEight + milliseconds(3'599'999)).ns);
  batch.add("b", (kEight + hours(1)).ns);
  batch.add("c", (kEight + hours(1) + seconds(1)).ns);
  batch.add("d", (kEight + hours(3)).ns);
  write(batch);
  ASSERT_TRUE(sink_->close());
  EXPECT_EQ(files_.paths, (std::vector<std::string>{"lan_00001_20261121T203000Z.pcapng",
                                                    "lan_00002_20261121T210000Z.pcapng",
                                                    "lan_00003_20261121T230000Z.pcapng"}));
  EXPECT_EQ(sizes(), (Sizes{1, 2, 1}));
  EXPECT_EQ(sink_->files(), 3U);
  EXPECT_EQ(sink_->path(), "lan.pcapng");
}

TEST_F(RotationTest, AnUnwantedPacketChangesNothing) {
  open({.interval = hours(1)});
  TestBatch batch;
  batch.add("a", (kEight + hours(1)).ns);
  ASSERT_TRUE(sink_->reserve());
  sink_->write({batch.batch(), interfaces_, Verdicts{}, kSession});
  EXPECT_EQ(files_.paths.size(), 1U);
  ASSERT_TRUE(sink_->close());
}

TEST_F(RotationTest, OnAQuietLinkTheClockEndsTheFileASecondLater) {
  open({.interval = hours(1)});
  write_at(clock_.wall());
  clock_.advance(seconds(1800) + milliseconds(999));
  ASSERT_TRUE(sink_->flush());
  EXPECT_EQ(files_.paths.size(), 1U);
  clock_.advance(milliseconds(1));
  ASSERT_TRUE(sink_->flush());
  ASSERT_EQ(files_.paths.size(), 2U);
  EXPECT_EQ(files_.paths[1], "lan_00002_20261121T210000Z.pcapng");
  EXPECT_TRUE(files_.content.at(files_.paths[0]).closed);
  ASSERT_TRUE(sink_->flush());
  EXPECT_EQ(files_.paths.size(), 2U);
  clock_.advance(hours(1));
  ASSERT_TRUE(sink_->reserve()) << "so does a worker that waits for packets";
  EXPECT_EQ(files_.paths.size(), 3U);
  ASSERT_TRUE(sink_->close());
  EXPECT_EQ(sizes(), (Sizes{1, 0, 0}));
  for (const auto& file : files_.walk()) EXPECT_EQ(file.sections.at(0).interfaces.size(), 1U);
}

TEST_F(RotationTest, StragglersGoIntoTheFileThatIsOpen) {
  open({.interval = hours(1)});
  write_at(kEight + hours(1));
  for (int i = 1; i < 20; ++i) write_at(kEight + hours(1) + milliseconds(i % 2 == 0 ? i : -i));
  ASSERT_TRUE(sink_->close());
  EXPECT_EQ(sizes(), (Sizes{0, 20}));
}

TEST_F(RotationTest, AClockThatIsSetBackNeitherStopsNorHurriesRotation) {
  for (const Duration back : {Duration(milliseconds(1)), Duration(seconds(600)), Duration(hours(1)),
                              Duration(hours(24 * 365 * 30))}) {
    files_ = {};
    clock_ = test::FakeClock(kEight + seconds(1800));
    SCOPED_TRACE(back.count());
    open({.interval = hours(1)});
    write_at(clock_.wall());
    clock_.jump_wall(-back);
    // Two days of a packet a minute, some of them still with a time from before the jump.
    for (int minute = 0; minute < 48 * 60; ++minute) {
      clock_.advance(seconds(60));
      write_at(clock_.wall());
      if (minute == 0) write_at(clock_.wall() + back);
    }
    ASSERT_TRUE(sink_->close());
    EXPECT_GE(files_.paths.size(), 47U);
    EXPECT_LE(files_.paths.size(), 51U);
    for (std::size_t i = 2; i + 1 < files_.paths.size(); ++i)
      EXPECT_NE(files_.paths[i].find("0000Z"), std::string::npos) << "aligned again";
    const Sizes found = sizes();
    EXPECT_EQ(std::accumulate(found.begin(), found.end(), std::size_t{0}), 48U * 60 + 2);
  }
}

TEST_F(RotationTest, AClockThatIsSetForwardGoesOnInTheNewInterval) {
  open({.interval = hours(1)});
  write_at(clock_.wall());
  clock_.jump_wall(hours(100));
  ASSERT_TRUE(sink_->flush());
  EXPECT_EQ(files_.paths.size(), 2U) << "quiet links too";
  write_at(clock_.wall());
  clock_.jump_wall(-hours(100));
  for (int i = 0; i < 100; ++i) write_at(clock_.wall());
  EXPECT_EQ(files_.paths.size(), 2U);
  clock_.advance(hours(1) + seconds(1));
  write_at(clock_.wall());
  ASSERT_TRUE(sink_->close());
  EXPECT_EQ(sizes(), (Sizes{1, 101, 1}));
}

TEST_F(RotationTest, APacketFromAFarFutureDelaysTheNextFileByOneIntervalAtMost) {
  open({.interval = hours(1)});
  for (const std::int64_t time :
       {(kEight + hours(24 * 3650)).ns, std::numeric_limits<std::int64_t>::max()}) {
    const std::size_t before = files_.paths.size();
    write_at({time});
    EXPECT_EQ(files_.paths.size(), before + 1);
    for (int i = 0; i < 10; ++i) write_at({time});
    EXPECT_EQ(files_.paths.size(), before + 1);
    clock_.advance(hours(1) + seconds(1));
    write_at(clock_.wall());
    EXPECT_EQ(files_.paths.size(), before + 2);
  }
  ASSERT_TRUE(sink_->close());
  (void)sizes();
}

TEST_F(RotationTest, ClocksThatJumpAtRandomNeverMakeAFileForEachPacketNorOneForAll) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    files_ = {};
    clock_ = test::FakeClock(kEight);
    open({.interval = seconds(60)});
    constexpr int kPackets = 3000;
    int jumps = 0;
    for (int i = 0; i < kPackets; ++i) {
      clock_.advance(milliseconds(random.below(2000)));
      if (random.chance(1, 300)) {
        ++jumps;
        clock_.jump_wall(seconds(static_cast<std::int64_t>(random.below(400'000)) - 200'000));
      }
      write_at(clock_.wall() + milliseconds(-static_cast<std::int64_t>(random.below(20))));
    }
    ASSERT_TRUE(sink_->close());
    // 3000 s are 50 intervals; a jump ends one early, and the one after it too.
    ASSERT_LE(files_.paths.size(), 52U + 2U * static_cast<unsigned>(jumps));
    ASSERT_GE(files_.paths.size(), 40U);
  }
}

// --- by size

// Offers drawn batches; at every step the ledger, at the end that the files hold exactly what was
// offered and are as long as they may be.
TEST_F(RotationTest, NoFileIsLargerThanAskedForAndNoneEndsTooEarly) {
  for (std::uint64_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    files_ = {};
    const bool statistics = random.chance(1, 2);
    const std::uint64_t size = seed % 20 == 0 ? 1'500'000 : 1 + random.below(20'000);
    interfaces_ = {};
    interfaces_.add({.name = "one"});
    counts_.values.assign(3, {});
    open({.size_bytes = size}, statistics, seed);
    std::vector<Offered> offered;
    const std::uint64_t batches = size > 100'000 ? 20 : 1 + random.below(3);
    for (std::uint64_t i = 0; i < batches; ++i) {
      TestBatch batch;
      Verdicts verdicts{};
      draw_batch(random, size > 100'000 ? 3000 : 200, batch, verdicts, offered);
      if (random.chance(1, 4) && interfaces_.count() < 3) interfaces_.add({.name = "more"});
      ASSERT_TRUE(sink_->reserve());
      sink_->write({batch.batch(), interfaces_, verdicts, kSession});
      expect_law(sink_->statistics());
      if (random.chance(1, 3)) {
        ASSERT_TRUE(sink_->flush());
      }
    }
    ASSERT_TRUE(sink_->close());
    EXPECT_EQ(sink_->statistics().written.value(), offered.size());
    std::uint64_t bytes = 0;
    std::size_t next = 0;
    const auto walked = files_.walk();
    for (std::size_t i = 0; i < walked.size(); ++i) {
      const auto& file = walked[i];
      ASSERT_EQ(file.error, "");
      const std::uint64_t length = files_.content.at(files_.paths[i]).content.size();
      bytes += length;
      ASSERT_TRUE(length <= size || file.packets.size() == 1) << length << " of " << size;
      ASSERT_EQ(statistics_of(file).size(), statistics ? file.sections.at(0).interfaces.size() : 0);
      for (const auto& packet : file.packets) {
        ASSERT_LT(next, offered.size());
        ASSERT_EQ(packet.time, offered[next].time);
        ASSERT_TRUE(packet.data == offered[next].data);
        ++next;
      }
      if (i + 1 < walked.size() &&
          walked[i + 1].sections[0].interfaces.size() == file.sections[0].interfaces.size()) {
        ASSERT_LT(next, offered.size());
        ASSERT_GT(length + 32 + align_up(offered[next].data.size(), 4), size)
            << "file " << i << " would have had room for the next packet";
      }
    }
    ASSERT_EQ(next, offered.size());
    ASSERT_EQ(bytes, sink_->statistics().written_bytes.value());
  }
}

TEST_F(RotationTest, TheStatisticsOfAllFilesAddUp) {
  open({.size_bytes = 700}, true);
  std::uint64_t received = 0;
  for (int i = 0; i < 30; ++i) {
    counts_.values[0].received = received += static_cast<std::uint64_t>(i);
    clock_.advance(seconds(1));
    TestBatch batch;
    batch.add(std::string(100, 'x'), 1);
    write(batch);
  }
  ASSERT_TRUE(sink_->close());
  std::uint64_t told = 0;
  std::uint64_t end_before = 0;
  ASSERT_GT(files_.paths.size(), 5U);
  for (const auto& file : files_.walk()) {
    const auto statistics = statistics_of(file);
    ASSERT_EQ(statistics.size(), 1U);
    told += statistics[0].values.at(4);
    if (end_before != 0) {
      EXPECT_EQ(statistics[0].values.at(2), end_before);
    }
    end_before = statistics[0].values.at(3);
  }
  EXPECT_EQ(told, received);
}

TEST_F(RotationTest, ALossIsToldInTheFileOfTheNextPacket) {
  open({.size_bytes = 600});
  TestBatch batch;
  batch.add(std::string(400, 'x'), 1);
  batch.add_gap(9);
  batch.add(std::string(400, 'y'), 2);
  write(batch);
  ASSERT_TRUE(sink_->close());
  const auto walked = files_.walk();
  ASSERT_EQ(walked.size(), 2U);
  EXPECT_EQ(dropcount(walked[1].packets.at(0)), 9U);
}

// --- how many

TEST_F(RotationTest, OnlyTheNewestFilesAreKept) {
  open({.size_bytes = 1, .files_max = 3});
  for (int i = 0; i < 10; ++i) write_at({i});
  ASSERT_TRUE(sink_->close());
  EXPECT_TRUE(files_.finished);
  EXPECT_EQ(sink_->files(), 10U);
  EXPECT_EQ(files_.removed,
            std::vector<std::string>(files_.paths.begin(), files_.paths.begin() + 7));
}

TEST_F(RotationTest, FilesOfEarlierRunsCountWhenTheSeriesGoesOn) {
  files_.earlier = {"a", "b", "c", "d"};
  open({.size_bytes = 1, .files_max = 3, .goes_on = true});
  write_at({1});
  EXPECT_EQ(files_.removed, std::vector<std::string>()) << "only a second file shows that it runs";
  write_at({2});
  EXPECT_EQ(files_.removed, (std::vector<std::string>{"a", "b", "c"}));
  write_at({3});
  write_at({4});
  ASSERT_TRUE(sink_->close());
  EXPECT_EQ(files_.removed, (std::vector<std::string>{"a", "b", "c", "d", files_.paths[0]}));
}

TEST_F(RotationTest, FilesOfEarlierRunsAreLeftAloneOtherwise) {
  files_.earlier = {"a", "b", "c", "d"};
  open({.size_bytes = 1, .files_max = 3});
  for (int i = 0; i < 3; ++i) write_at({i});
  ASSERT_TRUE(sink_->close());
  EXPECT_EQ(files_.removed, std::vector<std::string>());
}

// --- trouble

TEST_F(RotationTest, WhenTheNextFileCannotBeOpenedTheOnesBeforeAreWholeAndTheRestIsCounted) {
  files_.files_max = 3;
  open({.size_bytes = 600}, true);
  TestBatch batch;
  for (int i = 0; i < 8; ++i) batch.add(std::string(400, 'x'), i);
  ASSERT_TRUE(sink_->reserve());
  sink_->write({batch.batch(), interfaces_, *TestBatch::all(), kSession});
  expect_law(sink_->statistics());
  EXPECT_EQ(sink_->statistics().written.value(), 3U);
  const auto reserved = sink_->reserve();
  ASSERT_FALSE(reserved);
  EXPECT_EQ(reserved.error().code, ErrorCode::NoSpace);
  EXPECT_NE(reserved.error().context.find("lan_00004_"), std::string::npos);
  sink_->write({batch.batch(), interfaces_, *TestBatch::all(), kSession});
  EXPECT_FALSE(sink_->close());
  EXPECT_EQ(sink_->statistics().lost[static_cast<std::size_t>(LostReason::NoSpace)].value(), 13U);
  EXPECT_EQ(sink_->statistics().pending.value(), 0U);
  expect_law(sink_->statistics());
  EXPECT_EQ(sizes(), (Sizes{1, 1, 1}));
  for (const auto& file : files_.walk()) EXPECT_EQ(statistics_of(file).size(), 1U);
}

TEST_F(RotationTest, ADiskThatFillsUpKeepsAPrefixOfWhatWasOffered) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    files_ = {};
    files_.plan_for = random.below(4);
    files_.plan = {.seed = seed,
                   .short_percent = static_cast<std::uint32_t>(random.below(20)),
                   .interrupted_percent = static_cast<std::uint32_t>(random.below(20)),
                   .no_space_at = random.below(2'500'000)};
    if (files_.plan_for == 0 && random.chance(1, 2)) files_.files_max = 1 + random.below(3);
    open({.size_bytes = 2'000'000}, random.chance(1, 2), seed);
    std::vector<Offered> offered;
    for (int i = 0; i < 12; ++i) {
      (void)sink_->reserve();
      TestBatch batch;
      Verdicts verdicts{};
      draw_batch(random, 9000, batch, verdicts, offered);
      sink_->write({batch.batch(), interfaces_, verdicts, kSession});
      expect_law(sink_->statistics());
      if (random.chance(1, 6)) (void)sink_->flush();
      expect_law(sink_->statistics());
    }
    const bool closed = sink_->close().ok();
    expect_law(sink_->statistics());
    ASSERT_EQ(sink_->statistics().pending.value(), 0U);
    ASSERT_EQ(closed, sink_->statistics().written.value() == offered.size() &&
                          total_lost(sink_->statistics()) == 0)
        << "an error exactly when something is missing";
    test::WalkedFile all;
    for (auto& file : files_.walk()) {
      ASSERT_EQ(file.error, "");
      all.packets.insert(all.packets.end(), file.packets.begin(), file.packets.end());
    }
    expect_prefix(all, offered, sink_->statistics().written.value());
    sink_.reset();
  }
}

}  // namespace
}  // namespace weir::output
