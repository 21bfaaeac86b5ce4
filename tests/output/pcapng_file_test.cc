// The file sink over simulated and failing devices, for many seeds; sections and interfaces of the
// output.
#include "output/pcapng_file.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "output_fixture.h"
#include "support/fake_block_device.h"
#include "support/fault_block_device.h"

namespace weir::output {
namespace {

const storage::pcapng::SectionIdentity kIdentity{
    .hardware = "", .os = "", .application = "weir test"};

// A sink on a fake file.
struct Bench {
  explicit Bench(const test::FaultPlan& plan = {})
      : sink(std::make_unique<PcapngFile>(PcapngFile::Parts{
            .pool = buffer::BlockPool::create(4, PcapngFile::kBlockBytes + PcapngFile::kSlackBytes)
                        .value(),
            .device = std::make_unique<test::FaultBlockDevice>(
                std::make_unique<test::FakeBlockDevice>(file, plan.seed), plan),
            .identity = kIdentity})) {
    interfaces.add({.name = "one"});
  }
  void write(TestBatch& batch) {
    ASSERT_TRUE(sink->reserve());
    sink->write({batch.batch(), interfaces, *TestBatch::all(), kSession});
    expect_law(sink->statistics());
  }
  [[nodiscard]] test::WalkedFile walk() const { return test::walk_pcapng(file.content); }

  test::FakeFile file;
  InterfaceTable interfaces;
  std::unique_ptr<PcapngFile> sink;
};

// Offers drawn batches until so many bytes were offered, flushing now and then; checks the ledger
// at every step and, at the end, the file against it.
void run(const test::FaultPlan& plan, std::uint64_t bytes, std::uint32_t frame_max,
         ErrorCode expected) {
  SCOPED_TRACE("seed " + std::to_string(plan.seed));
  Bench bench(plan);
  const SinkStatistics& statistics = bench.sink->statistics();
  Prng random(plan.seed);
  std::vector<Offered> offered;
  std::uint64_t offered_bytes = 0;
  bool failed = false;
  while (offered_bytes < bytes) {
    failed |= !bench.sink->reserve().ok();
    expect_law(statistics);
    TestBatch batch;
    Verdicts verdicts{};
    const std::size_t before = offered.size();
    draw_batch(random, frame_max, batch, verdicts, offered);
    for (std::size_t i = before; i < offered.size(); ++i) offered_bytes += offered[i].data.size();
    bench.sink->write({batch.batch(), bench.interfaces, verdicts, kSession});
    expect_law(statistics);
    ASSERT_EQ(statistics.offered.value(), offered.size());
    if (random.chance(1, 8)) {
      const bool flushed = bench.sink->flush().ok();
      expect_law(statistics);
      if (flushed) {
        ASSERT_EQ(statistics.pending.value(), 0U);
        ASSERT_EQ(statistics.written_bytes.value(), bench.file.content.size());
      }
      failed |= !flushed;
    }
  }
  const auto closed = bench.sink->close();
  expect_law(statistics);
  ASSERT_EQ(statistics.pending.value(), 0U);
  ASSERT_TRUE(bench.file.closed);
  ASSERT_EQ(statistics.written_bytes.value(), bench.file.content.size());
  expect_prefix(bench.walk(), offered, statistics.written.value());
  if (closed) {
    ASSERT_FALSE(failed);
    ASSERT_EQ(statistics.written.value(), offered.size());
  } else {
    ASSERT_EQ(closed.error().code, expected) << closed.error().context;
    const auto again = bench.sink->close();
    ASSERT_FALSE(again);
    ASSERT_EQ(again.error().context, closed.error().context);
  }
}

constexpr std::uint64_t kMiB = 1024 * 1024;

TEST(PcapngFile, HoldsEveryPacketInOrderWhateverTheDeviceDoesInBetween) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    run({.seed = seed, .short_percent = 20, .interrupted_percent = 10}, 6 * kMiB, 1500,
        ErrorCode::Internal);
    run({.seed = seed, .refuse_direct_after = seed % 5}, 6 * kMiB, 9000, ErrorCode::Internal);
  }
}

