// A store in several directories: which of them gets what, and what becomes of the others when one
// is slow or fails.
#include "output/striped_lane.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/headers/parse_batch.h"
#include "store_fixture.h"
#include "support/pcapng_walker.h"

namespace weir::output {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Lt;

StoreLaneOptions small() { return {.chunk_bytes = 4096, .segment_bytes = 16'384}; }

class StripedBench final : public StripeWatcher {
 public:
  // A directory for each plan, which holds for all files of it.
  explicit StripedBench(const std::vector<test::FaultPlan>& plans,
                        const StoreLaneOptions& options = small(), std::size_t first = 0) {
    interfaces.add({.link_type = LinkType::Ethernet, .snaplen = 0, .name = "left"});
    std::vector<std::unique_ptr<StoreLane>> stripes;
    for (const test::FaultPlan& plan : plans) {
      supplies.push_back(std::make_unique<MemorySupply>(plan));
      supplies.back()->plan_for_all();
      StoreLaneOptions own = options;
      own.path = "directory " + std::to_string(stripes.size());
      stripes.push_back(StoreLane::make(own, clock, *supplies.back()).value());
    }
    lane = std::make_unique<StripedLane>(std::move(stripes), first, *this);
  }

  // Whether there was a credit.
  bool offer(TestBatch& batch) { return offer(batch, *TestBatch::all()); }
  bool offer(TestBatch& batch, const Verdicts& verdicts,
             std::span<const PressureLoss> dropped = {}) {
    const bool credit = lane->reserve().ok();
    const PacketBatch& packets = batch.batch();
    protocol::parse_batch(packets, *headers_, *keys_);
    lane->write(
        {packets, interfaces, verdicts, kSession, headers_.get(), keys_.get(), nullptr, dropped});
    expect_law(lane->statistics());
    return credit;
  }
  bool offer(std::uint32_t number) {
    TestBatch batch;
    batch.add(frame_for_a_chunk(number), 1'000 + number);
    return offer(batch);
  }
  void settle() {
    for (int i = 0; i < 200; ++i) (void)lane->flush();
  }

  // Of all segments of the directory.
  [[nodiscard]] std::vector<SegmentContent::StoredPacket> packets(std::size_t directory) const {
    std::vector<SegmentContent::StoredPacket> all;
    for (const SegmentContent& one : contents(directory)) {
      all.insert(all.end(), one.packets.begin(), one.packets.end());
    }
    return all;
  }
  // As they were numbered for offer().
  [[nodiscard]] std::vector<std::int64_t> numbers(std::size_t directory) const {
    std::vector<std::int64_t> numbers;
    for (const auto& packet : packets(directory)) numbers.push_back(packet.time - 1'000);
    return numbers;
  }
  [[nodiscard]] std::vector<SegmentContent> contents(std::size_t directory) const {
    std::vector<SegmentContent> contents;
    for (const auto& one : supplies[directory]->segments()) {
      if (!one->file.content.empty()) contents.push_back(content_of(one->file.content));
    }
    return contents;
  }

  test::FakeClock clock;
  InterfaceTable interfaces;
  std::vector<std::unique_ptr<MemorySupply>> supplies;
  std::vector<std::string> failures;
  std::unique_ptr<StripedLane> lane;

 private:
  void stripe_failed(std::size_t stripe, const Error& why) override {
    failures.push_back(std::to_string(stripe) + ": " + std::string(name_of(why.code)));
  }

  std::unique_ptr<HeadersArray> headers_ = std::make_unique<HeadersArray>();
  std::unique_ptr<KeysArray> keys_ = std::make_unique<KeysArray>();
};

TEST(StripedLane, DirectoriesTakeTurnsByTheChunk) {
  StripedBench bench({{.seed = 1}, {.seed = 2}});
  for (std::uint32_t i = 0; i < 12; ++i) {
    ASSERT_TRUE(bench.offer(i));
    bench.settle();
  }
  ASSERT_TRUE(bench.lane->close().ok());
  // A chunk is closed when the packet that does not fit into it comes: that goes there too.
  EXPECT_THAT(bench.numbers(0), ElementsAre(0, 1, 4, 6, 8, 10));
  EXPECT_THAT(bench.numbers(1), ElementsAre(2, 3, 5, 7, 9, 11));
  EXPECT_EQ(bench.lane->statistics().written.value(), 12u);
  EXPECT_EQ(bench.lane->stripe(0).statistics().written.value(), 6u);
  EXPECT_EQ(bench.lane->files(),
            bench.supplies[0]->segments().size() + bench.supplies[1]->segments().size());
  EXPECT_THAT(bench.failures, IsEmpty());
}

TEST(StripedLane, TheOneThatIsNamedBegins) {
  StripedBench bench({{.seed = 1}, {.seed = 2}}, small(), 1);
  ASSERT_TRUE(bench.offer(1));
  ASSERT_TRUE(bench.lane->close().ok());
  EXPECT_THAT(bench.numbers(1), ElementsAre(1));
  EXPECT_THAT(bench.supplies[0]->segments(), IsEmpty());
}

TEST(StripedLane, ABatchStaysTogether) {
  StripedBench bench({{.seed = 1}, {.seed = 2}, {.seed = 3}});
  for (std::uint32_t k = 0; k < 3; ++k) {
    TestBatch batch;
    for (std::uint32_t i = 0; i < 5; ++i) {
      batch.add(frame_for_a_chunk(10 * k + i), 1'000 + 10 * k + i);
    }
    ASSERT_TRUE(bench.offer(batch));
    bench.settle();
  }
  ASSERT_TRUE(bench.lane->close().ok());
  EXPECT_THAT(bench.numbers(0), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(bench.numbers(1), ElementsAre(10, 11, 12, 13, 14));
  EXPECT_THAT(bench.numbers(2), ElementsAre(20, 21, 22, 23, 24));
}

TEST(StripedLane, ADirectoryWhoseDiskAnswersNotIsPassedByAndNotWaitedFor) {
  StripedBench bench({{.seed = 1, .only_when_waited_for = true}, {.seed = 2}},
                     {.chunk_bytes = 4096});
  for (std::uint32_t i = 0; i < 100; ++i) ASSERT_TRUE(bench.offer(i));
  EXPECT_EQ(bench.supplies[0]->segments()[0]->file.waits, 0u);
  EXPECT_EQ(bench.lane->stripe(0).statistics().written.value(), 0u);
  const std::uint64_t stuck = bench.lane->stripe(0).statistics().pending.value();
  // So many as it has blocks, and some that are kept for a batch.
  EXPECT_THAT(stuck, Lt(StoreLane::kBlocks));
  ASSERT_TRUE(bench.lane->close().ok());
  EXPECT_EQ(bench.numbers(0).size(), stuck);
  EXPECT_EQ(bench.numbers(1).size(), 100 - stuck);
  EXPECT_EQ(bench.lane->statistics().written.value(), 100u);
}

TEST(StripedLane, ADirectoryThatFailsLosesWhatIsCountedAndTheOthersGoOn) {
  for (std::uint64_t unit = 0; unit < 4; ++unit) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      SCOPED_TRACE("unit " + std::to_string(unit) + ", seed " + std::to_string(seed));
      StripedBench bench({{.seed = seed}, {.seed = seed, .no_space_at = unit * 4096}, {.seed = 9}});
      for (std::uint32_t i = 0; i < 60; ++i) ASSERT_TRUE(bench.offer(i));
      const auto closed = bench.lane->close();
      ASSERT_FALSE(closed.ok());
      EXPECT_EQ(closed.error().code, ErrorCode::NoSpace);
      EXPECT_THAT(bench.failures, ElementsAre("1: no_space"));
      const SinkCounts broken = counts_of(bench.lane->stripe(1).statistics());
      EXPECT_EQ(bench.numbers(1).size(), broken.written);
      EXPECT_EQ(broken.lost[static_cast<std::size_t>(LostReason::NoSpace)],
                broken.offered - broken.written);
      EXPECT_EQ(total_lost(bench.lane->stripe(0).statistics()), 0u);
      EXPECT_EQ(total_lost(bench.lane->stripe(2).statistics()), 0u);
      EXPECT_EQ(total_lost(bench.lane->statistics()), broken.offered - broken.written);
      EXPECT_EQ(bench.numbers(0).size() + bench.numbers(2).size(), 60 - broken.offered);
    }
  }
}

TEST(StripedLane, WhenAllHaveFailedTheFirstErrorIsThatOfTheSink) {
  StripedBench bench({{.seed = 1, .io_error_at = 4096}, {.seed = 2, .no_space_at = 8192}});
  bool credit = true;
  for (std::uint32_t i = 0; i < 60; ++i) credit = bench.offer(i);
  EXPECT_FALSE(credit);
  const auto refused = bench.lane->reserve();
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(bench.failures, testing::SizeIs(1));
  EXPECT_EQ(bench.lane->fill(), 0) << "nobody does with less for what has failed";
  EXPECT_EQ(bench.lane->flush().error().context, refused.error().context);
  EXPECT_EQ(bench.lane->close().error().context, refused.error().context);
  EXPECT_EQ(bench.lane->statistics().offered.value(), 60u);
  EXPECT_EQ(bench.lane->statistics().pending.value(), 0u);
  EXPECT_EQ(bench.lane->statistics().written.value(),
            bench.numbers(0).size() + bench.numbers(1).size());
}

TEST(StripedLane, ADirectoryThatTakesNoFilesFailsToo) {
  StripedBench bench({{.seed = 1}, {.seed = 2}});
  bench.supplies[0]->refuse_from(0);
  for (std::uint32_t i = 0; i < 10; ++i) ASSERT_TRUE(bench.offer(i));
  EXPECT_FALSE(bench.lane->close().ok());
  EXPECT_THAT(bench.numbers(1), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9));
  EXPECT_EQ(total_lost(bench.lane->statistics()), 1u);
}

// The packet behind the gap is not wanted; the next one that is goes to another directory.
TEST(StripedLane, ALossIsToldOnceByTheNextPacketWhereverThatGoes) {
  StripedBench bench({{.seed = 1}, {.seed = 2}});
  ASSERT_TRUE(bench.offer(0));
  TestBatch batch;
  batch.add(frame_for_a_chunk(1), 1'001);
  batch.add_gap(7);
  batch.add("not wanted", 1'002);
  const auto verdicts = TestBatch::all();
  verdicts->wanted[1] = 0;
  ASSERT_TRUE(bench.offer(batch, *verdicts));
  for (std::uint32_t i = 3; i < 8; ++i) {
    bench.settle();
    ASSERT_TRUE(bench.offer(i));
  }
  ASSERT_TRUE(bench.lane->close().ok());
  EXPECT_THAT(bench.numbers(0), ElementsAre(0, 1, 5, 7));
  EXPECT_THAT(bench.numbers(1), ElementsAre(3, 4, 6));
  for (const auto& packet : bench.packets(0)) EXPECT_EQ(packet.options, "");
  const auto second = bench.packets(1);
  EXPECT_THAT(second[0].options, HasSubstr("7 packets lost before this one"));
  EXPECT_EQ(second[1].options, "");
  EXPECT_EQ(second[2].options, "");
}

TEST(StripedLane, WhatTheSessionDroppedIsToldOnceWhereverTheNextPacketGoes) {
  StripedBench bench({{.seed = 1}, {.seed = 2}});
  TestBatch batch;
  batch.add(frame_for_a_chunk(0), 1'000);
  ASSERT_TRUE(bench.offer(batch, *TestBatch::all(), std::array{PressureLoss{{0}, 7}}));
  for (std::uint32_t i = 1; i < 6; ++i) {
    bench.settle();
    ASSERT_TRUE(bench.offer(i));
  }
  ASSERT_TRUE(bench.lane->close().ok());
  std::size_t told = 0;
  for (std::size_t stripe = 0; stripe < 2; ++stripe) {
    for (const auto& packet : bench.packets(stripe)) {
      if (packet.options.empty()) continue;
      EXPECT_THAT(packet.options, HasSubstr("7 packets lost before this one (pressure)"));
      EXPECT_EQ(packet.data[0], 1) << "the packet after the batch";
      ++told;
    }
  }
  EXPECT_EQ(told, 1u);
}

TEST(StripedLane, SideBlocksComeOnceToEachDirectoryInWhichPacketsFollow) {
  constexpr std::uint32_t kNames = 4;
  StripedBench bench({{.seed = 1}, {.seed = 2}, {.seed = 3}});
  ASSERT_TRUE(bench.offer(0));
  TestBatch batch;
  batch.add_side_block(kNames, {1, 1, 1, 1});
  batch.add(frame_for_a_chunk(1), 1'001);
  batch.add_side_block(kNames, {2, 2, 2, 2});
  batch.add_section({}, 0);  // a segment is a section of its own
  ASSERT_TRUE(bench.offer(batch));
  bench.settle();
  ASSERT_TRUE(bench.offer(2));
  ASSERT_TRUE(bench.lane->close().ok());
  for (const std::size_t directory : {0u, 1u}) {
    SCOPED_TRACE("directory " + std::to_string(directory));
    const auto contents = bench.contents(directory);
    ASSERT_EQ(contents.size(), 1u);
    const auto& others = contents[0].others;
    ASSERT_EQ(others.size(), 2u);
    EXPECT_EQ(others[0].body, std::string("\1\1\1\1"));
    EXPECT_EQ(others[1].body, std::string("\2\2\2\2"));
    EXPECT_EQ(others[0].packets_before, directory == 0 ? 1u : 0u);
    EXPECT_EQ(others[1].packets_before, directory == 0 ? 2u : 0u);
  }
  EXPECT_THAT(bench.supplies[2]->segments(), IsEmpty());
}

TEST(StripedLane, MoreSideBlocksThanAreKeptForADirectoryAreWrittenToIt) {
  StripedBench bench({{.seed = 1}, {.seed = 2}}, {});
  for (std::uint8_t i = 0; i < 20; ++i) {
    TestBatch batch;
    batch.add_side_block(4, std::vector<std::uint8_t>(100'000, i));
    batch.add("a packet", 1'000 + i);
    ASSERT_TRUE(bench.offer(batch));
  }
  ASSERT_TRUE(bench.lane->close().ok());
  std::size_t packets = 0;
  for (const std::size_t directory : {0u, 1u}) {
    SCOPED_TRACE("directory " + std::to_string(directory));
    const auto contents = bench.contents(directory);
    ASSERT_EQ(contents.size(), 1u);
    const auto& others = contents[0].others;
    ASSERT_GE(others.size(), 15u);
    for (std::size_t i = 0; i < others.size(); ++i) {
      EXPECT_EQ(others[i].body.front(), static_cast<char>(i));
      EXPECT_EQ(others[i].body.size(), 100'000u);
    }
    packets += contents[0].packets.size();
  }
  EXPECT_EQ(packets, 20u);
}

TEST(StripedLane, AChunkThatHasWaitedLongEnoughGoesWhoeverHasTheTurn) {
  StripedBench bench({{.seed = 1}, {.seed = 2}});
  for (std::uint32_t i = 0; i < 3; ++i) ASSERT_TRUE(bench.offer(i));
  bench.settle();
  EXPECT_EQ(bench.lane->statistics().written.value(), 1u);
  bench.clock.advance(std::chrono::seconds(1));
  bench.settle();
  EXPECT_EQ(bench.lane->statistics().written.value(), 3u);
  EXPECT_EQ(bench.lane->statistics().pending.value(), 0u);
  ASSERT_TRUE(bench.lane->close().ok());
}

TEST(StripedLane, TheStatisticsOfAllSegmentsAddUpToTheWhole) {
  class Counts final : public InterfaceCountsReader {
   public:
    [[nodiscard]] InterfaceCounts counts(InterfaceId) const override {
      return {.received = received, .dropped = 0, .delivered = received};
    }
    [[nodiscard]] InterfaceCounts lane_counts(std::size_t, InterfaceId id) const override {
      return counts(id);
    }
    std::uint64_t received = 0;
  };
  Counts counts;
  const test::FakeClock clock;
  SectionCounts section(counts, clock);
  StoreLaneOptions options = small();
  options.counts = &section;
  StripedBench bench({{.seed = 1}, {.seed = 2}}, options);
  for (std::uint32_t i = 0; i < 12; ++i) {
    counts.received = 10 * (i + 1);
    ASSERT_TRUE(bench.offer(i));
  }
  ASSERT_TRUE(bench.lane->close().ok());
  int received = 0;
  std::size_t segments = 0;
  for (const auto& supply : bench.supplies) {
    for (const auto& segment : supply->segments()) {
      ++segments;
      const auto walked = test::walk_pcapng(segment->file.content);
      EXPECT_EQ(walked.error, "");
      for (const auto& block : walked.others) {
        if (block.type != 5) continue;
        const std::size_t at = block.body.find(std::string("\4\0\10\0", 4));  // isb_ifrecv
        received += static_cast<unsigned char>(block.body.at(at + 4));
      }
    }
  }
  EXPECT_GE(segments, 4u);
  EXPECT_EQ(received, 120);
}

TEST(StripedLane, WhatIsOfferedAfterTheEndIsCountedAsLost) {
  StripedBench bench({{.seed = 1}, {.seed = 2}});
  ASSERT_TRUE(bench.lane->close().ok());
  EXPECT_TRUE(bench.lane->reserve().ok());
  (void)bench.offer(1);
  EXPECT_EQ(bench.lane->statistics().lost[static_cast<std::size_t>(LostReason::Closed)].value(),
            1u);
  EXPECT_THAT(bench.supplies[0]->segments(), IsEmpty());
}

}  // namespace
}  // namespace weir::output
