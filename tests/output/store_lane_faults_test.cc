// A lane of the packet store whose disk fails, at every write in turn: the ledger balances, the
// file ends behind the last acknowledged unit, and one error says why.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "output/store_lane.h"
#include "store_fixture.h"

namespace weir::output {
namespace {

using storage::segment::Durability;
using testing::HasSubstr;

constexpr std::uint32_t kPackets = 12;
// Twelve packets as head, twelve chunks, index and tail: 4 KiB each.
constexpr std::uint64_t kUnits = 15;

std::uint64_t lost(const SinkStatistics& statistics, LostReason reason) {
  return statistics.lost[static_cast<std::size_t>(reason)].value();
}

// Packets that are offered until the end; the error that close() gives.
std::optional<Error> run(LaneBench& bench) {
  for (std::uint32_t i = 0; i < kPackets; ++i) {
    (void)bench.offer(frame_for_a_chunk(i));
    expect_law(bench.statistics());
  }
  auto closed = bench.lane->close();
  expect_law(bench.statistics());
  EXPECT_EQ(bench.statistics().pending.value(), 0u);
  EXPECT_EQ(bench.statistics().offered.value(), kPackets);
  if (closed) return std::nullopt;
  return closed.error();
}

// The file holds the packets that count as written, the first ones, and ends behind them.
void expect_written(const LaneBench& bench, std::uint64_t first = 0) {
  std::uint64_t next = first;
  for (const auto& one : bench.supply.segments()) {
    if (one->file.content.empty()) continue;
    const SegmentContent content = content_of(one->file.content);
    EXPECT_EQ(content.end, one->file.content.size());
    EXPECT_TRUE(one->file.closed);
    EXPECT_NE(one->sealed.has_value(), one->given_up);
    EXPECT_EQ(content.directory.has_value(), one->sealed.has_value());
    for (const auto& packet : content.packets) {
      ASSERT_EQ(packet.data, frame_for_a_chunk(static_cast<std::uint32_t>(next)));
      ++next;
    }
  }
  EXPECT_EQ(next, first + bench.statistics().written.value());
}

TEST(StoreLaneFaults, AFullDiskAtEveryUnitLosesWhatComesBehindIt) {
  for (std::uint64_t unit = 0; unit < kUnits; ++unit) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
      SCOPED_TRACE("unit " + std::to_string(unit) + ", seed " + std::to_string(seed));
      LaneBench bench({.chunk_bytes = 4096},
                      {.seed = seed, .no_space_at = unit * 4096 + 512 * (seed - 1)});
      const auto error = run(bench);
      ASSERT_TRUE(error);
      EXPECT_EQ(error->code, ErrorCode::NoSpace);
      const std::uint64_t written = unit == 0 ? 0 : std::min<std::uint64_t>(unit - 1, kPackets);
      EXPECT_EQ(bench.statistics().written.value(), written);
      EXPECT_EQ(lost(bench.statistics(), LostReason::NoSpace), kPackets - written);
      EXPECT_EQ(bench.supply.segments()[0]->file.content.size(), unit * 4096);
      EXPECT_THAT(error->context,
                  HasSubstr(unit + 1 == kUnits ? "write the tail of "
                                               : "at byte " + std::to_string(unit * 4096)));
      expect_written(bench);
    }
  }
}

TEST(StoreLaneFaults, AnErrorOfTheDiskAtEveryUnitIsToldOnceAndFinal) {
  for (std::uint64_t unit = 0; unit < kUnits; ++unit) {
    SCOPED_TRACE("unit " + std::to_string(unit));
    LaneBench bench({.chunk_bytes = 4096}, {.seed = unit + 1, .io_error_at = unit * 4096 + 100});
    const auto error = run(bench);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::Io);
    EXPECT_EQ(lost(bench.statistics(), LostReason::WriteError),
              kPackets - bench.statistics().written.value());
    expect_written(bench);
    EXPECT_EQ(bench.lane->reserve().error().context, error->context);
    EXPECT_EQ(bench.lane->flush().error().context, error->context);
    EXPECT_EQ(bench.lane->close().error().context, error->context);
  }
}

