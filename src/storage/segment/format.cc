#include "storage/segment/format.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "storage/crc32c.h"

namespace weir::storage::segment {
namespace {

bool is_unit(Kind kind) noexcept {
  return kind == Kind::Head || kind == Kind::Chunk || kind == Kind::Index || kind == Kind::Tail;
}

void put_times(std::uint8_t* at, const TimeSpan& times) noexcept {
  store_le(at, static_cast<std::uint64_t>(times.first.ns));
  store_le(at + 8, static_cast<std::uint64_t>(times.last.ns));
}

TimeSpan times_at(const std::uint8_t* at) noexcept {
  return {.first = {static_cast<std::int64_t>(load_le64(at))},
          .last = {static_cast<std::int64_t>(load_le64(at + 8))}};
}

}  // namespace

// --- blocks

void put_block(std::uint8_t* at, const BlockHead& head) noexcept {
  store_le(at, kBlockType);
  store_le(at + 4, head.total_bytes);
  store_le(at + 8, kMagic);
  at[12] = static_cast<std::uint8_t>(head.kind);
  at[13] = head.version;
  store_le(at + 14, head.flags);
  store_le(at + head.total_bytes - kBlockTrailBytes, head.total_bytes);
}

std::optional<BlockHead> block_head_at(Bytes bytes) noexcept {
  if (bytes.size() < kBlockHeadBytes) return std::nullopt;
  const std::uint8_t* const at = bytes.data();
  if (load_le32(at) != kBlockType || load_le32(at + 8) != kMagic) return std::nullopt;
  return BlockHead{.total_bytes = load_le32(at + 4),
                   .kind = static_cast<Kind>(at[12]),
                   .version = at[13],
                   .flags = load_le16(at + 14)};
}

std::optional<BlockHead> block_at(Bytes bytes) noexcept {
  const auto head = block_head_at(bytes);
  if (!head) return std::nullopt;
  const std::uint32_t total = head->total_bytes;
  if (total < kBlockBytesMin || total % 4 != 0 || total > bytes.size()) return std::nullopt;
  if (load_le32(bytes.data() + total - kBlockTrailBytes) != total) return std::nullopt;
  return head;
}

// --- units

void put_unit_header(std::uint8_t* block, const UnitHeader& header) noexcept {
  store_le(block + 16, header.unit_bytes);
  store_le(block + kCrcOffset, header.crc);
  std::copy(header.segment.begin(), header.segment.end(), block + 24);
  store_le(block + 40, header.ordinal);
  store_le(block + 44, header.block_offset);
  store_le(block + 48, header.file_offset);
}

std::optional<UnitBlock> unit_at(Bytes block) noexcept {
  const auto head = block_head_at(block);
  if (!head || !is_unit(head->kind) || head->version == 0 || head->version > kVersion ||
      block.size() < kUnitHeaderBytes) {
    return std::nullopt;
  }
  UnitHeader unit{.unit_bytes = load_le32(block.data() + 16),
                  .crc = load_le32(block.data() + kCrcOffset),
                  .segment = {},
                  .ordinal = load_le32(block.data() + 40),
                  .block_offset = load_le32(block.data() + 44),
                  .file_offset = load_le64(block.data() + 48)};
  std::copy_n(block.data() + 24, unit.segment.size(), unit.segment.begin());
  const bool possible = unit.unit_bytes >= kUnitAlignment &&
                        unit.unit_bytes % kUnitAlignment == 0 && unit.unit_bytes <= kUnitBytesMax &&
                        unit.block_offset < unit.unit_bytes &&
                        head->total_bytes >= kUnitHeaderBytes + kBlockTrailBytes &&
                        head->total_bytes <= unit.unit_bytes - unit.block_offset;
  if (!possible) return std::nullopt;
  return UnitBlock{*head, unit};
}

std::uint32_t unit_crc(Bytes unit, std::uint32_t block_offset) noexcept {
  constexpr std::array<std::uint8_t, 4> kZero{};
  const std::size_t field = block_offset + kCrcOffset;
  WEIR_ASSERT(field + kZero.size() <= unit.size());
  std::uint32_t crc = crc32c(unit.first(field));
  crc = crc32c(kZero, crc);
  return crc32c(unit.subspan(field + kZero.size()), crc);
}

void seal_unit(std::span<std::uint8_t> unit, std::uint32_t block_offset) noexcept {
  store_le(unit.data() + block_offset + kCrcOffset, unit_crc(unit, block_offset));
}

void put_padding(std::uint8_t* at, std::uint8_t* end) noexcept {
  if (at == end) return;
  const auto bytes = static_cast<std::uint32_t>(end - at);
  WEIR_ASSERT(bytes >= kBlockBytesMin && bytes % 4 == 0);
  std::memset(at, 0, bytes);
  put_block(at, {.total_bytes = bytes, .kind = Kind::Padding});
}

std::uint32_t padded_bytes(std::uint32_t bytes) noexcept {
  const auto padded = static_cast<std::uint32_t>(align_up(bytes, kUnitAlignment));
  const bool fits = padded == bytes || padded - bytes >= kBlockBytesMin;
  return fits ? padded : padded + kUnitAlignment;
}

// --- head

void put_head(std::uint8_t* block, const HeadFacts& head) noexcept {
  std::uint8_t* const at = block + kUnitHeaderBytes;
  store_le(at, head.sequence);
  store_le(at + 8, static_cast<std::uint64_t>(head.created.ns));
  store_le(at + 16, head.lane);
  store_le(at + 20, head.interface_count);
  store_le(at + 24, head.chunk_bytes_max);
}

std::optional<HeadFacts> head_at(Bytes block) noexcept {
  if (block.size() < kHeadBytes) return std::nullopt;
  const std::uint8_t* const at = block.data() + kUnitHeaderBytes;
  return HeadFacts{.sequence = load_le64(at),
                   .created = {static_cast<std::int64_t>(load_le64(at + 8))},
                   .lane = load_le32(at + 16),
                   .interface_count = load_le32(at + 20),
                   .chunk_bytes_max = load_le32(at + 24)};
}

// --- chunk

void put_chunk(std::uint8_t* block, const ChunkFacts& chunk) noexcept {
  std::uint8_t* const at = block + kUnitHeaderBytes;
  std::memset(at, 0, kChunkHeaderBytes - kUnitHeaderBytes - kBlockTrailBytes);
  store_le(at, chunk.number);
  store_le(at + 4, chunk.packets);
  put_times(at + 8, chunk.times);
  store_le(at + 24, chunk.wire_bytes);
  store_le(at + 32, chunk.lost);
  store_le(at + 40, chunk.records_bytes);
  store_le(at + 44, chunk.stored_bytes);
  at[48] = static_cast<std::uint8_t>(chunk.codec);
  store_le(at + 56, chunk.packets_before);
}

std::optional<ChunkFacts> chunk_at(Bytes block) noexcept {
  if (block.size() < kChunkHeaderBytes) return std::nullopt;
  const std::uint8_t* const at = block.data() + kUnitHeaderBytes;
  return ChunkFacts{.number = load_le32(at),
                    .packets = load_le32(at + 4),
                    .times = times_at(at + 8),
                    .wire_bytes = load_le64(at + 24),
                    .lost = load_le64(at + 32),
                    .records_bytes = load_le32(at + 40),
                    .stored_bytes = load_le32(at + 44),
                    .codec = static_cast<Codec>(at[48]),
                    .packets_before = load_le64(at + 56)};
}

// --- index page

std::uint32_t key_bytes(Column column) noexcept {
  switch (column) {
    case Column::Ipv4:
    case Column::Protocols:
      return 4;
    case Column::Ipv6:
      return 16;
    case Column::Tenants:
      return 8;
    case Column::CommunityId:
      return 5;
    case Column::Uid:
      return 12;
    case Column::Chunks:
      break;
  }
  return 0;
}

void put_page(std::uint8_t* block, const PageFacts& page) noexcept {
  std::uint8_t* const at = block + kUnitHeaderBytes;
  store_le(at, page.first_chunk);
  store_le(at + 4, page.chunk_count);
  store_le(at + 8, page.opaque_chunks);
  store_le(at + 16, page.column_count);
  store_le(at + 20, std::uint32_t{0});
}

std::optional<PageFacts> page_at(Bytes block) noexcept {
  if (block.size() < kPageHeaderBytes) return std::nullopt;
  const std::uint8_t* const at = block.data() + kUnitHeaderBytes;
  return PageFacts{.first_chunk = load_le32(at),
                   .chunk_count = load_le32(at + 4),
                   .opaque_chunks = load_le64(at + 8),
                   .column_count = load_le32(at + 16)};
}

void put_column_entry(std::uint8_t* at, const ColumnEntry& entry) noexcept {
  store_le(at, std::uint32_t{static_cast<std::uint8_t>(entry.column)});
  store_le(at + 4, entry.offset);
  store_le(at + 8, entry.bytes);
  store_le(at + 12, entry.entries);
  store_le(at + 16, entry.crc);
  store_le(at + 20, std::uint32_t{0});
}

ColumnEntry column_entry_at(Bytes bytes) noexcept {
  WEIR_ASSERT(bytes.size() >= kColumnEntryBytes);
  return {.column = static_cast<Column>(bytes[0]),
          .offset = load_le32(bytes.data() + 4),
          .bytes = load_le32(bytes.data() + 8),
          .entries = load_le32(bytes.data() + 12),
          .crc = load_le32(bytes.data() + 16)};
}

void put_chunk_row(std::uint8_t* at, const ChunkRow& row) noexcept {
  store_le(at, row.offset);
  store_le(at + 8, row.unit_bytes);
  store_le(at + 12, row.packets);
  put_times(at + 16, row.times);
  store_le(at + 32, row.wire_bytes);
  store_le(at + 40, row.lost);
}

ChunkRow chunk_row_at(Bytes bytes) noexcept {
  WEIR_ASSERT(bytes.size() >= kChunkRowBytes);
  const std::uint8_t* const at = bytes.data();
  return {.offset = load_le64(at),
          .unit_bytes = load_le32(at + 8),
          .packets = load_le32(at + 12),
          .times = times_at(at + 16),
          .wire_bytes = load_le64(at + 32),
          .lost = load_le64(at + 40)};
}

}  // namespace weir::storage::segment
