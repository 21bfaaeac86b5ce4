// The bytes of a segment's blocks, as docs/segment-format.md has them.
#include <vector>

#include <gtest/gtest.h>

#include "storage/crc32c.h"
#include "storage/segment/format.h"

namespace weir::storage::segment {
namespace {

using ByteVector = std::vector<std::uint8_t>;

Uuid uuid_of(std::uint8_t byte) {
  Uuid uuid;
  uuid.fill(byte);
  return uuid;
}

ByteVector part(const ByteVector& bytes, std::size_t at, std::size_t count) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(at),
          bytes.begin() + static_cast<std::ptrdiff_t>(at + count)};
}

TEST(SegmentFormat, ABlockBeginsAndEndsAsTheFormatSays) {
  ByteVector bytes(24, 0xee);
  put_block(bytes.data(), {.total_bytes = 24, .kind = Kind::Tail, .flags = 0x0102});
  EXPECT_EQ(bytes, (ByteVector{0x69, 0x65, 0x77, 0x80, 24,   0,    0,    0,    'w', 'e', 'i', 'r',
                               4,    1,    2,    1,    0xee, 0xee, 0xee, 0xee, 24,  0,   0,   0}));
  const auto block = block_at(bytes);
  ASSERT_TRUE(block);
  EXPECT_EQ(block->total_bytes, 24u);
  EXPECT_EQ(block->kind, Kind::Tail);
  EXPECT_EQ(block->version, 1);
  EXPECT_EQ(block->flags, 0x0102);
}

TEST(SegmentFormat, WhatIsNoBlockOfOursIsNotTakenForOne) {
  ByteVector good(24);
  put_block(good.data(), {.total_bytes = 24});
  for (const std::size_t at : {0u, 3u, 8u, 11u, 20u, 23u}) {
    ByteVector bad = good;
    bad[at] ^= 0x40;
    EXPECT_FALSE(block_at(bad)) << "byte " << at;
  }
  for (const int length : {0, 16, 22, 28, 255}) {
    ByteVector bad = good;
    bad[4] = bad[20] = static_cast<std::uint8_t>(length);
    EXPECT_FALSE(block_at(bad)) << "length " << length;
  }
  for (std::size_t bytes = 0; bytes < good.size(); ++bytes) {
    EXPECT_FALSE(block_at(Bytes(good).first(bytes))) << bytes;
  }
}

TEST(SegmentFormat, AUnitHeaderIsReadBackFromWhereTheFormatHasIt) {
  ByteVector bytes(kUnitHeaderBytes + 4);
  put_block(bytes.data(), {.total_bytes = kUnitHeaderBytes + 4, .kind = Kind::Index});
  put_unit_header(bytes.data(), {.unit_bytes = 8192,
                                 .crc = 0x0102'0304,
                                 .segment = uuid_of(0xab),
                                 .ordinal = 7,
                                 .block_offset = 100,
                                 .file_offset = 0x1000'0000'2000});
  EXPECT_EQ(part(bytes, 16, 8), (ByteVector{0, 0x20, 0, 0, 4, 3, 2, 1}));
  EXPECT_EQ(part(bytes, 24, 16), ByteVector(16, 0xab));
  EXPECT_EQ(part(bytes, 40, 16),
            (ByteVector{7, 0, 0, 0, 100, 0, 0, 0, 0, 0x20, 0, 0, 0, 0x10, 0, 0}));
  const auto unit = unit_at(bytes);
  ASSERT_TRUE(unit);
  EXPECT_EQ(unit->unit.unit_bytes, 8192u);
  EXPECT_EQ(unit->unit.crc, 0x0102'0304u);
  EXPECT_EQ(unit->unit.segment, uuid_of(0xab));
  EXPECT_EQ(unit->unit.ordinal, 7u);
  EXPECT_EQ(unit->unit.block_offset, 100u);
  EXPECT_EQ(unit->unit.file_offset, 0x1000'0000'2000u);
}

TEST(SegmentFormat, AUnitHeaderWithAnImpossibleLengthIsNone) {
  const auto unit_of = [](std::uint32_t unit_bytes) {
    ByteVector bytes(kUnitHeaderBytes + 4);
    put_block(bytes.data(), {.total_bytes = kUnitHeaderBytes + 4, .kind = Kind::Index});
    put_unit_header(bytes.data(), {.unit_bytes = unit_bytes});
    return unit_at(bytes).has_value();
  };
  EXPECT_TRUE(unit_of(4096));
  EXPECT_TRUE(unit_of(kUnitBytesMax));
  for (const std::uint32_t bytes : {0u, 4095u, 4100u, kUnitBytesMax + 4096, 0xffff'f000u}) {
    EXPECT_FALSE(unit_of(bytes)) << bytes;
  }
}

TEST(SegmentFormat, TheChecksumIsOverAllBytesWithItsOwnAsZero) {
  ByteVector unit(4096, 0x5a);
  const std::uint32_t block_offset = 200;
  put_block(unit.data() + block_offset, {.total_bytes = 4096 - block_offset, .kind = Kind::Head});
  put_unit_header(unit.data() + block_offset, {.unit_bytes = 4096, .block_offset = block_offset});
  seal_unit(unit, block_offset);
  ByteVector zeroed = unit;
  for (std::size_t i = 0; i < 4; ++i) zeroed[block_offset + 20 + i] = 0;
  EXPECT_EQ(unit_at(Bytes(unit).subspan(block_offset))->unit.crc, crc32c(zeroed));
  EXPECT_EQ(unit_crc(unit, block_offset), crc32c(zeroed));
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{150}, std::size_t{230}, std::size_t{4095}}) {
    ByteVector bad = unit;
    bad[at] ^= 1;
    EXPECT_NE(unit_crc(bad, block_offset), crc32c(zeroed)) << at;
  }
}