TEST(StoreLaneFaults, AFailureOfOneSegmentLeavesTheOneBeforeItWhole) {
  for (std::uint64_t unit = 0; unit < 6; ++unit) {
    SCOPED_TRACE("unit " + std::to_string(unit));
    // Three packets a segment.
    LaneBench bench({.chunk_bytes = 4096, .segment_bytes = 16'384},
                    {.seed = unit + 1, .no_space_at = unit * 4096}, 1);
    ASSERT_TRUE(run(bench));
    ASSERT_GE(bench.supply.segments().size(), 2u);
    EXPECT_TRUE(bench.supply.segments()[0]->sealed);
    EXPECT_TRUE(bench.supply.segments()[1]->given_up);
    EXPECT_EQ(bench.supply.segments()[1]->file.content.size(), unit * 4096);
    EXPECT_GE(bench.statistics().written.value(), 3u);
  }
}

TEST(StoreLaneFaults, WithChunksOnTheDiskASyncThatFailsAcknowledgesNothingMore) {
  for (std::uint64_t syncs = 0; syncs < 8; ++syncs) {
    SCOPED_TRACE("syncs " + std::to_string(syncs));
    LaneBench bench({.chunk_bytes = 4096, .durability = Durability::Chunk},
                    {.seed = syncs + 1, .sync_error_after = syncs});
    const auto error = run(bench);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, ErrorCode::Io);
    if (syncs == 0) {
      EXPECT_EQ(bench.statistics().written.value(), 0u);
    }
    EXPECT_EQ(lost(bench.statistics(), LostReason::WriteError),
              kPackets - bench.statistics().written.value());
    expect_written(bench);
  }
}

TEST(StoreLaneFaults, WithChunksOnTheDiskPacketsCountAsWrittenAfterTheSync) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    LaneBench bench({.chunk_bytes = 4096, .durability = Durability::Chunk}, {.seed = seed});
    bench.offer(frame_for_a_chunk(0));
    bench.clock.advance(std::chrono::seconds(1));
    for (int i = 0; i < 200; ++i) {
      (void)bench.lane->flush();
      if (bench.statistics().written.value() == 1) break;
    }
    ASSERT_EQ(bench.statistics().written.value(), 1u);
    EXPECT_GE(bench.supply.segments()[0]->file.syncs, 1u);
  }
}

TEST(StoreLaneFaults, OtherwiseNothingIsSyncedBeforeTheSegmentIsSealed) {
  LaneBench bench({.chunk_bytes = 4096});
  for (std::uint32_t i = 0; i < 5; ++i) bench.offer(frame_for_a_chunk(i));
  bench.settle();
  EXPECT_EQ(bench.supply.segments()[0]->file.syncs, 0u);
  ASSERT_TRUE(bench.lane->close().ok());
  // What it holds, and then the tail that says that it does.
  EXPECT_EQ(bench.supply.segments()[0]->file.syncs, 2u);
}

TEST(StoreLaneFaults, WithoutDurabilityNothingIsEverSynced) {
  LaneBench bench({.chunk_bytes = 4096, .durability = Durability::None});
  for (std::uint32_t i = 0; i < 5; ++i) bench.offer(frame_for_a_chunk(i));
  ASSERT_TRUE(bench.lane->close().ok());
  EXPECT_EQ(bench.supply.segments()[0]->file.syncs, 0u);
}

TEST(StoreLaneFaults, AFileThatCannotBeMadeIsTheErrorAndWhatWasBeforeItIsWhole) {
  for (std::size_t segments = 0; segments < 3; ++segments) {
    SCOPED_TRACE("segments " + std::to_string(segments));
    LaneBench bench({.chunk_bytes = 4096, .segment_bytes = 16'384});
    bench.supply.refuse_from(segments);
    const auto error = run(bench);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->sys_errno, EDQUOT);
    EXPECT_EQ(bench.statistics().written.value(), 3 * segments);
    EXPECT_EQ(lost(bench.statistics(), LostReason::NoSpace), kPackets - 3 * segments);
    for (const auto& one : bench.supply.segments()) EXPECT_TRUE(one->sealed);
    expect_written(bench);
  }
}

TEST(StoreLaneFaults, AnEndThatCannotBeCutOffIsToldToo) {
  LaneBench bench({.chunk_bytes = 4096}, {.io_error_at = 20'000, .refuse_set_size = true});
  const auto error = run(bench);
  ASSERT_TRUE(error);
  EXPECT_THAT(error->context, HasSubstr("cutting off its incomplete end failed"));
}

TEST(StoreLaneFaults, ADiskThatRefusesDirectWritesIsWrittenToWithoutThem) {
  for (std::uint64_t writes = 0; writes < 8; ++writes) {
    SCOPED_TRACE("writes " + std::to_string(writes));
    LaneBench bench({.chunk_bytes = 4096},
                    {.seed = writes + 1, .short_percent = 20, .refuse_direct_after = writes});
    EXPECT_FALSE(run(bench));
    EXPECT_EQ(bench.statistics().written.value(), kPackets);
    expect_written(bench);
  }
}

}  // namespace
}  // namespace weir::output
