// How a segment of the packet store lies on disk: one pcapng section whose further blocks, all of
// one local-use type, make it findable, checkable and recoverable. docs/segment-format.md is the
// specification; these are its numbers, its structs and their bytes.
//
// A segment is a row of units, each a multiple of 4 KiB: head, chunks with an index page after
// every 64 of them, tail. A unit has one header block with its length and a CRC32C over all its
// bytes.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/time.h"
#include "storage/segment/index_key.h"

namespace weir::storage::segment {

// pcapng: types with the top bit set are for local use; readers skip what they do not know.
inline constexpr std::uint32_t kBlockType = 0x80776569;
inline constexpr std::uint32_t kMagic = 0x72696577;  // "weir" in the file
// A reader takes files of its own version and below. What it does not know in them (a kind of unit,
// a column of the index) it skips.
inline constexpr std::uint8_t kVersion = 1;

inline constexpr std::uint32_t kUnitAlignment = 4096;
inline constexpr std::uint32_t kUnitBytesMax = 8 * 1024 * 1024;
inline constexpr std::uint32_t kChunkBytesMax = 1024 * 1024;
inline constexpr std::uint64_t kSegmentBytesMax = std::uint64_t{1} << 30;
inline constexpr std::uint32_t kPageChunksMax = 64;

enum class Kind : std::uint8_t {
  Padding = 0,
  Head = 1,       // unit: Section Header, Interface Descriptions, then this block to the end
  Chunk = 2,      // unit: this block, packets (or Data), Padding
  Index = 3,      // unit: this block, which holds everything
  Tail = 4,       // unit: this block, Interface Statistics, Directory to the end of the file
  Data = 5,       // the packets of a chunk that is compressed
  Directory = 6,  // what the segment holds and where
};

enum class Codec : std::uint8_t { None = 0, Zstd = 1 };

using Uuid = std::array<std::uint8_t, 16>;

// --- blocks

// Before the body of each of our blocks: type, length, magic, kind, version, flags.
inline constexpr std::uint32_t kBlockHeadBytes = 16;
inline constexpr std::uint32_t kBlockTrailBytes = 4;  // the length again
// The smallest block: Padding without a body.
inline constexpr std::uint32_t kBlockBytesMin = kBlockHeadBytes + kBlockTrailBytes;

struct BlockHead {
  std::uint32_t total_bytes = 0;
  Kind kind = Kind::Padding;
  std::uint8_t version = kVersion;
  std::uint16_t flags = 0;
};
// Type to flags, and the length at the end of the block. `at` has total_bytes.
void put_block(std::uint8_t* at, const BlockHead& head) noexcept;
// Nothing: not one of our blocks, or its length is impossible (not a multiple of four, below the
// smallest, above `bytes`), or differs from that at its end.
std::optional<BlockHead> block_at(Bytes bytes) noexcept;
// From the first bytes alone (kBlockHeadBytes): whether one of our blocks begins here.
std::optional<BlockHead> block_head_at(Bytes bytes) noexcept;

// --- units

// What the header block of each unit holds behind its head.
struct UnitHeader {
  std::uint32_t unit_bytes = 0;
  std::uint32_t crc = 0;  // of the whole unit with this field zero
  Uuid segment{};
  std::uint32_t ordinal = 0;       // units of a segment count from 0
  std::uint32_t block_offset = 0;  // of the header block in its unit: 0 but in the head
  std::uint64_t file_offset = 0;   // of the unit in its file
};
// Of a header block, from its start: head and UnitHeader.
inline constexpr std::uint32_t kUnitHeaderBytes = 56;
inline constexpr std::uint32_t kCrcOffset = 20;

// `block` begins at the header block.
void put_unit_header(std::uint8_t* block, const UnitHeader& header) noexcept;
// Nothing: not the header block of a unit, or of a newer version, or unit_bytes is impossible.
struct UnitBlock {
  BlockHead block;
  UnitHeader unit;
};
std::optional<UnitBlock> unit_at(Bytes block) noexcept;
// Over the whole unit, whose header block begins at `block_offset`.
std::uint32_t unit_crc(Bytes unit, std::uint32_t block_offset) noexcept;
// Computes and stores the CRC of a unit that is otherwise complete.
void seal_unit(std::span<std::uint8_t> unit, std::uint32_t block_offset) noexcept;

// Fills [at, end) with a Padding block; the room is 0 or at least kBlockBytesMin.
void put_padding(std::uint8_t* at, std::uint8_t* end) noexcept;
// How long a unit of `bytes` becomes with its padding.
std::uint32_t padded_bytes(std::uint32_t bytes) noexcept;

// --- head

struct HeadFacts {
  std::uint64_t sequence = 0;  // of the segment in its store
  Timestamp created = {};
  std::uint32_t lane = 0;  // of the capture that wrote it
  std::uint32_t interface_count = 0;
  std::uint32_t chunk_bytes_max = 0;
};
inline constexpr std::uint32_t kHeadBytes = kUnitHeaderBytes + 40;  // before zeros and the length
void put_head(std::uint8_t* block, const HeadFacts& head) noexcept;
std::optional<HeadFacts> head_at(Bytes block) noexcept;

// --- chunk

// Times: of packets that have one; first > last when none has.
struct TimeSpan {
  Timestamp first = {std::numeric_limits<std::int64_t>::max()};
  Timestamp last = {std::numeric_limits<std::int64_t>::min()};