TEST(SegmentFormat, PaddingFillsAUnitWithAWholeBlockOrMakesItLonger) {
  EXPECT_EQ(padded_bytes(1), 4096u);
  EXPECT_EQ(padded_bytes(4096), 4096u) << "no room, no padding";
  EXPECT_EQ(padded_bytes(4096 - 20), 4096u);
  EXPECT_EQ(padded_bytes(4096 - 16), 8192u) << "a block needs twenty bytes";
  EXPECT_EQ(padded_bytes(4100), 8192u);
  ByteVector unit(4096, 0xee);
  put_padding(unit.data() + 4000, unit.data() + 4096);
  const auto block = block_at(Bytes(unit).subspan(4000));
  ASSERT_TRUE(block);
  EXPECT_EQ(block->kind, Kind::Padding);
  EXPECT_EQ(block->total_bytes, 96u);
  EXPECT_EQ(part(unit, 4016, 76), ByteVector(76, 0));
  put_padding(unit.data() + 4096, unit.data() + 4096);  // nothing to fill
}

TEST(SegmentFormat, AHeadIsReadBack) {
  ByteVector bytes(kHeadBytes + 4);
  put_block(bytes.data(), {.total_bytes = kHeadBytes + 4, .kind = Kind::Head});
  put_head(bytes.data(), {.sequence = 42,
                          .created = {1'700'000'000'000'000'001},
                          .lane = 3,
                          .interface_count = 2,
                          .chunk_bytes_max = 65'536});
  EXPECT_EQ(part(bytes, 56, 8), (ByteVector{42, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(part(bytes, 72, 12), (ByteVector{3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 0}));
  const auto head = head_at(bytes);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->sequence, 42u);
  EXPECT_EQ(head->created.ns, 1'700'000'000'000'000'001);
  EXPECT_EQ(head->lane, 3u);
  EXPECT_EQ(head->interface_count, 2u);
  EXPECT_EQ(head->chunk_bytes_max, 65'536u);
  EXPECT_FALSE(head_at(Bytes(bytes).first(kHeadBytes - 1)));
}

TEST(SegmentFormat, AChunkIsReadBack) {
  ByteVector bytes(kChunkHeaderBytes);
  put_block(bytes.data(), {.total_bytes = kChunkHeaderBytes, .kind = Kind::Chunk});
  const ChunkFacts facts{.number = 5,
                         .packets = 100,
                         .times = {.first = {-1}, .last = {1'000}},
                         .wire_bytes = 150'000,
                         .lost = 7,
                         .records_bytes = 50'000,
                         .stored_bytes = 20'000,
                         .codec = Codec::Zstd,
                         .packets_before = 500};
  put_chunk(bytes.data(), facts);
  EXPECT_EQ(part(bytes, 56, 8), (ByteVector{5, 0, 0, 0, 100, 0, 0, 0}));
  EXPECT_EQ(part(bytes, 64, 8), ByteVector(8, 0xff));
  EXPECT_EQ(bytes[104], 1);
  EXPECT_EQ(part(bytes, 112, 4), (ByteVector{0xf4, 1, 0, 0}));
  EXPECT_EQ(chunk_at(bytes), facts);
  EXPECT_FALSE(chunk_at(Bytes(bytes).first(kChunkHeaderBytes - 1)));
}

TEST(SegmentFormat, TimesCoverWhatTheyAreTold) {
  TimeSpan times;
  EXPECT_TRUE(times.empty());
  times.cover(Timestamp{5});
  EXPECT_EQ(times, (TimeSpan{.first = {5}, .last = {5}}));
  times.cover(TimeSpan{});
  times.cover(TimeSpan{.first = {-3}, .last = {4}});
  EXPECT_EQ(times, (TimeSpan{.first = {-3}, .last = {5}}));
}

TEST(SegmentFormat, RowsOfAPageAreReadBack) {
  ByteVector bytes(kChunkRowBytes);
  const ChunkRow row{.offset = 1 << 20,
                     .unit_bytes = 8192,
                     .packets = 9,
                     .times = {.first = {1}, .last = {2}},
                     .wire_bytes = 3,
                     .lost = 4};
  put_chunk_row(bytes.data(), row);
  EXPECT_EQ(chunk_row_at(bytes), row);
  ByteVector entry(kColumnEntryBytes, 0xee);
  put_column_entry(entry.data(),
                   {.column = Column::Uid, .offset = 96, .bytes = 10, .entries = 2, .crc = 1});
  EXPECT_EQ(entry,
            (ByteVector{7, 0, 0, 0, 96, 0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(column_entry_at(entry).column, Column::Uid);
}

TEST(SegmentFormat, KeysHaveTheirClassInTheTopByte) {
  EXPECT_EQ(protocol_key(ProtocolClass::UdpPort, 53), 0x0300'0035u);
  EXPECT_EQ(tenant_key(TenantClass::Vlan, 100), 0x0100'0000'0000'0064u);
  EXPECT_EQ(tenant_key(TenantClass::GwlbEndpoint, 0xffee'ddcc'bbaa'9988), 0x03ee'ddcc'bbaa'9988u);
  EXPECT_EQ(key_bytes(Column::Ipv6), 16u);
  EXPECT_EQ(key_bytes(Column::Uid), 12u);
  EXPECT_EQ(key_bytes(Column::Chunks), 0u);
}

}  // namespace
}  // namespace weir::storage::segment