TEST(PcapngFile, HoldsFramesOfTheLargestSizeAcrossBlocks) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed)
    run({.seed = seed}, 12 * kMiB, kPacketBytesMax, ErrorCode::Internal);
}

TEST(PcapngFile, OnAFullDiskKeepsWholePacketsAndCountsTheRest) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::uint64_t full = Prng(seed).below(4 * kMiB);
    run({.seed = seed, .short_percent = 10, .no_space_at = full}, 6 * kMiB, 3000,
        ErrorCode::NoSpace);
    run({.seed = seed, .no_space_at = full}, 8 * kMiB, kPacketBytesMax, ErrorCode::NoSpace);
  }
}

TEST(PcapngFile, OnABadSectorKeepsWholePacketsBeforeItAndCountsTheRest) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    run({.seed = seed, .short_percent = 30, .io_error_at = Prng(seed).below(4 * kMiB)}, 6 * kMiB,
        2000, ErrorCode::Io);
  }
}

TEST(PcapngFile, ReportsAFailureOnceClearlyAndCountsEverythingAfterItAsLost) {
  Bench bench({.no_space_at = 0});
  TestBatch batch;
  batch.add("frame", 1);
  bench.write(batch);
  const auto flushed = bench.sink->flush();
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, ErrorCode::NoSpace);
  EXPECT_EQ(flushed.error().context,
            "write fake.pcapng: No space left on device at byte 0 (free some space or write "
            "elsewhere; no packet was "
            "written)");
  EXPECT_FALSE(bench.sink->reserve());
  bench.sink->write({batch.batch(), bench.interfaces, *TestBatch::all(), kSession});
  EXPECT_EQ(bench.sink->statistics().lost[static_cast<std::size_t>(LostReason::NoSpace)].value(),
            2U);
  EXPECT_EQ(bench.sink->statistics().pending.value(), 0U);
  EXPECT_EQ(bench.sink->fill(), 0) << "nobody does with less for what has failed";
  EXPECT_FALSE(bench.sink->close());
  EXPECT_TRUE(bench.file.content.empty());
}

TEST(PcapngFile, SaysSoWhenTheIncompleteEndCannotBeCutOff) {
  Bench bench({.no_space_at = 1000, .refuse_set_size = true});
  TestBatch batch;
  batch.add(std::string(5000, 'x'), 1);
  bench.write(batch);
  const auto closed = bench.sink->close();
  ASSERT_FALSE(closed);
  EXPECT_NE(closed.error().context.find("cutting off its incomplete end failed"),
            std::string::npos);
}

TEST(PcapngFile, FlushMakesPacketsVisibleAndTheFileGoesOnInTheSameBlock) {
  Bench bench;
  std::vector<Offered> offered;
  for (std::uint64_t i = 0; i < 300; ++i) {
    TestBatch batch;
    offered.push_back({std::string(i * 20, static_cast<char>(i)), i});
    batch.add(offered.back().data, static_cast<std::int64_t>(i));
    bench.write(batch);
    ASSERT_TRUE(bench.sink->flush());
    expect_prefix(bench.walk(), offered, offered.size());
  }
  ASSERT_TRUE(bench.sink->close());
  expect_prefix(bench.walk(), offered, offered.size());
}

TEST(PcapngFile, AnUnusedSinkLeavesAFileWithASection) {
  Bench bench;
  ASSERT_TRUE(bench.sink->close());
  const auto file = bench.walk();
  EXPECT_EQ(file.error, "");
  EXPECT_EQ(file.sections.size(), 1U);
  EXPECT_EQ(bench.sink->statistics().written_bytes.value(), bench.file.content.size());
}