  [[nodiscard]] bool empty() const noexcept { return first > last; }
  void cover(Timestamp time) noexcept {
    if (time < first) first = time;
    if (time > last) last = time;
  }
  void cover(const TimeSpan& other) noexcept {
    if (other.first < first) first = other.first;
    if (other.last > last) last = other.last;
  }
  friend bool operator==(const TimeSpan&, const TimeSpan&) = default;
};

struct ChunkFacts {
  std::uint32_t number = 0;  // chunks of a segment count from 0
  std::uint32_t packets = 0;
  TimeSpan times;
  std::uint64_t wire_bytes = 0;
  std::uint64_t lost = 0;           // packets that are missing before those of this chunk
  std::uint32_t records_bytes = 0;  // the packets as pcapng blocks, uncompressed
  std::uint32_t stored_bytes = 0;   // what stands in the unit for them
  Codec codec = Codec::None;
  std::uint64_t packets_before = 0;  // in the chunks before it
  friend bool operator==(const ChunkFacts&, const ChunkFacts&) = default;
};
inline constexpr std::uint32_t kChunkHeaderBytes = 128;
void put_chunk(std::uint8_t* block, const ChunkFacts& chunk) noexcept;
std::optional<ChunkFacts> chunk_at(Bytes block) noexcept;

// --- index page

enum class Column : std::uint8_t {
  Chunks = 1,       // where each chunk is, its times, packets and bytes
  Ipv4 = 2,         // addresses, of all layers
  Ipv6 = 3,         //
  Protocols = 4,    // key: class and value, see protocol_key()
  Tenants = 5,      // likewise, tenant_key()
  CommunityId = 6,  // the first five bytes of the SHA-1
  Uid = 7,          // with the flow's identity, uid_key()
};
inline constexpr std::uint32_t kColumnsMax = 8;  // in a directory: ids 1 to 8
// Bytes of a key of the column; 0: it has no keys.
[[nodiscard]] std::uint32_t key_bytes(Column column) noexcept;

// Keys of Column::Protocols: class in the top byte, value in the low 16 bits.
enum class ProtocolClass : std::uint8_t {
  Network = 0,  // EtherType: 0x0800, 0x86dd, 0x0806
  IpProtocol = 1,
  TcpPort = 2,
  UdpPort = 3,
  SctpPort = 4,
};
[[nodiscard]] constexpr std::uint32_t protocol_key(ProtocolClass which,
                                                   std::uint16_t value) noexcept {
  return std::uint32_t{static_cast<std::uint8_t>(which)} << 24 | value;
}
// Keys of Column::Tenants: class in the top byte, the low 56 bits of the value.
enum class TenantClass : std::uint8_t { Vlan = 1, Vni = 2, GwlbEndpoint = 3, GwlbAttachment = 4 };
[[nodiscard]] constexpr std::uint64_t tenant_key(TenantClass which, std::uint64_t value) noexcept {
  return std::uint64_t{static_cast<std::uint8_t>(which)} << 56 | (value & 0x00ff'ffff'ffff'ffff);
}

// Keys of Column::Uid, of twelve bytes: the upper 48 of the 96 bits of a uid, and 48 of the
// identity of its flow (protocol/deep/flow_identity.h), which can be found again from a packet
// alone.
inline constexpr unsigned kUidKeyBits = 48;
[[nodiscard]] constexpr IndexKey uid_key(std::uint64_t uid_start, std::uint64_t identity) noexcept {
  return {.high = uid_start >> 16, .low = uid_start << kUidKeyBits | identity};
}
[[nodiscard]] constexpr std::uint64_t uid_start_of(const IndexKey& key) noexcept {
  return key.high << 16 | key.low >> kUidKeyBits;
}
[[nodiscard]] constexpr std::uint64_t identity_of(const IndexKey& key) noexcept {
  return key.low & 0xffff'ffff'ffff;
}
// What the filter of a column has for a key: of uids not the identity, since nobody asks for both.
[[nodiscard]] constexpr IndexKey filter_key(Column column, const IndexKey& key) noexcept {
  return column == Column::Uid ? IndexKey{.low = uid_start_of(key)} : key;
}

struct PageFacts {
  std::uint32_t first_chunk = 0;
  std::uint32_t chunk_count = 0;  // 1 to kPageChunksMax
  // Bit i: chunk first_chunk + i has packets that the columns do not describe as a whole. Whoever
  // asks has to look into it.
  std::uint64_t opaque_chunks = 0;
  std::uint32_t column_count = 0;
};
struct ColumnEntry {
  Column column{};
  std::uint32_t offset = 0;  // in the unit
  std::uint32_t bytes = 0;
  std::uint32_t entries = 0;
  std::uint32_t crc = 0;  // of these bytes: a column can be read alone
};
inline constexpr std::uint32_t kPageHeaderBytes = kUnitHeaderBytes + 24;
inline constexpr std::uint32_t kColumnEntryBytes = 24;
void put_page(std::uint8_t* block, const PageFacts& page) noexcept;
std::optional<PageFacts> page_at(Bytes block) noexcept;
void put_column_entry(std::uint8_t* at, const ColumnEntry& entry) noexcept;
ColumnEntry column_entry_at(Bytes bytes) noexcept;  // kColumnEntryBytes

// A row of Column::Chunks.
struct ChunkRow {
  std::uint64_t offset = 0;  // in the file
  std::uint32_t unit_bytes = 0;
  std::uint32_t packets = 0;
  TimeSpan times;
  std::uint64_t wire_bytes = 0;
  std::uint64_t lost = 0;
  friend bool operator==(const ChunkRow&, const ChunkRow&) = default;
};
inline constexpr std::uint32_t kChunkRowBytes = 48;
void put_chunk_row(std::uint8_t* at, const ChunkRow& row) noexcept;
ChunkRow chunk_row_at(Bytes bytes) noexcept;  // kChunkRowBytes

}  // namespace weir::storage::segment
