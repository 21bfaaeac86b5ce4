#include "storage/segment/chunk_builder.h"

#include <algorithm>
#include <cstring>

#include <zstd.h>

#include "base/assert.h"

namespace weir::storage::segment {
namespace {

// The length of a unit with `stored` bytes behind its header, and its Padding.
std::uint32_t pad(std::uint8_t* block, std::uint32_t stored) noexcept {
  const std::uint32_t used = kChunkHeaderBytes + stored;
  const std::uint32_t unit_bytes = padded_bytes(used);
  put_padding(block + used, block + unit_bytes);
  return unit_bytes;
}

}  // namespace

ChunkBuilder::ChunkBuilder(std::uint32_t bytes_max) noexcept
    : bytes_max_(std::clamp(bytes_max, kUnitAlignment, kChunkBytesMax) - kBlockBytesMin) {}

void ChunkBuilder::begin(buffer::Block block) noexcept {
  WEIR_ASSERT(!block_ && block);
  block_ = std::move(block);
  records_ = block_.data() + kChunkHeaderBytes;
  at_ = records_;
  end_ = block_.data() + bytes_max_;
  facts_ = {};
}

void ChunkBuilder::add_without_time(const Packet& packet, std::uint32_t interface,
                                    std::uint32_t snaplen) noexcept {
  if (pcapng::fits_simple_packet(packet, interface, snaplen)) {
    at_ = pcapng::write_simple_packet(at_, packet);
    return;
  }
  // Its record has one, if a wrong one: whoever looks for it by time must find it.
  at_ = pcapng::write_enhanced_packet(at_, packet, interface);
  facts_.times.cover(packet.time);
}

void ChunkBuilder::add_record(Bytes record) noexcept {
  WEIR_ASSERT(record.size() <= kRecordsEnd - kChunkHeaderBytes);
  std::copy(record.begin(), record.end(), at_);
  at_ += record.size();
}

ChunkBuilder::Finished ChunkBuilder::finish() noexcept {
  facts_.records_bytes = static_cast<std::uint32_t>(at_ - records_);
  facts_.stored_bytes = facts_.records_bytes;
  Finished finished{.block = std::move(block_), .facts = facts_};
  finished.unit_bytes = pad(finished.block.data(), facts_.stored_bytes);
  WEIR_ASSERT(finished.unit_bytes <= kBlockBytes);
  return finished;
}

ChunkCompressor::ChunkCompressor(int level) : context_(ZSTD_createCCtx()) {
  WEIR_ASSERT(context_ != nullptr);
  (void)ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level);
}

ChunkCompressor::~ChunkCompressor() { ZSTD_freeCCtx(context_); }

ChunkBuilder::Finished ChunkCompressor::compress(ChunkBuilder::Finished chunk,
                                                 buffer::Block spare) noexcept {
  constexpr std::uint32_t kFrame = kBlockHeadBytes + 4;  // where it begins in its Data block
  std::uint8_t* const data = spare.data() + kChunkHeaderBytes;
  const std::size_t room = kRecordsEnd - kChunkHeaderBytes - kFrame - 3 - kBlockTrailBytes;
  const std::size_t bytes =
      ZSTD_compress2(context_, data + kFrame, room, chunk.block.data() + kChunkHeaderBytes,
                     chunk.facts.records_bytes);
  if (ZSTD_isError(bytes) != 0) return chunk;  // it would be longer
  const auto frame = static_cast<std::uint32_t>(bytes);
  const auto padded = static_cast<std::uint32_t>(align_up(frame, 4));
  const std::uint32_t stored = kFrame + padded + kBlockTrailBytes;
  if (padded_bytes(kChunkHeaderBytes + stored) >= chunk.unit_bytes) return chunk;
  std::memset(data + kFrame + frame, 0, padded - frame);
  put_block(data, {.total_bytes = stored, .kind = Kind::Data});
  store_le(data + kBlockHeadBytes, frame);

  chunk.block = std::move(spare);
  chunk.facts.stored_bytes = stored;
  chunk.facts.codec = Codec::Zstd;
  chunk.unit_bytes = pad(chunk.block.data(), stored);
  return chunk;
}

void seal_chunk(ChunkBuilder::Finished& chunk, const UnitHeader& header, std::uint32_t number,
                std::uint64_t packets_before) noexcept {
  chunk.facts.number = number;
  chunk.facts.packets_before = packets_before;
  std::uint8_t* const block = chunk.block.data();
  put_block(block, {.total_bytes = kChunkHeaderBytes, .kind = Kind::Chunk});
  put_unit_header(block, header);
  put_chunk(block, chunk.facts);
  seal_unit({block, chunk.unit_bytes}, 0);
}

}  // namespace weir::storage::segment