TEST(PcapngFile, CountsAPacketAfterCloseAsLost) {
  Bench bench;
  ASSERT_TRUE(bench.sink->close());
  TestBatch batch;
  batch.add("late", 1);
  bench.sink->write({batch.batch(), bench.interfaces, *TestBatch::all(), kSession});
  expect_law(bench.sink->statistics());
  EXPECT_EQ(bench.sink->statistics().lost[static_cast<std::size_t>(LostReason::Closed)].value(),
            1U);
}

// --- credits
// ------------------------------------------------------------------------------------------------

// The largest batch: two frames of the largest size, and the most records.
void fill_batch(TestBatch& batch) {
  for (int i = 0; i < 2; ++i) batch.add(std::string(kPacketBytesMax, 'x'), 1);
  for (std::size_t i = 2; i < kBatchPacketsMax; ++i) batch.add("", 1);
}

TEST(PcapngFile, HasRoomForTheBatchesOfAllItsCreditsHoweverSlowTheDisk) {
  for (const std::uint32_t credits : {1U, 2U, 5U, PcapngFile::kCreditsMax}) {
    const bool many = credits > 5;
    for (std::uint64_t seed = 1; seed <= (many ? 1U : 3U); ++seed) {
      SCOPED_TRACE("credits " + std::to_string(credits) + ", seed " + std::to_string(seed));
      const std::uint32_t blocks = PcapngFile::blocks(credits);
      test::FakeFile file;
      PcapngFile sink(PcapngFile::Parts{
          .pool =
              buffer::BlockPool::create(blocks, PcapngFile::kBlockBytes + PcapngFile::kSlackBytes)
                  .value(),
          .device = std::make_unique<test::FakeBlockDevice>(file, seed, blocks),
          .identity = kIdentity,
          .credits_max = credits});
      InterfaceTable interfaces;
      interfaces.add({});
      TestBatch batch;
      fill_batch(batch);
      Prng random(seed);
      std::uint32_t out = 0;
      std::uint64_t written = 0;
      for (int step = 0; step < (many ? 4 : 60); ++step) {
        // Mostly all of them are out before any is used.
        if (out < credits && (out == 0 || random.chance(9, 10))) {
          ASSERT_TRUE(sink.reserve());
          ++out;
          if (random.chance(9, 10)) {
            for (; out < credits; ++out) ASSERT_TRUE(sink.reserve());
          }
          continue;
        }
        const std::uint32_t waits = file.waits;
        for (; out > 0; --out, ++written)
          sink.write({batch.batch(), interfaces, *TestBatch::all(), kSession});
        ASSERT_EQ(file.waits, waits) << "a write() waited for the disk";
      }
      ASSERT_TRUE(sink.close());
      ASSERT_EQ(sink.statistics().written.value(), written * kBatchPacketsMax);
    }
  }
}

// What is on its way to the device, and of the block that is being filled what is in it.
TEST(PcapngFile, ItsFillIsWhatIsOnItsWayToTheDisk) {
  test::FakeFile file;
  const std::uint32_t blocks = PcapngFile::blocks(1);
  PcapngFile sink(PcapngFile::Parts{
      .pool = buffer::BlockPool::create(blocks, PcapngFile::kBlockBytes + PcapngFile::kSlackBytes)
                  .value(),
      .device = std::make_unique<test::FakeBlockDevice>(file, 1, blocks),
      .identity = kIdentity});
  InterfaceTable interfaces;
  interfaces.add({});
  EXPECT_EQ(sink.fill(), 0);
  TestBatch batch;
  fill_batch(batch);
  double most = 0;
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(sink.reserve());
    most = std::max(most, sink.fill());
    sink.write({batch.batch(), interfaces, *TestBatch::all(), kSession});
  }
  EXPECT_GT(most, 0.25) << "two blocks, and what is being filled";
  EXPECT_LE(most, 1);
  ASSERT_TRUE(sink.flush());
  ASSERT_TRUE(sink.reserve());
  EXPECT_LT(sink.fill(), 0.15) << "only the block that is being filled";
  ASSERT_TRUE(sink.close());
}

