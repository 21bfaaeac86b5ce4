// One chunk on its way to the disk: packets as pcapng records in a block of memory, behind room for
// the chunk's header.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/packet_batch.h"
#include "buffer/block_pool.h"
#include "storage/pcapng/writer.h"
#include "storage/segment/format.h"

struct ZSTD_CCtx_s;

namespace weir::storage::segment {

// Of a block of memory: a chunk, as long as it may be.
inline constexpr std::uint32_t kBlockBytes = kChunkBytesMax;
// The records of a chunk end here at the latest: its padding always fits.
inline constexpr std::uint32_t kRecordsEnd = kBlockBytes - kBlockBytesMin;
static_assert(kChunkHeaderBytes + pcapng::kPacketRecordBytesMax <= kRecordsEnd);

// One thread. Allocates nothing after construction.
class ChunkBuilder {
 public:
  // Records of a chunk take up to `bytes_max` with its header; a longer packet has a chunk for
  // itself.
  explicit ChunkBuilder(std::uint32_t bytes_max) noexcept;

  // Begins a chunk in `block` (kBlockBytes long).
  void begin(buffer::Block block) noexcept;
  [[nodiscard]] bool begun() const noexcept { return static_cast<bool>(block_); }
  [[nodiscard]] bool empty() const noexcept { return at_ == records_; }
  // Whether a record of so many bytes belongs into this chunk. Any may be the first.
  [[nodiscard]] bool has_room(std::uint32_t bytes) const noexcept {
    return bytes <= end_ - at_ || empty();
  }

  // The record of a packet; has_room() for it. `interface`: its number in the segment.
  void add(const Packet& packet, std::uint32_t interface, std::uint32_t snaplen) noexcept {
    if (packet.has_time) [[likely]] {
      at_ = pcapng::write_enhanced_packet(at_, packet, interface);
      facts_.times.cover(packet.time);
    } else {
      add_without_time(packet, interface, snaplen);
    }
    ++facts_.packets;
    facts_.wire_bytes += packet.wire_bytes;
  }
  // Before the packet that is added next so many are missing.
  void add_lost(std::uint64_t packets) noexcept { facts_.lost += packets; }
  // A block that is no packet, as pcapng has it; has_room() for it, and no longer than
  // kRecordsEnd - kChunkHeaderBytes.
  void add_record(Bytes record) noexcept;

  [[nodiscard]] const ChunkFacts& facts() const noexcept { return facts_; }

  // A chunk that is finished but for the segment that it becomes a part of.
  struct Finished {
    buffer::Block block;
    std::uint32_t unit_bytes = 0;
    ChunkFacts facts;
  };
  // Ends the chunk as it is: padding and header but for UnitHeader and CRC (seal_chunk()).
  Finished finish() noexcept;
  // Gives up what it holds.
  void abandon() noexcept { block_.release(); }

 private:
  void add_without_time(const Packet& packet, std::uint32_t interface,
                        std::uint32_t snaplen) noexcept;

  std::uint32_t bytes_max_;
  buffer::Block block_;
  std::uint8_t* records_ = nullptr;
  std::uint8_t* at_ = nullptr;
  std::uint8_t* end_ = nullptr;
  ChunkFacts facts_;
};

// Makes chunks smaller. One thread.
class ChunkCompressor {
 public:
  explicit ChunkCompressor(int level);
  ~ChunkCompressor();
  ChunkCompressor(const ChunkCompressor&) = delete;
  ChunkCompressor& operator=(const ChunkCompressor&) = delete;

  // The chunk with its records compressed, in `spare`; or as it was, when that saves nothing. The
  // block that is not needed goes back to its pool.
  ChunkBuilder::Finished compress(ChunkBuilder::Finished chunk, buffer::Block spare) noexcept;

 private:
  ZSTD_CCtx_s* context_;
};

// Gives the chunk its place in a segment. `number` and `packets_before` count in the segment.
void seal_chunk(ChunkBuilder::Finished& chunk, const UnitHeader& header, std::uint32_t number,
                std::uint64_t packets_before) noexcept;

}  // namespace weir::storage::segment
