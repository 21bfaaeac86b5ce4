#include "storage/segment/records.h"

#include <algorithm>
#include <string>

#include <zstd.h>

#include "storage/pcapng/blocks.h"

namespace weir::storage::segment {
namespace {

using pcapng::BlockType;

constexpr std::size_t kDataFrameOffset = kBlockHeadBytes + 4;
constexpr std::size_t kBlockFrontBytes = 8;  // of a pcapng block: type and length

Error damaged(std::string what) { return {.code = ErrorCode::Damaged, .context = std::move(what)}; }

constexpr std::uint32_t number(BlockType type) noexcept { return static_cast<std::uint32_t>(type); }

}  // namespace

void ChunkDecoder::Free::operator()(ZSTD_DCtx_s* context) const noexcept { ZSTD_freeDCtx(context); }

Result<Bytes> ChunkDecoder::records(const Unit& unit, std::vector<std::uint8_t>& buffer) {
  const Bytes block = unit.header_block();
  const auto chunk = chunk_at(block);
  if (!chunk || unit.block.kind != Kind::Chunk || unit.bytes.size() != unit.header.unit_bytes ||
      unit.block.total_bytes < kChunkHeaderBytes) {
    return damaged("no chunk");
  }
  const Bytes behind = block.subspan(unit.block.total_bytes);
  if (chunk->stored_bytes > behind.size()) {
    return damaged("says that it stores " + std::to_string(chunk->stored_bytes) +
                   " bytes, and has room for " + std::to_string(behind.size()));
  }
  const Bytes stored = behind.first(chunk->stored_bytes);
  switch (chunk->codec) {
    case Codec::None:
      if (chunk->records_bytes != chunk->stored_bytes) {
        return damaged("is not compressed, but says that it is " +
                       std::to_string(chunk->records_bytes) + " bytes in " +
                       std::to_string(chunk->stored_bytes));
      }
      return stored;
    case Codec::Zstd:
      return decompress(stored, chunk->records_bytes, buffer);
  }
  return Error{.code = ErrorCode::Unsupported,
               .context = "codec " + std::to_string(static_cast<unsigned>(chunk->codec)) +
                          " is unknown (written by a newer weir)"};
}

Result<Bytes> ChunkDecoder::decompress(Bytes stored, std::uint32_t records_bytes,
                                       std::vector<std::uint8_t>& buffer) {
  const auto data = block_at(stored);
  if (!data || data->kind != Kind::Data || data->total_bytes != stored.size() ||
      data->total_bytes < kDataFrameOffset + kBlockTrailBytes) {
    return damaged("has no block of compressed packets");
  }
  const std::uint32_t frame_bytes = load_le32(stored.data() + kBlockHeadBytes);
  const Bytes room = stored.subspan(kDataFrameOffset, stored.size() - kDataFrameOffset - 4);
  if (frame_bytes > room.size()) return damaged("its zstd frame is longer than its block");
  if (records_bytes > kRecordsBytesMax) {
    return damaged("says that it decompresses to " + std::to_string(records_bytes) + " bytes");
  }
  if (context_ == nullptr) context_.reset(ZSTD_createDCtx());
  if (context_ == nullptr) {
    return Error{.code = ErrorCode::Resource, .context = "no memory to decompress in"};
  }
  if (buffer.size() < records_bytes) buffer.resize(records_bytes);
  const std::size_t got =
      ZSTD_decompressDCtx(context_.get(), buffer.data(), records_bytes, room.data(), frame_bytes);
  if (ZSTD_isError(got) != 0) {
    return damaged(std::string("does not decompress: ") + ZSTD_getErrorName(got));
  }
  if (got != records_bytes) {
    return damaged("decompresses to " + std::to_string(got) + " bytes, not " +
                   std::to_string(records_bytes));
  }
  return Bytes(buffer).first(records_bytes);
}

std::string_view text_of(RecordFault fault) noexcept {
  switch (fault) {
    case RecordFault::None:
      break;
    case RecordFault::BadLength:
      return "a block does not end where it should";
    case RecordFault::BadPacket:
      return "a packet does not fit into its block";
    case RecordFault::UnknownInterface:
      return "a packet of an interface that the head does not describe";
    case RecordFault::NotAllowed:
      return "a block that begins a section or an interface";
  }
  return "nothing wrong";
}

RecordCursor::Interfaces RecordCursor::interfaces_of(const SegmentHead& head) noexcept {
  return {.count = static_cast<std::uint32_t>(head.interfaces.size()),
          .snaplen = head.interfaces.empty() ? 0 : head.interfaces.front().snaplen};
}

RecordFault RecordCursor::decode_enhanced(Record& record) const noexcept {
  constexpr std::size_t kFrame = kBlockFrontBytes + pcapng::kEnhancedPacketFixedBytes;
  if (record.block.size() < kFrame + 4) return RecordFault::BadPacket;
  const std::uint8_t* const at = record.block.data();
  const std::size_t room = record.block.size() - kFrame - 4;
  const std::uint32_t captured = load_le32(at + 20);
  const std::uint64_t padded = align_up(captured, 4);
  if (padded > room) return RecordFault::BadPacket;
  record.is_packet = true;
  record.has_time = true;
  record.interface = load_le32(at + 8);
  const std::uint64_t time = std::uint64_t{load_le32(at + 12)} << 32 | load_le32(at + 16);
  record.time = {static_cast<std::int64_t>(time)};
  record.wire_bytes = load_le32(at + 24);
  record.frame = record.block.subspan(kFrame, captured);
  record.options = record.block.subspan(kFrame + padded, room - padded);
  return record.interface < interfaces_.count ? RecordFault::None : RecordFault::UnknownInterface;
}

RecordFault RecordCursor::decode_simple(Record& record) const noexcept {
  constexpr std::size_t kFrame = kBlockFrontBytes + pcapng::kSimplePacketFixedBytes;
  if (record.block.size() < kFrame + 4) return RecordFault::BadPacket;
  record.is_packet = true;
  record.wire_bytes = load_le32(record.block.data() + 8);
  const std::uint32_t captured = interfaces_.snaplen == 0
                                     ? record.wire_bytes
                                     : std::min(record.wire_bytes, interfaces_.snaplen);
  if (captured > record.block.size() - kFrame - 4) return RecordFault::BadPacket;
  record.frame = record.block.subspan(kFrame, captured);
  return interfaces_.count != 0 ? RecordFault::None : RecordFault::UnknownInterface;
}

std::optional<Record> RecordCursor::next() noexcept {
  const Bytes rest = records_.subspan(offset_);
  if (rest.empty() || fault_ != RecordFault::None) return std::nullopt;
  const std::uint32_t total =
      rest.size() < pcapng::kBlockOverheadBytes ? 0 : load_le32(rest.data() + 4);
  if (total < pcapng::kBlockOverheadBytes || total % 4 != 0 || total > rest.size() ||
      load_le32(rest.data() + total - 4) != total) {
    fault_ = RecordFault::BadLength;
    return std::nullopt;
  }
  Record record{.type = load_le32(rest.data()),
                .offset = static_cast<std::uint32_t>(offset_),
                .block = rest.first(total)};
  switch (record.type) {
    case number(BlockType::EnhancedPacket):
      fault_ = decode_enhanced(record);
      break;
    case number(BlockType::SimplePacket):
      fault_ = decode_simple(record);
      break;
    case number(BlockType::SectionHeader):
    case number(BlockType::InterfaceDescription):
      fault_ = RecordFault::NotAllowed;
      break;
    default:
      break;
  }
  if (fault_ != RecordFault::None) return std::nullopt;
  offset_ += total;
  return record;
}

}  // namespace weir::storage::segment