// Or the ring behind it would be laid at its door for as long as the worker waits for another.
TEST(PcapngFile, IsNotFullAnyMoreWhenItHasBeenWaitedFor) {
  test::FakeFile file;
  const std::uint32_t blocks = PcapngFile::blocks(1);
  PcapngFile sink(PcapngFile::Parts{
      .pool = buffer::BlockPool::create(blocks, PcapngFile::kBlockBytes + PcapngFile::kSlackBytes)
                  .value(),
      .device = std::make_unique<test::FaultBlockDevice>(
          std::make_unique<test::FakeBlockDevice>(file, 1, blocks),
          test::FaultPlan{.only_when_waited_for = true}),
      .identity = kIdentity});
  InterfaceTable interfaces;
  interfaces.add({});
  TestBatch batch;
  fill_batch(batch);
  std::uint32_t waited = 0;
  for (int i = 0; i < 60; ++i) {
    const std::uint32_t before = file.waits;
    ASSERT_TRUE(sink.reserve());
    EXPECT_LT(sink.fill(), 1);
    waited += file.waits - before;
    sink.write({batch.batch(), interfaces, *TestBatch::all(), kSession});
  }
  EXPECT_GT(waited, 0u);
  ASSERT_TRUE(sink.close());
}

// --- sections and interfaces
// ------------------------------------------------------------------------------------

std::vector<std::string> names(const test::WalkedSection& section) {
  std::vector<std::string> found;
  for (const auto& interface : section.interfaces) {
    for (const auto& option : interface.options) {
      if (option.code == 2) found.push_back(option.value);
    }
  }
  return found;
}
using Names = std::vector<std::string>;

TEST(PcapngFile, DescribesAllInterfacesInTheOrderOfTheTableUsedOrNot) {
  Bench bench;
  bench.interfaces.add({.name = "two"});
  bench.interfaces.add({.name = "three"});
  TestBatch batch;
  batch.add("x", 1, 2);
  bench.write(batch);
  TestBatch empty;  // makes a new interface known
  bench.interfaces.add({.name = "four"});
  bench.write(empty);
  ASSERT_TRUE(bench.sink->close());
  const auto file = bench.walk();
  ASSERT_EQ(file.error, "");
  EXPECT_EQ(names(file.sections.at(0)), (Names{"one", "two", "three", "four"}));
  EXPECT_EQ(file.packets.at(0).interface, 2U);
}

TEST(PcapngFile, TheSectionOfAnInputBecomesItsOwnWithTheOptionsKept) {
  Bench bench;
  TestBatch batch;
  batch.add_section(option_bytes(1, "first"), 0);
  batch.add("a", 1, 0);
  batch.add_section(option_bytes(1, "second"), 1);
  bench.interfaces.add({.name = "two"});
  bench.interfaces.add({.name = "three"});
  batch.add("b", 2, 2);
  bench.write(batch);
  TestBatch later;
  later.add("c", 3, 1);
  later.add("d", 4, 0);  // an interface of the earlier section, used again
  bench.write(later);
  ASSERT_TRUE(bench.sink->close());
  const auto file = bench.walk();
  ASSERT_EQ(file.error, "");
  ASSERT_EQ(file.sections.size(), 2U);
  EXPECT_EQ(file.sections[0].options.at(0), (test::WalkedOption{1, "first"}));
  EXPECT_EQ(file.sections[1].options.at(0), (test::WalkedOption{1, "second"}));
  EXPECT_EQ(names(file.sections[0]), (Names{"one"}));
  EXPECT_EQ(names(file.sections[1]), (Names{"two", "three", "one"}));
  ASSERT_EQ(file.packets.size(), 4U);
  EXPECT_EQ(file.packets[0].section, 0U);
  EXPECT_EQ(file.packets[1].section, 1U);
  EXPECT_EQ(file.packets[1].interface, 1U);
  EXPECT_EQ(file.packets[2].interface, 0U);
  EXPECT_EQ(file.packets[3].interface, 2U);
}

