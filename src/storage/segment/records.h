// The packets of a chunk: its pcapng blocks, plain or decompressed, and a walk over them
// (docs/segment-format.md, Chunk).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "storage/segment/format.h"
#include "storage/segment/segment_head.h"

struct ZSTD_DCtx_s;

namespace weir::storage::segment {

// More than this a chunk does not decompress to, whatever its header says.
inline constexpr std::uint32_t kRecordsBytesMax = kUnitBytesMax;

// One thread at a time. Keeps the memory that zstd works in.
class ChunkDecoder {
 public:
  // The pcapng blocks of a chunk, whose unit has been checked (Depth::Bytes): within `unit`, or
  // decompressed into `buffer`, which grows to at most kRecordsBytesMax. Damaged: the unit is not
  // what its header says. Unsupported: a codec of a newer weir. Resource: no memory.
  Result<Bytes> records(const Unit& unit, std::vector<std::uint8_t>& buffer);

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const noexcept;
  };
  Result<Bytes> decompress(Bytes stored, std::uint32_t records_bytes,
                           std::vector<std::uint8_t>& buffer);

  std::unique_ptr<ZSTD_DCtx_s, Free> context_;
};

// One pcapng block of a chunk. All views are into the chunk's bytes.
struct Record {
  std::uint32_t type = 0;    // pcapng::BlockType
  std::uint32_t offset = 0;  // in the chunk's records
  Bytes block;               // whole

  // Of packets:
  bool is_packet = false;
  bool has_time = false;  // Simple Packet Blocks have none
  std::uint32_t interface = 0;
  Timestamp time = {};
  std::uint32_t wire_bytes = 0;
  Bytes frame = {};
  Bytes options = {};  // as they stand in the block, opt_endofopt included
};

// What is wrong with a record.
enum class RecordFault : std::uint8_t {
  None,
  BadLength,         // a block does not end where it should
  BadPacket,         // a packet does not fit into its block
  UnknownInterface,  // of a packet; the head does not describe it
  NotAllowed,        // a block that begins a section or an interface
};
std::string_view text_of(RecordFault fault) noexcept;

// Walks the records of a chunk; nothing outside them is read.
class RecordCursor {
 public:
  // Of the head, what a packet may refer to. A Simple Packet Block is cut at the first interface's
  // snaplen.
  struct Interfaces {
    std::uint32_t count = 0;
    std::uint32_t snaplen = 0;  // 0: no limit
  };
  static Interfaces interfaces_of(const SegmentHead& head) noexcept;

  RecordCursor(Bytes records, Interfaces interfaces) noexcept
      : records_(records), interfaces_(interfaces) {}

  // Nothing: the end, or fault().
  std::optional<Record> next() noexcept;
  [[nodiscard]] RecordFault fault() const noexcept { return fault_; }
  // Of the next record; of the one that is wrong.
  [[nodiscard]] std::uint32_t offset() const noexcept {
    return static_cast<std::uint32_t>(offset_);
  }

 private:
  RecordFault decode_enhanced(Record& record) const noexcept;
  RecordFault decode_simple(Record& record) const noexcept;

  Bytes records_;
  Interfaces interfaces_;
  std::size_t offset_ = 0;
  RecordFault fault_ = RecordFault::None;
};

}  // namespace weir::storage::segment
