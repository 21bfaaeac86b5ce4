// What verification finds, and what it does not take for damage.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/segment/verify.h"
#include "support/memory_range.h"
#include "support/segment_bytes.h"

namespace weir::storage::segment {
namespace {

using test::MemoryRange;
using test::SegmentBytes;
using test::small_segment;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

SegmentReport verify(const SegmentBytes& segment, const VerifyOptions& options = {}) {
  return verify_segment(MemoryRange(segment.bytes()), options);
}

std::vector<std::string> findings(const SegmentReport& report) {
  std::vector<std::string> lines;
  for (const Finding& finding : report.findings) {
    lines.push_back(std::to_string(finding.offset) + ": " + finding.what);
  }
  return lines;
}

TEST(VerifySegment, ASealedSegmentIsGood) {
  const SegmentReport report = verify(small_segment());
  EXPECT_THAT(findings(report), IsEmpty());
  EXPECT_EQ(report.state, SegmentState::Sealed);
  EXPECT_EQ(report.totals.units, 8u);
  EXPECT_EQ(report.totals.chunks, 4u);
  EXPECT_EQ(report.totals.pages, 2u);
  EXPECT_EQ(report.totals.packets, 27u);
  EXPECT_EQ(report.totals.wire_bytes, 57'223u);
  EXPECT_EQ(report.totals.lost, 7u);
  EXPECT_EQ(report.totals.times.first.ns, 1'700'000'000'000'000'003);
  EXPECT_EQ(report.totals.times.last.ns, 1'700'000'000'000'000'200);
  EXPECT_EQ(report.file_bytes, 65'536u);
  EXPECT_EQ(report.torn_bytes, 0u);
  EXPECT_FALSE(report.recovered);
}

TEST(VerifySegment, ARecoveredSegmentSaysWhatWasCutOff) {
  SegmentBytes segment;
  segment.add_chunk({{.time = 1, .frame = "x"}});
  segment.add_index();
  segment.add_tail(true, 12'345);
  const SegmentReport report = verify(segment);
  EXPECT_EQ(report.state, SegmentState::Sealed);
  EXPECT_TRUE(report.recovered);
  EXPECT_EQ(report.cut_bytes, 12'345u);
}

TEST(VerifySegment, AnOpenSegmentIsGoodUpToItsEnd) {
  SegmentBytes segment = small_segment();
  for (const std::size_t unit : {7U, 6U, 3U, 1U}) {
    segment.bytes().resize(segment.units()[unit].offset);
    const SegmentReport report = verify(segment);
    EXPECT_THAT(findings(report), IsEmpty());
    EXPECT_EQ(report.state, SegmentState::Open);
    EXPECT_EQ(report.totals.units, unit);
    EXPECT_EQ(report.torn_bytes, 0u);
  }
}

TEST(VerifySegment, ATornEndIsAFindingUnlessItIsExpected) {
  SegmentBytes segment = small_segment();
  segment.bytes().resize(segment.units()[5].offset + 5000);
  EXPECT_THAT(findings(verify(segment)),
              ElementsAre("40960: the file ends within a unit; the last 5000 bytes are torn off or "
                          "damaged"));
  const SegmentReport expected = verify(segment, {.torn_end_expected = true});
  EXPECT_THAT(findings(expected), IsEmpty());
  EXPECT_EQ(expected.state, SegmentState::Open);
  EXPECT_EQ(expected.torn_bytes, 5000u);
  EXPECT_EQ(expected.totals.packets, 25u);
}

TEST(VerifySegment, AHeadThatIsNotWholeYetIsATornEnd) {
  for (const std::size_t bytes : {0U, 60U, 2000U}) {
    SegmentBytes segment = small_segment();
    segment.bytes().resize(bytes);
    EXPECT_EQ(verify(segment).state, SegmentState::Damaged);
    const SegmentReport report = verify(segment, {.torn_end_expected = true});
    EXPECT_EQ(report.state, SegmentState::Open);
    EXPECT_EQ(report.torn_bytes, bytes);
    EXPECT_EQ(report.totals.units, 0u);
  }
}

TEST(VerifySegment, StaleBytesBehindTheEndAreTorn) {
  SegmentBytes segment = small_segment();
  const SegmentBytes stale = small_segment({.uuid = 0x22});
  segment.bytes().resize(segment.units()[5].offset);
  segment.bytes().insert(segment.bytes().end(), stale.bytes().begin() + 40'960,
                         stale.bytes().end());
  EXPECT_THAT(findings(verify(segment)),
              ElementsAre("40960: unit of another segment; the last 24576 bytes are torn off or "
                          "damaged"));
  const SegmentReport report = verify(segment, {.torn_end_expected = true});
  EXPECT_EQ(report.state, SegmentState::Open);
  EXPECT_EQ(report.torn_bytes, 24'576u);
}

TEST(VerifySegment, NothingMayStandBehindTheTail) {
  SegmentBytes segment = small_segment();
  segment.bytes().resize(segment.bytes().size() + 100);
  EXPECT_THAT(findings(verify(segment, {.torn_end_expected = true})),
              ElementsAre("65536: 100 bytes behind the tail"));
}

TEST(VerifySegment, DamageInTheMiddleIsNoTornEnd) {
  SegmentBytes segment = small_segment();
  segment.bytes()[segment.units()[2].offset + 1000] ^= 4;
  for (const bool torn : {false, true}) {
    const SegmentReport report = verify(segment, {.torn_end_expected = torn});
    EXPECT_THAT(findings(report),
                ElementsAre("8192: bad checksum of a unit; 24576 bytes cannot be used; behind them "
                            "5 good units with 22 packets"));
    EXPECT_EQ(report.state, SegmentState::Damaged);
    EXPECT_EQ(report.totals.packets, 25u);
    EXPECT_EQ(report.torn_bytes, 0u);
  }
}

TEST(VerifySegment, EveryDamagedPlaceIsTold) {
  SegmentBytes segment = small_segment();
  segment.bytes()[segment.units()[1].offset + 1000] ^= 4;
  segment.bytes()[segment.units()[4].offset + 2] ^= 4;
  EXPECT_THAT(findings(verify(segment)),
              ElementsAre("4096: bad checksum of a unit; 4096 bytes cannot be used; behind them 5 "
                          "good units with 24 packets",
                          "36864: no unit begins here; 4096 bytes cannot be used; behind them 3 "
                          "good units with 2 packets"));
}

TEST(VerifySegment, ADamagedTailIsAFindingEvenWhereATornEndIsExpected) {
  for (const std::size_t at : {0U, 60U, 200U, 300U, 4092U}) {
    SegmentBytes segment = small_segment();
    segment.bytes()[segment.units()[7].offset + at] ^= 8;
    const SegmentReport report = verify(segment, {.torn_end_expected = true});
    EXPECT_EQ(report.state, SegmentState::Damaged) << at;
    ASSERT_EQ(report.findings.size(), 1u) << at;
    EXPECT_THAT(report.findings[0].what, testing::EndsWith("its tail is damaged"));
  }
}

TEST(VerifySegment, WhatAWriterHasInFlightIsNoDamage) {
  SegmentBytes segment = small_segment();
  segment.bytes().resize(segment.units()[7].offset);
  // The chunk before the last page is not there yet.
  std::fill(segment.bytes().begin() + 40'960, segment.bytes().begin() + 50'000, 0);
  EXPECT_EQ(verify(segment, {.torn_end_expected = true}).state, SegmentState::Damaged);
  const SegmentReport report =
      verify(segment, {.torn_end_expected = true, .in_flight_bytes = 20'480});
  EXPECT_EQ(report.state, SegmentState::Open);
  EXPECT_EQ(report.torn_bytes, 20'480u);
}

TEST(VerifySegment, UnitsThatBelongElsewhereAreFound) {
  const SegmentBytes good = small_segment();
  {
    // Both are 4 KiB long.
    SegmentBytes segment = good;
    std::swap_ranges(segment.bytes().begin() + 4096, segment.bytes().begin() + 8192,
                     segment.bytes().begin() + 36'864);
    EXPECT_THAT(
        findings(verify(segment)),
        ElementsAre("4096: unit of another place in the file; 4096 bytes cannot be used; behind "
                    "them 5 good units with 24 packets",
                    "36864: unit of another place in the file; 4096 bytes cannot be used; behind "
                    "them 3 good units with 2 packets"));
  }
  {
    SegmentBytes segment = good;
    const SegmentBytes other = small_segment({.uuid = 0x22});
    std::copy_n(other.bytes().begin() + 4096, 4096, segment.bytes().begin() + 4096);
    EXPECT_THAT(findings(verify(segment)),
                ElementsAre("4096: unit of another segment; 4096 bytes cannot be used; behind "
                            "them 6 good units with 24 packets"));
  }
  {
    SegmentBytes segment = good;
    segment.set32(1, 40, 3);
    segment.reseal(1);
    // What follows has a lower ordinal than what is here now says.
    EXPECT_EQ(verify(segment).state, SegmentState::Damaged);
  }
}

TEST(VerifySegment, WhatIsNoSegmentIsForeign) {
  SegmentBytes segment = small_segment();
  segment.bytes()[segment.units()[0].block_offset + 13] = 9;
  EXPECT_EQ(verify(segment).state, SegmentState::Foreign);
  EXPECT_EQ(verify(segment).why_foreign,
            "written by a newer weir (segment version 9; this one reads up to 1)");
  segment.bytes().assign(10'000, 'x');
  EXPECT_EQ(verify(segment).state, SegmentState::Foreign);
  EXPECT_EQ(verify(segment).why_foreign, "no segment of a packet store");
}

// A unit that says something else than what is there, with a good checksum.
TEST(VerifySegment, LiesOfAChunkAreFound) {
  const auto lie = [](std::size_t unit, std::size_t at, std::uint64_t value, bool wide) {
    SegmentBytes segment = small_segment();
    wide ? segment.set64(unit, at, value)
         : segment.set32(unit, at, static_cast<std::uint32_t>(value));
    segment.reseal(unit);
    return findings(verify(segment));
  };
  EXPECT_THAT(lie(1, 56, 5, false), Contains("4096: chunk 5: where chunk 0 should be"));
  EXPECT_THAT(lie(1, 60, 4, false), Contains("4096: chunk 0: says 4 packets, and there are 3"));
  EXPECT_THAT(lie(1, 64, 1, true),
              Contains("4096: chunk 0: its times are not those of its packets"));
  EXPECT_THAT(lie(1, 72, 1, true),
              Contains("4096: chunk 0: its times are not those of its packets"));
  EXPECT_THAT(lie(1, 80, 1, true),
              Contains("4096: chunk 0: says 1 bytes on the wire, and there are 1123"));
  EXPECT_THAT(lie(2, 88, 8, true),
              Contains("36864: index page: its row of chunk 1 is not what the chunk says"));
  EXPECT_THAT(lie(1, 96, 8, false), Contains("4096: chunk 0: is not compressed, but says that it "
                                             "is 8 bytes in 1224"));
  EXPECT_THAT(lie(1, 100, 0xffff'fffc, false),
              Contains("4096: chunk 0: says that it stores 4294967292 bytes, and has room for "
                       "3968"));
  EXPECT_THAT(lie(1, 104, 7, false),
              Contains("4096: chunk 0: codec 7 is unknown (written by a newer weir)"));
  EXPECT_THAT(lie(1, 112, 7, true),
              Contains("4096: chunk 0: says 7 packets before it, and there are 0"));
  EXPECT_THAT(lie(1, 128 + 4, 64, false),
              Contains("4096: chunk 0: byte 0 of its blocks: a block does not end where it "
                       "should"));
  EXPECT_THAT(lie(1, 128 + 1224, 0, false), Contains("4096: chunk 0: what fills it up is no "
                                                     "block"));
}

TEST(VerifySegment, LiesOfACompressedChunkAreFound) {
  const auto lie = [](std::size_t at, std::uint32_t value) {
    SegmentBytes segment = small_segment();
    segment.set32(3, at, value);
    segment.reseal(3);
    return findings(verify(segment));
  };
  EXPECT_THAT(lie(96, 20'000), Contains("32768: chunk 2: does not decompress: Destination buffer "
                                        "is too small"));
  EXPECT_THAT(lie(96, 30'000), Contains("32768: chunk 2: decompresses to 20640 bytes, not 30000"));
  EXPECT_THAT(lie(96, 0xffff'ffff),
              Contains("32768: chunk 2: says that it decompresses to 4294967295 bytes"));
  EXPECT_THAT(lie(100, 124), Contains("32768: chunk 2: has no block of compressed packets"));
  EXPECT_THAT(lie(128 + 16, 4000),
              Contains("32768: chunk 2: its zstd frame is longer than its block"));
  EXPECT_THAT(lie(128 + 16, 10),
              Contains(testing::StartsWith("32768: chunk 2: does not decompress: ")));
  EXPECT_THAT(lie(128 + 20, 0),
              Contains("32768: chunk 2: does not decompress: Unknown frame descriptor"));
}

TEST(VerifySegment, LiesOfAnIndexPageAreFound) {
  const auto lie = [](std::size_t at, std::uint32_t value) {
    SegmentBytes segment = small_segment();
    segment.set32(4, at, value);
    segment.reseal(4);
    return findings(verify(segment));
  };
  EXPECT_THAT(lie(56, 1), Contains("36864: index page: of chunks 1 to 3, behind chunks 0 to 2"));
  EXPECT_THAT(lie(60, 2), Contains("36864: index page: of chunks 0 to 1, behind chunks 0 to 2"));
  EXPECT_THAT(lie(60, 65), Contains("36864: index page: no header"));
  EXPECT_THAT(lie(72, 0xffff'ffff), Contains("36864: index page: more columns than it has room "
                                             "for"));
  EXPECT_THAT(lie(72, 0), Contains("36864: index page: does not say where its chunks are"));
  EXPECT_THAT(lie(84, 4093), Contains("36864: index page: column 1: out of bounds"));
  EXPECT_THAT(lie(92, 2), Contains("36864: index page: column 1: not a row for each chunk"));
  EXPECT_THAT(lie(96, 0), Contains("36864: index page: column 1: bad checksum"));
  EXPECT_THAT(lie(128, 8192),
              Contains("36864: index page: its row of chunk 0 is not what the chunk says"));
  EXPECT_THAT(lie(84 + 24, 0), Contains("36864: index page: column 2: out of bounds"));
}

TEST(VerifySegment, LiesOfATailAreFound) {
  const auto lie = [](std::size_t at, std::uint32_t value) {
    SegmentBytes segment = small_segment();
    segment.set32(7, at, value);
    segment.reseal(7);
    return findings(verify(segment));
  };
  constexpr std::size_t kDirectory = 128 + 48;
  EXPECT_THAT(lie(64, 4096), ElementsAre("61440: tail: its directory is not in it"));
  EXPECT_THAT(lie(64, 180), ElementsAre("61440: directory: no such block"));
  EXPECT_THAT(lie(132, 20), ElementsAre("61440: tail: a block does not end where it should"));
  EXPECT_THAT(lie(kDirectory + 24, 1), ElementsAre("61440: directory: of another place or "
                                                   "segment"));
  EXPECT_THAT(lie(kDirectory + 40, 1),
              ElementsAre("61440: directory: says 1 packets, and there are 27"));
  EXPECT_THAT(lie(kDirectory + 48, 1),
              ElementsAre("61440: directory: its times are not those of the chunks"));
  EXPECT_THAT(lie(kDirectory + 64, 1),
              ElementsAre("61440: directory: says 1 bytes on the wire, and there are 57223"));
  EXPECT_THAT(lie(kDirectory + 72, 1),
              ElementsAre("61440: directory: says 1 missing packets, and there are 7"));
  EXPECT_THAT(lie(kDirectory + 88, 5),
              ElementsAre("61440: directory: says 5 chunks, and there are 4"));
  EXPECT_THAT(lie(kDirectory + 92, 1),
              Contains("61440: directory: its pages are not those of the segment"));
  EXPECT_THAT(lie(kDirectory + 104 + 16 + 28, 0),
              ElementsAre("61440: directory: its pages are not those of the segment"));
}

TEST(VerifySegment, ChunksWithoutAPageAreFound) {
  SegmentBytes segment;
  for (int i = 0; i < 65; ++i) segment.add_chunk({{.time = 1, .frame = "x"}});
  EXPECT_THAT(findings(verify(segment)),
              ElementsAre("266240: chunk 64: 64 chunks before it have no page"));
  SegmentBytes sealed;
  sealed.add_chunk({{.time = 1, .frame = "x"}});
  sealed.add_tail();
  EXPECT_THAT(findings(verify(sealed)), ElementsAre("8192: tail: 1 chunks have no page"));
}

TEST(VerifySegment, OtherBlocksMayStandAmongThePackets) {
  // A Decryption Secrets Block, and an Interface Description Block, which may not.
  const std::string secrets("\x0a\0\0\0\x14\0\0\0KSLT\0\0\0\0\x14\0\0\0", 20);
  const std::string interface("\1\0\0\0\x14\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0", 20);
  SegmentBytes segment;
  segment.add_chunk({{.time = 1, .frame = "x"}}, false, secrets);
  segment.add_chunk({}, true, secrets);
  EXPECT_THAT(findings(verify(segment)), IsEmpty());
  segment.add_chunk({{.time = 1, .frame = "x"}}, false, interface);
  EXPECT_THAT(findings(verify(segment)),
              ElementsAre("12288: chunk 2: byte 36 of its blocks: a block that begins a section or "
                          "an interface"));
}

TEST(VerifySegment, FindingsAreBoundedInNumber) {
  SegmentBytes segment;
  for (int i = 0; i < 20; ++i) segment.add_chunk({{.time = 1, .frame = "x"}});
  for (std::size_t unit = 1; unit <= 20; ++unit) {
    segment.set32(unit, 60, 9);
    segment.reseal(unit);
  }
  const SegmentReport report = verify(segment, {.findings_max = 3});
  EXPECT_EQ(report.findings.size(), 3u);
  EXPECT_GE(report.findings_left_out, 17u);
}

// Page by page of 4 KiB, so that they run beside each other.
class VerifyEveryBit : public testing::TestWithParam<std::size_t> {};

INSTANTIATE_TEST_SUITE_P(Pages, VerifyEveryBit, testing::Range(std::size_t{0}, std::size_t{16}));

TEST_P(VerifyEveryBit, ThatIsFlippedIsFound) {
  SegmentBytes segment = small_segment();
  std::vector<std::uint8_t>& bytes = segment.bytes();
  ASSERT_EQ(bytes.size(), 65'536u);
  for (std::size_t bit = GetParam() * 32'768; bit < (GetParam() + 1) * 32'768; ++bit) {
    const auto mask = static_cast<std::uint8_t>(1 << bit % 8);
    bytes[bit / 8] ^= mask;
    const SegmentState state =
        verify_segment(MemoryRange(bytes), {.torn_end_expected = true}).state;
    bytes[bit / 8] ^= mask;
    // In the version of the head it makes the file one of a newer weir.
    const bool version = bit / 8 == segment.units()[0].block_offset + 13;
    ASSERT_EQ(state, version && bit % 8 != 0 ? SegmentState::Foreign : SegmentState::Damaged)
        << "bit " << bit;
  }
}

}  // namespace
}  // namespace weir::storage::segment