TEST(PcapngFile, SideBlocksStandWhereTheyStoodAmongThePackets) {
  Bench bench;
  bench.interfaces.add({.name = "two"});
  TestBatch batch;
  batch.add_side_block(4, {1, 0, 0, 0});
  batch.add("a", 1);
  batch.add("b", 2);
  batch.add_side_block(10, {2, 0, 0, 0});
  batch.add_side_block(0x0bad, {3, 0, 0, 0});
  batch.add("c", 3);
  batch.add_side_block(5, std::vector<std::uint8_t>(12, 9), 1);
  bench.write(batch);
  ASSERT_TRUE(bench.sink->close());
  const auto file = bench.walk();
  ASSERT_EQ(file.error, "");
  ASSERT_EQ(file.others.size(), 4U);
  EXPECT_EQ(file.others[0].packets_before, 0U);
  EXPECT_EQ(file.others[1].packets_before, 2U);
  EXPECT_EQ(file.others[1].type, 10U);
  EXPECT_EQ(file.others[2].packets_before, 2U);
  EXPECT_EQ(file.others[2].type, 0x0badU);
  EXPECT_EQ(file.others[3].packets_before, 3U);
  EXPECT_EQ(file.others[3].body.substr(0, 4), std::string("\1\0\0\0", 4))
      << "the output's number of the interface";
}

TEST(PcapngFile, DescriptionsAndSideBlocksLargerThanABlockGetThrough) {
  Bench bench;
  CaptureInterface large{.name = "large"};
  for (int i = 0; i < 50; ++i) {
    const auto comment = option_bytes(1, std::string(65'000, static_cast<char>('a' + i % 26)));
    large.options.insert(large.options.end(), comment.begin(), comment.end());
  }
  for (int i = 0; i < 4; ++i) bench.interfaces.add(large);
  TestBatch batch;
  batch.add("a", 1, 4);
  batch.add_side_block(0x0bad, std::vector<std::uint8_t>(kBatchBytesMax, 7));
  batch.add("b", 2, 3);
  bench.write(batch);
  ASSERT_TRUE(bench.sink->close());
  const auto file = bench.walk();
  ASSERT_EQ(file.error, "");
  EXPECT_EQ(file.packets.size(), 2U);
  ASSERT_EQ(file.sections.at(0).interfaces.size(), 5U);
  EXPECT_EQ(file.sections[0].interfaces[4].options.size(), 52U);
  EXPECT_EQ(file.others.at(0).body.size(), std::size_t{kBatchBytesMax});
}

TEST(PcapngFile, KeepsLengthsOptionsAndMissingTimes) {
  Bench bench;
  const auto comment = option_bytes(1, "why");
  TestBatch batch;
  Packet& snapped = batch.add("abc", 7);
  snapped.wire_bytes = 9000;
  snapped.options = comment.data();
  snapped.options_bytes = static_cast<std::uint32_t>(comment.size());
  batch.add("no time", 0).has_time = false;
  Packet& odd = batch.add("no time, snapped", 0);
  odd.has_time = false;
  odd.wire_bytes = 99;
  bench.write(batch);
  ASSERT_TRUE(bench.sink->close());
  const auto file = bench.walk();
  ASSERT_EQ(file.error, "");
  ASSERT_EQ(file.packets.size(), 3U);
  EXPECT_EQ(file.packets[0].wire, 9000U);
  EXPECT_EQ(file.packets[0].options, (std::vector<test::WalkedOption>{{1, "why"}}));
  EXPECT_EQ(file.packets[1].block_type, 3U);
  EXPECT_EQ(file.packets[1].data, "no time");
  EXPECT_EQ(file.packets[2].block_type, 6U);
  EXPECT_EQ(file.packets[2].wire, 99U);
}

}  // namespace
}  // namespace weir::output
