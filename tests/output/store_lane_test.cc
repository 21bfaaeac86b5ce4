// What a lane of the packet store makes of what it is offered: every file is read back whole.
#include "output/store_lane.h"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "store_fixture.h"

namespace weir::output {
namespace {

using storage::segment::Codec;
using storage::segment::Durability;
using testing::ElementsAre;
using testing::HasSubstr;

// Chunks of 4 KiB in segments of 16: a head and three packets of frame_for_a_chunk().
StoreLaneOptions small() { return {.chunk_bytes = 4096, .segment_bytes = 16'384}; }

std::vector<std::size_t> packets_of(const std::vector<SegmentContent>& segments) {
  std::vector<std::size_t> counts;
  for (const SegmentContent& one : segments) counts.push_back(one.packets.size());
  return counts;
}

// The values of the packet options of this code.
std::vector<std::string> options_of(const SegmentContent::StoredPacket& packet,
                                    std::uint16_t code) {
  std::vector<std::string> values;
  const std::string& text = packet.options;
  const auto number = [&](std::size_t at) {
    return static_cast<std::uint16_t>(static_cast<std::uint8_t>(text[at]) |
                                      static_cast<std::uint8_t>(text[at + 1]) << 8);
  };
  for (std::size_t at = 0; at + 4 <= text.size() && number(at) != 0;) {
    const std::size_t bytes = number(at + 2);
    if (number(at) == code) values.push_back(text.substr(at + 4, bytes));
    at += 4 + align_up(bytes, 4);
  }
  return values;
}

TEST(StoreLane, WhatIsStoredIsWhatWasOffered) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    LaneBench bench({.chunk_bytes = static_cast<std::uint32_t>(4096 << random.below(9)),
                     .segment_bytes = 300'000 + random.below(3'000'000),
                     .codec = random.chance(1, 2) ? Codec::Zstd : Codec::None},
                    {.seed = seed, .short_percent = 10, .interrupted_percent = 10});
    std::vector<Offered> offered;
    for (int i = 0; i < 20; ++i) {
      TestBatch batch;
      auto verdicts = TestBatch::all();
      draw_batch(random, random.chance(1, 10) ? 100'000 : 1'500, batch, *verdicts, offered);
      ASSERT_TRUE(bench.offer(batch, *verdicts));
      expect_law(bench.statistics());
      bench.clock.advance(std::chrono::milliseconds(random.below(400)));
      ASSERT_TRUE(bench.lane->flush().ok());
    }
    ASSERT_TRUE(bench.lane->close().ok());

    EXPECT_EQ(bench.statistics().offered.value(), offered.size());
    EXPECT_EQ(bench.statistics().written.value(), offered.size());
    std::size_t next = 0;
    std::uint64_t bytes = 0;
    for (const auto& one : bench.supply.segments()) {
      const SegmentContent content = content_of(one->file.content);
      bytes += one->file.content.size();
      ASSERT_TRUE(content.directory);
      EXPECT_EQ(content.directory->packets, content.packets.size());
      EXPECT_EQ(one->sealed->packets, content.packets.size());
      for (const auto& packet : content.packets) {
        ASSERT_LT(next, offered.size());
        ASSERT_TRUE(packet.data == offered[next].data) << "packet " << next;
        ASSERT_EQ(static_cast<std::uint64_t>(packet.time), offered[next].time);
        ++next;
      }
    }
    EXPECT_EQ(next, offered.size());
    EXPECT_EQ(bench.statistics().written_bytes.value(), bytes);
    EXPECT_EQ(bench.lane->files(), bench.supply.segments().size());
  }
}

TEST(StoreLane, PcapngReadersSeeTheSamePacketsAndNothingMalformed) {
  LaneBench bench;
  for (std::uint32_t i = 0; i < 5; ++i) bench.offer("frame " + std::to_string(i), 1'000 + i);
  ASSERT_TRUE(bench.lane->close().ok());
  const auto walked = test::walk_pcapng(bench.supply.segments()[0]->file.content);
  EXPECT_EQ(walked.error, "");
  ASSERT_EQ(walked.packets.size(), 5u);
  EXPECT_EQ(walked.packets[3].data, "frame 3");
  EXPECT_EQ(walked.packets[3].time, 1'003u);
}

TEST(StoreLane, AChunkIsClosedShortWhenItHasWaitedItsAgeAndNotBefore) {
  LaneBench bench;
  bench.offer("one");
  bench.clock.advance(std::chrono::milliseconds(999));
  bench.settle();
  EXPECT_EQ(bench.statistics().written.value(), 0u);
  EXPECT_EQ(bench.statistics().pending.value(), 1u);
  bench.clock.advance(std::chrono::milliseconds(1));
  bench.settle();
  EXPECT_EQ(bench.statistics().written.value(), 1u);
  EXPECT_EQ(bench.statistics().pending.value(), 0u);
  const SegmentContent open = content_of(bench.supply.segments()[0]->file.content);
  EXPECT_FALSE(open.directory);
  EXPECT_EQ(open.packets.size(), 1u);
}

TEST(StoreLane, TheAgeCountsFromTheFirstPacketOfAChunkAlsoUnderTraffic) {
  LaneBench bench;
  for (int i = 0; i < 11; ++i) {
    bench.offer("x");
    bench.clock.advance(std::chrono::milliseconds(100));
  }
  ASSERT_TRUE(bench.lane->close().ok());
  const auto contents = bench.supply.contents();
  ASSERT_EQ(contents[0].chunks.size(), 2u);
  EXPECT_EQ(contents[0].chunks[0].packets, 10u) << "of the first second";
}

TEST(StoreLane, ASegmentEndsWhenAnotherChunkMightNotFit) {
  LaneBench bench(small());
  for (std::uint32_t i = 0; i < 7; ++i) bench.offer(frame_for_a_chunk(i));
  ASSERT_TRUE(bench.lane->close().ok());
  EXPECT_THAT(packets_of(bench.supply.contents()), ElementsAre(3, 3, 1));
  EXPECT_EQ(bench.lane->files(), 3u);
  EXPECT_TRUE(bench.supply.closed());
}

// All blocks of memory are on their way into one segment when the next one begins.
TEST(StoreLane, OnASlowDiskASegmentWaitsForTheBlocksOfTheOneBefore) {
  for (const std::uint64_t chunks : {1u, 7u, 8u, 9u, 10u}) {
    SCOPED_TRACE("chunks " + std::to_string(chunks));
    LaneBench bench({.chunk_bytes = 4096, .segment_bytes = (1 + chunks) * 4096},
                    {.seed = chunks, .only_when_waited_for = true});
    bench.supply.plan_for_all();
    TestBatch batch;
    for (std::uint32_t i = 0; i < 60; ++i) batch.add(frame_for_a_chunk(i), 1'000 + i);
    bench.offer(batch);
    ASSERT_TRUE(bench.lane->close().ok());
    EXPECT_EQ(bench.statistics().written.value(), 60u);
    std::uint32_t next = 0;
    for (const SegmentContent& content : bench.supply.contents()) {
      for (const auto& packet : content.packets) EXPECT_EQ(packet.data, frame_for_a_chunk(next++));
    }
    EXPECT_EQ(next, 60u);
  }
}

TEST(StoreLane, ItsFillIsWhatIsOnItsWayToTheDisk) {
  LaneBench bench({.chunk_bytes = 4096}, {.seed = 1, .only_when_waited_for = true});
  bench.supply.plan_for_all();
  EXPECT_EQ(bench.lane->fill(), 0);
  TestBatch batch;
  for (std::uint32_t i = 0; i < 60; ++i) batch.add(frame_for_a_chunk(i), 1'000 + i);
  bench.offer(batch);
  EXPECT_EQ(bench.lane->fill(), 0.875) << "as many blocks are free as a batch needs, for it waited";
  ASSERT_TRUE(bench.lane->close().ok());
}

TEST(StoreLane, ANewInterfaceBeginsANewSegmentThatDescribesBoth) {
  LaneBench bench;
  bench.offer("of left");
  bench.interfaces.add({.link_type = LinkType::Raw, .snaplen = 0, .name = "right"});
  bench.offer("of right", 2'000, 1);
  bench.offer("of left");
  ASSERT_TRUE(bench.lane->close().ok());
  const auto contents = bench.supply.contents();
  ASSERT_THAT(packets_of(contents), ElementsAre(1, 2));
  EXPECT_EQ(contents[0].head.interfaces.size(), 1u);
  ASSERT_EQ(contents[1].head.interfaces.size(), 2u);
  EXPECT_EQ(contents[1].head.interfaces[1].name, "right");
  EXPECT_EQ(contents[1].head.interfaces[1].link_type, LinkType::Raw);
  EXPECT_EQ(contents[1].packets[0].interface, 1u);
  EXPECT_EQ(contents[1].packets[1].interface, 0u);
}

TEST(StoreLane, AnInterfaceThatHasNoPacketsBeginsNoSegment) {
  LaneBench bench;
  bench.offer("of left");
  bench.interfaces.add({.link_type = LinkType::Raw, .snaplen = 0, .name = "right"});
  bench.offer("of left");
  ASSERT_TRUE(bench.lane->close().ok());
  EXPECT_THAT(packets_of(bench.supply.contents()), ElementsAre(2));
}

TEST(StoreLane, AnInterfaceLikeOneThatIsThereIsTheSame) {
  LaneBench bench;
  bench.offer("of the first file");
  bench.interfaces.add({.link_type = LinkType::Ethernet, .snaplen = 0, .name = "left"});
  bench.offer("of the second", 2'000, 1);
  ASSERT_TRUE(bench.lane->close().ok());
  const auto contents = bench.supply.contents();
  ASSERT_THAT(packets_of(contents), ElementsAre(2));
  EXPECT_EQ(contents[0].head.interfaces.size(), 1u);
  EXPECT_EQ(contents[0].packets[1].interface, 0u);
}

TEST(StoreLane, DifferentSnaplensBecomeTheLongest) {
  LaneBench bench;
  bench.interfaces = InterfaceTable();
  bench.interfaces.add({.link_type = LinkType::Ethernet, .snaplen = 96, .name = "left"});
  bench.interfaces.add({.link_type = LinkType::Ethernet, .snaplen = 1'500, .name = "right"});
  bench.offer("x");
  ASSERT_TRUE(bench.lane->close().ok());
  const auto contents = bench.supply.contents();
  ASSERT_EQ(contents[0].head.interfaces.size(), 2u);
  EXPECT_EQ(contents[0].head.interfaces[0].snaplen, 1'500u);
  EXPECT_EQ(contents[0].head.interfaces[1].snaplen, 1'500u);
}

TEST(StoreLane, AGapIsToldByTheNextPacketOfItsInterfaceAndByItsChunk) {
  LaneBench bench;
  bench.interfaces.add({.link_type = LinkType::Ethernet, .snaplen = 0, .name = "right"});
  TestBatch batch;
  batch.add("before", 1'000);
  batch.add_gap(7);
  batch.add("of the other", 2'000, 1);
  batch.add("behind", 3'000).options = nullptr;
  batch.add("later", 4'000);
  bench.offer(batch);
  ASSERT_TRUE(bench.lane->close().ok());
  const auto contents = bench.supply.contents();
  const auto& packets = contents[0].packets;
  ASSERT_EQ(packets.size(), 4u);
  constexpr std::uint16_t kComment = 1;
  constexpr std::uint16_t kDropCount = 4;
  EXPECT_EQ(packets[0].options, "");
  EXPECT_EQ(packets[1].options, "");
  EXPECT_THAT(options_of(packets[2], kDropCount), ElementsAre(std::string("\7\0\0\0\0\0\0\0", 8)));
  EXPECT_THAT(options_of(packets[2], kComment),
              ElementsAre(HasSubstr("7 packets lost before this one")));
  EXPECT_EQ(packets[3].options, "");
  EXPECT_EQ(contents[0].chunks[0].lost, 7u);
  EXPECT_EQ(contents[0].directory->lost, 7u);
}

TEST(StoreLane, WhatItsSessionDroppedIsToldByTheNextPacketAfterTheBatch) {
  LaneBench bench;
  TestBatch first;
  first.add("in the batch", 1'000);
  bench.offer(first, *TestBatch::all(), nullptr, std::array{PressureLoss{{0}, 30}});
  TestBatch second;
  second.add_gap(4);
  second.add("behind", 2'000);
  second.add("later", 3'000);
  bench.offer(second);
  ASSERT_TRUE(bench.lane->close().ok());
  const auto contents = bench.supply.contents();
  const auto& packets = contents[0].packets;
  ASSERT_EQ(packets.size(), 3u);
  EXPECT_EQ(packets[0].options, "");
  EXPECT_THAT(options_of(packets[1], 4), ElementsAre(std::string("\42\0\0\0\0\0\0\0", 8)));
  EXPECT_THAT(
      options_of(packets[1], 1),
      ElementsAre("weir: 34 packets lost before this one (kernel: ring full: 4, pressure: 30)"));
  EXPECT_EQ(packets[2].options, "");
  EXPECT_EQ(contents[0].chunks[0].lost, 34u);
}

TEST(StoreLane, AGapBeforeAPacketThatNobodyWantsIsToldByTheNextOne) {
  LaneBench bench;
  TestBatch batch;
  batch.add_gap(3);
  batch.add("not wanted", 1'000);
  batch.add("wanted", 2'000);
  auto verdicts = TestBatch::all();
  verdicts->wanted[0] = 0;
  bench.offer(batch, *verdicts);
  TestBatch next;
  next.add_gap(2);
  next.add("wanted too", 3'000);
  bench.offer(next);
  ASSERT_TRUE(bench.lane->close().ok());
  const auto contents = bench.supply.contents();
  ASSERT_EQ(contents[0].packets.size(), 2u);
  EXPECT_EQ(contents[0].directory->lost, 5u);
}

TEST(StoreLane, SideBlocksTravelWhereTheyStoodButSectionsAndTheirStatisticsDoNot) {
  LaneBench bench;
  TestBatch batch;
  batch.add_section({}, 0);
  batch.add("first", 1'000);
  batch.add_side_block(10, {'k', 'e', 'y', 's'});
  batch.add_side_block(5, std::vector<std::uint8_t>(12));
  batch.add("second", 2'000);
  batch.add_side_block(4, {'n', 'a', 'm', 'e'});
  bench.offer(batch);
  ASSERT_TRUE(bench.lane->close().ok());
  const auto contents = bench.supply.contents();
  ASSERT_EQ(contents[0].others.size(), 2u);
  EXPECT_EQ(contents[0].others[0].type, 10u);
  EXPECT_EQ(contents[0].others[0].body, "keys");
  EXPECT_EQ(contents[0].others[0].packets_before, 1u);
  EXPECT_EQ(contents[0].others[1].type, 4u);
  EXPECT_EQ(contents[0].others[1].packets_before, 2u);
}

TEST(StoreLane, PacketsWithoutATimeHaveNone) {
  LaneBench bench;
  TestBatch batch;
  batch.add("timeless", 0).has_time = false;
  bench.offer(batch);
  ASSERT_TRUE(bench.lane->close().ok());
  const auto contents = bench.supply.contents();
  ASSERT_EQ(contents[0].packets.size(), 1u);
  EXPECT_FALSE(contents[0].packets[0].has_time);
  EXPECT_EQ(contents[0].packets[0].data, "timeless");
  EXPECT_TRUE(contents[0].chunks[0].times.empty());
}

TEST(StoreLane, TheLargestPacketWithTheMostOptionsAndALossFitsIntoAChunkOfItsOwn) {
  for (const std::uint32_t chunk_bytes : {4096u, 1'048'576u}) {
    SCOPED_TRACE(chunk_bytes);
    LaneBench bench({.chunk_bytes = chunk_bytes});
    auto options = option_bytes(1, std::string(32'764, 'a'));
    const auto more = option_bytes(1, std::string(32'764, 'b'));
    options.insert(options.end(), more.begin(), more.end());
    ASSERT_EQ(options.size(), kPacketOptionsBytesMax);
    TestBatch batch;
    batch.add_gap(9);
    Packet& packet = batch.add(std::string(kPacketBytesMax, 'p'), 1'000);
    packet.options = options.data();
    packet.options_bytes = static_cast<std::uint32_t>(options.size());
    bench.offer(batch);
    bench.offer("small");
    ASSERT_TRUE(bench.lane->close().ok());
    const auto contents = bench.supply.contents();
    ASSERT_EQ(contents[0].packets.size(), 2u);
    EXPECT_EQ(contents[0].packets[0].data.size(), kPacketBytesMax);
    EXPECT_EQ(options_of(contents[0].packets[0], 1).size(), 3u);
    EXPECT_EQ(contents[0].directory->lost, 9u);
  }
}

TEST(StoreLane, ChunksAreCompressedOnlyWhenThatMakesThemSmaller) {
  LaneBench bench({.chunk_bytes = 65'536, .codec = Codec::Zstd});
  Prng random(7);
  std::string noise(60'000, ' ');
  for (char& c : noise) c = static_cast<char>(random.next());
  bench.offer(std::string(60'000, 'x'));
  bench.offer(noise);
  ASSERT_TRUE(bench.lane->close().ok());
  const auto contents = bench.supply.contents();
  ASSERT_EQ(contents[0].chunks.size(), 2u);
  EXPECT_EQ(contents[0].chunks[0].codec, Codec::Zstd);
  EXPECT_EQ(contents[0].chunks[1].codec, Codec::None);
  EXPECT_EQ(contents[0].packets[0].data, std::string(60'000, 'x'));
  EXPECT_TRUE(contents[0].packets[1].data == noise);
}

TEST(StoreLane, EachSegmentEndsWithTheCountsOfItsTime) {
  class Counts final : public InterfaceCountsReader {
   public:
    [[nodiscard]] InterfaceCounts counts(InterfaceId) const override {
      return {.received = received, .dropped = 2, .delivered = received};
    }
    [[nodiscard]] InterfaceCounts lane_counts(std::size_t, InterfaceId id) const override {
      return counts(id);
    }
    std::uint64_t received = 0;
  };
  Counts counts;
  const test::FakeClock clock;
  StoreLaneOptions options = small();
  SectionCounts section(counts, clock);
  options.counts = &section;
  LaneBench bench(options);
  for (std::uint32_t i = 0; i < 4; ++i) {
    counts.received = 10 * (i + 1);
    bench.offer(frame_for_a_chunk(i));
  }
  ASSERT_TRUE(bench.lane->close().ok());
  const auto received_in = [&](std::size_t segment) {
    const auto walked = test::walk_pcapng(bench.supply.segments()[segment]->file.content);
    EXPECT_EQ(walked.error, "");
    for (const auto& block : walked.others) {
      if (block.type != 5) continue;
      const std::size_t at = block.body.find(std::string("\4\0\10\0", 4));  // isb_ifrecv
      return static_cast<int>(block.body.at(at + 4));
    }
    return -1;
  };
  ASSERT_EQ(bench.supply.segments().size(), 2u);
  // The third packet of the first segment comes when 30 are counted; it ends with the fourth's.
  EXPECT_EQ(received_in(0) + received_in(1), 40);
  EXPECT_GE(received_in(0), 30);
}

TEST(StoreLane, ASegmentEndsWithWhatItsSessionDroppedAfterTheLastPacket) {
  class Counts final : public InterfaceCountsReader {
   public:
    [[nodiscard]] InterfaceCounts counts(InterfaceId) const override { return {}; }
    [[nodiscard]] InterfaceCounts lane_counts(std::size_t, InterfaceId) const override {
      return {};
    }
  };
  const Counts counts;
  const test::FakeClock clock;
  SectionCounts section(counts, clock);
  LaneBench bench(StoreLaneOptions{.counts = &section});
  TestBatch batch;
  batch.add("the last one", 1'000);
  bench.offer(batch, *TestBatch::all(), nullptr, std::array{PressureLoss{{0}, 30}});
  ASSERT_TRUE(bench.lane->close().ok());
  const auto walked = test::walk_pcapng(bench.supply.segments()[0]->file.content);
  EXPECT_EQ(walked.error, "");
  std::vector<std::string> found;
  for (const auto& block : walked.others) {
    if (block.type == 5) found.push_back(block.body);
  }
  EXPECT_THAT(found, ElementsAre(HasSubstr("weir: 30 packets lost after the last one (pressure)")));
}

TEST(StoreLane, ALaneThatIsOfferedNothingMakesNoSegment) {
  LaneBench bench;
  ASSERT_TRUE(bench.lane->reserve().ok());
  ASSERT_TRUE(bench.lane->flush().ok());
  ASSERT_TRUE(bench.lane->close().ok());
  EXPECT_TRUE(bench.supply.segments().empty());
  EXPECT_TRUE(bench.supply.closed());
  EXPECT_EQ(bench.lane->files(), 0u);
}

TEST(StoreLane, WhatIsOfferedAfterTheEndIsCountedAsLost) {
  LaneBench bench;
  bench.offer("stored");
  ASSERT_TRUE(bench.lane->close().ok());
  bench.offer("too late");
  EXPECT_EQ(bench.statistics().offered.value(), 2u);
  EXPECT_EQ(bench.statistics().written.value(), 1u);
  EXPECT_EQ(bench.statistics().lost[static_cast<std::size_t>(LostReason::Closed)].value(), 1u);
  EXPECT_TRUE(bench.lane->close().ok());
}

TEST(StoreLane, ALaneThatGoesWithoutBeingClosedGivesUpItsPlace) {
  LaneBench bench;
  bench.offer("x");
  bench.lane.reset();
  EXPECT_TRUE(bench.supply.closed());
}

}  // namespace
}  // namespace weir::output
