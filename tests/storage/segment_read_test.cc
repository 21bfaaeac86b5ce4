// Segments written by the document alone, as the readers see them.
#include <sys/stat.h>

#include <fstream>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/segment/directory.h"
#include "storage/segment/records.h"
#include "storage/segment/segment_file.h"
#include "storage/segment/segment_summary.h"
#include "storage/segment/verify.h"
#include "support/memory_range.h"
#include "support/segment_bytes.h"
#include "support/temp_dir.h"

namespace weir::storage::segment {
namespace {

using test::MemoryRange;
using test::SegmentBytes;
using test::small_segment;
using testing::HasSubstr;

constexpr std::int64_t kBegin = 1'700'000'000'000'000'000;

Result<SegmentFile> open(const SegmentBytes& segment) {
  return SegmentFile::open(std::make_unique<MemoryRange>(segment.bytes()), "memory");
}

TEST(SegmentFile, HeadSaysWhoWroteItAndDescribesTheInterfaces) {
  const SegmentBytes segment = small_segment();
  const auto file = open(segment);
  ASSERT_TRUE(file) << file.error().context;
  const SegmentHead& head = file->head();
  Uuid uuid;
  uuid.fill(0x11);
  EXPECT_EQ(head.segment, uuid);
  EXPECT_EQ(head.facts.sequence, 42u);
  EXPECT_EQ(head.facts.created.ns, kBegin);
  EXPECT_EQ(head.facts.lane, 3u);
  EXPECT_EQ(head.facts.interface_count, 2u);
  EXPECT_EQ(head.facts.chunk_bytes_max, 1024u * 1024);
  EXPECT_EQ(head.unit_bytes, 4096u);
  ASSERT_EQ(head.interfaces.size(), 2u);
  EXPECT_EQ(head.interfaces[0].name, "left");
  EXPECT_EQ(head.interfaces[1].name, "right");
  EXPECT_EQ(head.interfaces[1].link_type, LinkType::Ethernet);
  EXPECT_EQ(head.interfaces[1].snaplen, 262'144u);
}

TEST(SegmentFile, AHeadMayBeLongerThan4KiB) {
  SegmentBytes::Options options;
  options.interfaces.clear();
  for (int i = 0; i < 300; ++i) options.interfaces.push_back("interface" + std::to_string(i));
  SegmentBytes segment(options);
  segment.add_chunk({{.time = 5, .interface = 299, .frame = "x"}});
  const auto file = open(segment);
  ASSERT_TRUE(file) << file.error().context;
  EXPECT_EQ(file->head().unit_bytes, 16'384u);
  ASSERT_EQ(file->head().interfaces.size(), 300u);
  EXPECT_EQ(file->head().interfaces[299].name, "interface299");
  EXPECT_EQ(verify_segment(MemoryRange(segment.bytes()), {}).state, SegmentState::Open);
}

TEST(SegmentFile, WalkSeesEveryUnitInOrderAndStopsBehindTheTail) {
  SegmentBytes segment = small_segment();
  segment.bytes().resize(segment.bytes().size() + 4096, 0xee);
  const auto file = open(segment).value();
  for (const Depth depth : {Depth::Header, Depth::Bytes}) {
    std::vector<Kind> kinds;
    UnitWalk walk = file.walk(depth);
    while (const auto unit = walk.next()) {
      EXPECT_EQ(unit->header.ordinal, kinds.size());
      EXPECT_EQ(unit->header.file_offset, segment.units()[kinds.size()].offset);
      kinds.push_back(unit->block.kind);
    }
    EXPECT_THAT(kinds, testing::ElementsAre(Kind::Head, Kind::Chunk, Kind::Chunk, Kind::Chunk,
                                            Kind::Index, Kind::Chunk, Kind::Index, Kind::Tail));
    EXPECT_TRUE(walk.sealed());
    EXPECT_EQ(walk.end().fault, UnitFault::None);
    EXPECT_EQ(walk.offset(), 65'536u);
    EXPECT_EQ(walk.ordinal(), 8u);
  }
}

TEST(SegmentFile, PacketsOfAllChunksAreThoseThatWereWritten) {
  const SegmentBytes segment = small_segment();
  const auto file = open(segment).value();
  UnitWalk walk = file.walk(Depth::Bytes);
  ChunkDecoder decoder;
  std::vector<std::uint8_t> buffer;
  std::vector<std::string> seen;
  while (const auto unit = walk.next()) {
    if (unit->block.kind != Kind::Chunk) continue;
    const auto records = decoder.records(*unit, buffer);
    ASSERT_TRUE(records) << records.error().context;
    RecordCursor cursor(*records, RecordCursor::interfaces_of(file.head()));
    while (const auto record = cursor.next()) {
      EXPECT_TRUE(record->is_packet);
      EXPECT_EQ(record->frame.size(), record->wire_bytes);
      EXPECT_EQ(record->frame[12], 0x88);
      seen.push_back((record->has_time ? std::to_string(record->time.ns - kBegin) : "-") + " " +
                     std::to_string(record->interface) + " " +
                     std::to_string(record->frame.size()) + " " +
                     std::to_string(record->options.size()));
    }
    EXPECT_EQ(cursor.fault(), RecordFault::None);
  }
  ASSERT_EQ(seen.size(), 27u);
  EXPECT_EQ(seen[0], "5 0 60 0");
  EXPECT_EQ(seen[1], "3 1 1001 0");
  EXPECT_EQ(seen[3], "10 1 14000 16");
  EXPECT_EQ(seen[5], "100 0 1000 0");
  EXPECT_EQ(seen[24], "119 0 1000 0");
  EXPECT_EQ(seen[25], "- 0 100 0");
  EXPECT_EQ(seen[26], "200 1 14000 0");
}

TEST(SegmentFile, OneUnitIsReadByItsPlace) {
  const SegmentBytes segment = small_segment();
  const auto file = open(segment).value();
  std::vector<std::uint8_t> buffer;
  const auto header = file.unit_header(4096, buffer);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->bytes.size(), 128u);
  EXPECT_EQ(chunk_at(header->header_block())->packets, 3u);
  const auto whole = file.unit(8192, buffer);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->bytes.size(), whole->header.unit_bytes);
  const auto wrong = file.unit(12'288, buffer);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::Damaged);
  EXPECT_EQ(wrong.error().context, "memory: at byte 12288: no unit begins here");
  EXPECT_EQ(file.unit(~std::uint64_t{0} - 4095, buffer).error().code, ErrorCode::Truncated);
}

TEST(SegmentFile, TailIsFoundByTheLastFourBytes) {
  const SegmentBytes segment = small_segment();
  const auto tail = open(segment).value().tail();
  ASSERT_TRUE(tail && *tail);
  const Directory& directory = (*tail)->directory;
  EXPECT_EQ((*tail)->facts.sealed.ns, kBegin + 1'000'000'000);
  EXPECT_FALSE((*tail)->facts.recovered);
  EXPECT_EQ((*tail)->ordinal, 7u);
  EXPECT_EQ(directory.tail_offset, 61'440u);
  EXPECT_EQ(directory.packets, 27u);
  EXPECT_EQ(directory.chunks, 4u);
  EXPECT_EQ(directory.lost, 7u);
  EXPECT_EQ(directory.times.first.ns, kBegin + 3);
  EXPECT_EQ(directory.times.last.ns, kBegin + 200);
  ASSERT_EQ(directory.pages.size(), 2u);
  EXPECT_EQ(directory.pages[1].first_chunk, 3u);
  EXPECT_EQ(directory.pages[1].column(Column::Chunks), (ColumnLocator{128, 48}));
  EXPECT_EQ(directory.pages[1].column(Column::Uid), ColumnLocator());
  ASSERT_NE(directory.filter(Column::Ipv4), nullptr);
  EXPECT_EQ(directory.filter(Column::Ipv4)->hashes, 7u);
  EXPECT_EQ(directory.filter(Column::Ipv4)->bytes.size(), 64u);
  EXPECT_EQ(directory.filter(Column::Ipv6), nullptr);
}

TEST(SegmentFile, AnOpenSegmentHasNoTail) {
  SegmentBytes segment;
  segment.add_chunk({{.time = 1, .frame = "x"}});
  const auto tail = open(segment).value().tail();
  ASSERT_TRUE(tail);
  EXPECT_FALSE(*tail);
}

TEST(SegmentFile, ADamagedTailIsNoOpenSegment) {
  SegmentBytes segment = small_segment();
  segment.bytes()[segment.units()[7].offset + 70] ^= 1;
  const auto tail = open(segment).value().tail();
  ASSERT_FALSE(tail);
  EXPECT_EQ(tail.error().context, "memory: at byte 61440: bad checksum of a unit");
}

TEST(SegmentFile, WhatIsNoSegmentIsToldFromWhatIsDamaged) {
  const test::TempDir dir;
  const auto refused = [&](const std::string& content) {
    std::ofstream(dir.file("x"), std::ios::binary) << content;
    const auto file = SegmentFile::open(dir.file("x"));
    EXPECT_FALSE(file);
    return file ? ErrorCode::Internal : file.error().code;
  };
  SegmentBytes segment = small_segment();
  const std::string good(segment.bytes().begin(), segment.bytes().end());
  // A Section Header, an interface, a packet: a capture of somebody else.
  const std::string section = good.substr(0, 28);
  const std::string interface = good.substr(28, 40);
  EXPECT_EQ(refused(section + interface + good.substr(4096 + 128, 100)), ErrorCode::UnknownFormat);
  EXPECT_EQ(refused(section + interface), ErrorCode::UnknownFormat);
  EXPECT_EQ(refused("just text"), ErrorCode::UnknownFormat);
  EXPECT_EQ(refused(std::string(8192, '\0')), ErrorCode::UnknownFormat);
  EXPECT_EQ(refused(""), ErrorCode::Truncated);
  EXPECT_EQ(refused(good.substr(0, 60)), ErrorCode::Truncated);
  EXPECT_EQ(refused(good.substr(0, 2000)), ErrorCode::Truncated);
  for (const std::size_t at : {0U, 4U, 30U, 33U, 116U, 132U, 140U, 200U, 4095U}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x40);
    EXPECT_EQ(refused(bad), ErrorCode::Damaged) << at;
  }
}

TEST(SegmentFile, ANewerVersionIsLeftAlone) {
  SegmentBytes segment = small_segment();
  segment.bytes()[segment.units()[0].block_offset + 13] = 2;
  segment.reseal(0);
  const auto file = open(segment);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::Unsupported);
  EXPECT_EQ(file.error().context,
            "memory: written by a newer weir (segment version 2; this one reads up to 1)");
}

TEST(SegmentFile, FoldersAndPipesAreNoSegments) {
  const test::TempDir dir;
  const auto folder = SegmentFile::open(dir.path().string());
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, ErrorCode::UnknownFormat);
  EXPECT_THAT(folder.error().context, HasSubstr("not a file"));
  ASSERT_EQ(::mkfifo(dir.file("pipe").c_str(), 0600), 0);
  EXPECT_EQ(SegmentFile::open(dir.file("pipe")).error().code, ErrorCode::UnknownFormat);
  EXPECT_EQ(SegmentFile::open(dir.file("nothing")).error().code, ErrorCode::NotFound);
}

TEST(SegmentFile, AFileThatShrinksIsShortAndNothingWorse) {
  const test::TempDir dir;
  small_segment().write(dir.file("x"));
  const auto file = SegmentFile::open(dir.file("x")).value();
  std::filesystem::resize_file(dir.file("x"), 10'000);
  std::vector<std::uint8_t> buffer;
  EXPECT_EQ(file.unit(8192, buffer).error().code, ErrorCode::Truncated);
  EXPECT_EQ(file.unit_header(8192, buffer).error().code, ErrorCode::Truncated);
  EXPECT_EQ(file.unit_header(20'000, buffer).error().code, ErrorCode::Truncated);
  EXPECT_EQ(file.size().value(), 10'000u);
}

TEST(RecordCursor, StopsAtTheFirstBlockThatIsWrong) {
  SegmentBytes segment;
  segment.add_chunk({{.time = 1, .frame = "abcd"}, {.time = 2, .interface = 1, .frame = "efgh"}});
  const std::vector<std::uint8_t> good(segment.bytes().begin() + 4096 + 128,
                                       segment.bytes().begin() + 4096 + 128 + 72);
  const auto faults = [&](std::size_t at, std::uint8_t value) {
    std::vector<std::uint8_t> bytes = good;
    bytes[at] = value;
    RecordCursor cursor(bytes, {.count = 2});
    while (cursor.next()) {
    }
    return std::pair(cursor.fault(), cursor.offset());
  };
  EXPECT_EQ(faults(0, 6), std::pair(RecordFault::None, 72u));
  EXPECT_EQ(faults(4, 35), std::pair(RecordFault::BadLength, 0u));
  EXPECT_EQ(faults(4, 40), std::pair(RecordFault::BadLength, 0u));
  EXPECT_EQ(faults(32, 40), std::pair(RecordFault::BadLength, 0u));
  EXPECT_EQ(faults(36 + 4, 8), std::pair(RecordFault::BadLength, 36u));
  EXPECT_EQ(faults(36 + 20, 5), std::pair(RecordFault::BadPacket, 36u));
  EXPECT_EQ(faults(36 + 23, 0xff), std::pair(RecordFault::BadPacket, 36u));
  EXPECT_EQ(faults(36 + 8, 2), std::pair(RecordFault::UnknownInterface, 36u));
  EXPECT_EQ(faults(36, 1), std::pair(RecordFault::NotAllowed, 36u));
  EXPECT_EQ(faults(36, 11), std::pair(RecordFault::None, 72u));
  for (std::size_t bytes = 1; bytes < good.size(); ++bytes) {
    RecordCursor cursor(Bytes(good).first(bytes), {.count = 2});
    while (cursor.next()) {
    }
    EXPECT_EQ(cursor.fault() == RecordFault::None, bytes == 36) << bytes;
  }
}

TEST(RecordCursor, ASimplePacketIsCutAtTheSnaplen) {
  SegmentBytes segment;
  segment.add_chunk({{.frame = "abcdefgh", .simple = true}});
  const Bytes records = Bytes(segment.bytes()).subspan(4096 + 128, 24);
  EXPECT_EQ(RecordCursor(records, {.count = 1, .snaplen = 5}).next()->frame.size(), 5u);
  EXPECT_EQ(RecordCursor(records, {.count = 1, .snaplen = 0}).next()->frame.size(), 8u);
  EXPECT_EQ(RecordCursor(records, {.count = 1, .snaplen = 5}).next()->wire_bytes, 8u);
  EXPECT_FALSE(RecordCursor(records, {.count = 0, .snaplen = 5}).next());
}

TEST(Directory, ReadsBackAsItWasWritten) {
  Directory directory{
      .tail_offset = 8192,
      .segment = {},
      .packets = 1,
      .times = {.first = {-5}, .last = {7}},
      .wire_bytes = 2,
      .lost = 3,
      .cut_bytes = 4,
      .chunks = 1,
      .pages = {{.offset = 4096, .unit_bytes = 4096, .first_chunk = 0, .chunks = 1}},
      .filters = {}};
  directory.segment.fill(0x77);
  directory.pages[0].column(Column::Ipv6) = {.offset = 200, .bytes = 300};
  directory.filters.push_back({.column = Column::Uid, .hashes = 3, .keys = 9, .bytes = {}});
  directory.filters[0].bytes.assign(128, 0xa5);
  const std::vector<std::uint8_t> statistics(24, 0);
  std::vector<std::uint8_t> out = {1, 2, 3};
  ASSERT_TRUE(append_tail(
      out, directory, {.ordinal = 2, .sealed = {99}, .recovered = true, .statistics = statistics}));
  ASSERT_EQ(out.size(), 3u + 4096);
  const Bytes unit = Bytes(out).subspan(3);
  const auto header = unit_at(unit);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->unit.ordinal, 2u);
  EXPECT_EQ(header->unit.crc, unit_crc(unit, 0));
  const auto tail = decode_tail({.block = header->block, .header = header->unit, .bytes = unit});
  ASSERT_TRUE(tail) << tail.error().context;
  EXPECT_EQ(tail->directory, directory);
  EXPECT_EQ(tail->facts.sealed.ns, 99);
  EXPECT_TRUE(tail->facts.recovered);
  EXPECT_EQ(tail->facts.directory_offset, 152u);
}

TEST(Directory, OneThatDoesNotFitIntoAUnitIsRefused) {
  Directory directory;
  directory.filters.push_back({.column = Column::Ipv4, .hashes = 1, .keys = 0, .bytes = {}});
  directory.filters[0].bytes.resize(kUnitBytesMax);
  std::vector<std::uint8_t> out;
  EXPECT_EQ(append_tail(out, directory, {}).error().code, ErrorCode::NoSpace);
  EXPECT_TRUE(out.empty());
}

TEST(Directory, WhatLiesOutsideItsBoundsIsDamage) {
  const SegmentBytes segment = small_segment();
  const std::size_t at = segment.units()[7].offset + 128 + 48;
  const auto decoded = [&](std::size_t offset, std::uint32_t value) {
    std::vector<std::uint8_t> block(segment.bytes().begin() + static_cast<std::ptrdiff_t>(at),
                                    segment.bytes().end());
    store_le(block.data() + offset, value);
    const auto directory = decode_directory(block);
    return directory ? std::string() : directory.error().context;
  };
  constexpr std::size_t kPage = 104 + 16;
  EXPECT_EQ(decoded(92, 2), "");
  EXPECT_EQ(decoded(92, 0xffff'ffff), "directory: more pages or filters than it has room for");
  EXPECT_EQ(decoded(96, 0xffff'ffff), "directory: more pages or filters than it has room for");
  EXPECT_EQ(decoded(kPage, 4095), "directory: page 0 is out of bounds");
  EXPECT_EQ(decoded(kPage + 4, 1), "directory: page 0 is out of bounds");
  EXPECT_EQ(decoded(kPage + 8, 1 << 24), "directory: page 0 is out of bounds");
  EXPECT_EQ(decoded(kPage + 12, 4), "directory: page 0 is out of bounds");
  EXPECT_EQ(decoded(kPage + 16, 65), "directory: page 0 is out of bounds");
  EXPECT_EQ(decoded(kPage + 88 + 28, 4096), "directory: page 1 is out of bounds");
  EXPECT_EQ(decoded(104 + 4, 100), "directory: filter 0 is out of bounds");
  EXPECT_EQ(decoded(104 + 8, 96), "directory: filter 0 is out of bounds");
  EXPECT_EQ(decoded(104 + 8, 1 << 30), "directory: filter 0 is out of bounds");
  EXPECT_EQ(decoded(104, 2), "directory: filter 0 is out of bounds");  // no hashes
}

TEST(SegmentSummary, IsTheSameOfASealedAndOfAnOpenSegment) {
  const test::TempDir dir;
  SegmentBytes segment = small_segment();
  segment.write(dir.file("sealed"));
  const auto sealed = summarise_segment(dir.file("sealed"));
  ASSERT_TRUE(sealed) << sealed.error().context;
  EXPECT_TRUE(sealed->sealed);
  EXPECT_EQ(sealed->file_bytes, 65'536u);
  EXPECT_EQ(sealed->totals, (SegmentTotals{.units = 8,
                                           .chunks = 4,
                                           .pages = 2,
                                           .packets = 27,
                                           .wire_bytes = 57'223,
                                           .lost = 7,
                                           .times = {{kBegin + 3}, {kBegin + 200}}}));
  segment.bytes().resize(segment.units()[7].offset);
  segment.write(dir.file("open"));
  const auto open = summarise_segment(dir.file("open"));
  ASSERT_TRUE(open) << open.error().context;
  EXPECT_FALSE(open->sealed);
  SegmentTotals expected = sealed->totals;
  --expected.units;
  EXPECT_EQ(open->totals, expected);
}

}  // namespace
}  // namespace weir::storage::segment
