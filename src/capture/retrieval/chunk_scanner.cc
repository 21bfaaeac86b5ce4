#include "capture/retrieval/chunk_scanner.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::capture::retrieval {

namespace segment = storage::segment;

namespace {

// Of these options of a packet, what stands before opt_endofopt: as batches have them.
Bytes without_end(Bytes options) noexcept {
  std::size_t at = 0;
  while (options.size() - at >= 4) {
    const std::uint16_t code = load_le16(options.data() + at);
    const std::size_t bytes = 4 + align_up(load_le16(options.data() + at + 2), 4);
    if (code == 0 || bytes > options.size() - at) break;
    at += bytes;
  }
  return options.first(at);
}

// Smaller chunks are left to the read-ahead of the page cache.
constexpr std::uint32_t kPastCacheBytesMin = 128 * 1024;

}  // namespace

bool ChunkScanner::fill_unit(const ChunkScan& chunk) {
  const OpenSegment& from = *chunk.segment;
  const std::uint64_t offset = chunk.task.offset;
  const std::size_t bytes = chunk.task.unit_bytes;
  if (bytes > segment::kUnitBytesMax || !unit_.grow(bytes)) return false;
  const std::span<std::uint8_t> into(unit_.data(), bytes);
  bool through_cache = from.chunks->in_cache(offset, bytes);
  if (!through_cache) {
    if (from.pace != nullptr && !from.pace->wait(bytes)) return false;
    const auto cost = static_cast<std::int64_t>(bytes);
    through_cache = from.cache_share->fetch_sub(cost, std::memory_order_relaxed) > 0 ||
                    bytes < kPastCacheBytesMin;
  }
  const auto read = through_cache ? from.chunks->read_at(offset, into)
                                  : from.chunks->read_past_cache(offset, into);
  return read && *read == bytes;
}

std::optional<segment::Unit> ChunkScanner::read_unit(const ChunkScan& chunk) {
  if (!fill_unit(chunk)) return std::nullopt;
  const Bytes bytes(unit_.data(), chunk.task.unit_bytes);
  const auto found = segment::unit_at(bytes);
  const auto block = segment::block_at(bytes);
  const bool sound = found && block && found->unit.unit_bytes == bytes.size() &&
                     found->unit.block_offset == 0 &&
                     found->unit.file_offset == chunk.task.offset &&
                     found->unit.segment == chunk.segment->file->head().segment &&
                     segment::unit_crc(bytes, 0) == found->unit.crc;
  if (!sound) return std::nullopt;
  return segment::Unit{.block = *block, .header = found->unit, .bytes = bytes};
}

void ChunkScanner::scan(ChunkScan& chunk) {
  chunk.packets.clear();
  chunk.examined = chunk.outside = 0;
  chunk.next = 0;
  chunk.error.reset();
  const segment::SegmentFile& file = *chunk.segment->file;
  Place place = Place::Unit;
  std::optional<segment::Unit> unit = read_unit(chunk);
  if (!unit) {
    // Which says what is wrong.
    auto read = file.unit(chunk.task.offset, careful_unit_);
    if (!read) {
      chunk.error = read.error();
      return;
    }
    unit = *read;
    place = Place::CarefulUnit;
  }
  const auto records = unit->block.kind == segment::Kind::Chunk
                           ? decoder_.records(*unit, records_)
                           : Result<Bytes>(Error{.code = ErrorCode::Damaged,
                                                 .context = "no chunk, as its index says"});
  if (!records) {
    Error error = records.error();
    chunk.error = std::move(error).with_context(file.name() + ": at byte " +
                                                std::to_string(chunk.task.offset));
    return;
  }
  if (!records->empty() && records->data() == records_.data()) place = Place::Records;
  read_records(chunk, *records);
  std::ranges::stable_sort(chunk.packets, {}, &FoundPacket::key);
  keep(chunk, place);
}

void ChunkScanner::read_records(ChunkScan& chunk, Bytes records) {
  const OpenSegment& from = *chunk.segment;
  segment::RecordCursor cursor(records, segment::RecordCursor::interfaces_of(from.file->head()));
  PacketBatch& batch = scratch_->batch;
  batch.count = 0;
  keys_.clear();
  if (from.question->asks_for_named_flows()) {
    from.flows.of_chunk(chunk.task.number, scratch_->flows);
  }
  Timestamp key = chunk.task.first;
  while (const auto record = cursor.next()) {
    if (!record->is_packet) continue;
    ++chunk.examined;
    if (record->has_time) key = record->time;
    if (record->has_time ? !chunk.window.contains(key) : !chunk.window.everything()) {
      ++chunk.outside;
      continue;
    }
    if (from.refused[record->interface]) continue;
    const Bytes options = without_end(record->options);
    batch.packets[batch.count++] = {
        .data = record->frame.data(),
        .time = record->has_time ? record->time : Timestamp{},
        .captured_bytes = static_cast<std::uint32_t>(record->frame.size()),
        .wire_bytes = record->wire_bytes,
        .interface = from.interfaces[record->interface],
        .link_type = from.file->head().interfaces[record->interface].link_type,
        .has_time = record->has_time,
        .options = options.empty() ? nullptr : options.data(),
        .options_bytes = static_cast<std::uint32_t>(options.size())};
    keys_.push_back(key);
    if (batch.count == kBatchPacketsMax) judge(chunk);
  }
  judge(chunk);
  if (cursor.fault() != segment::RecordFault::None) {
    chunk.error =
        Error{.code = ErrorCode::Damaged,
              .context = from.file->name() + ": at byte " + std::to_string(chunk.task.offset) +
                         ": record at " + std::to_string(cursor.offset()) +
                         " of the chunk: " + std::string(segment::text_of(cursor.fault()))};
  }
}

// The packets of the batch that match go to the answer.
void ChunkScanner::judge(ChunkScan& chunk) {
  PacketBatch& batch = scratch_->batch;
  const bool all = chunk.segment->question->takes_everything();
  if (!all) chunk.segment->question->judge(*scratch_);
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    if (all || scratch_->verdicts.wanted[i] != 0) {
      chunk.packets.push_back({.packet = batch.packets[i], .key = keys_[i]});
    }
  }
  batch.count = 0;
  keys_.clear();
}

// The chunk keeps what its packets lie in: copies of a few, or the memory that was read into.
void ChunkScanner::keep(ChunkScan& chunk, Place place) {
  const std::size_t read = place == Place::Unit          ? unit_.size()
                           : place == Place::CarefulUnit ? careful_unit_.size()
                                                         : records_.size();
  std::size_t bytes = 0;
  for (const FoundPacket& found : chunk.packets) {
    bytes += found.packet.captured_bytes + found.packet.options_bytes;
  }
  if (bytes > read / 2) {
    chunk.memory_bytes = read;
    if (place == Place::Unit) {
      chunk.unit.swap(unit_);
    } else {
      chunk.memory.swap(place == Place::CarefulUnit ? careful_unit_ : records_);
    }
    return;
  }
  chunk.memory_bytes = bytes;
  chunk.memory.resize(bytes);
  std::uint8_t* at = chunk.memory.data();
  const auto move = [&at](const std::uint8_t*& from, std::uint32_t count) {
    if (count == 0) return;
    std::memcpy(at, from, count);
    from = at;
    at += count;
  };
  for (FoundPacket& found : chunk.packets) {
    move(found.packet.data, found.packet.captured_bytes);
    move(found.packet.options, found.packet.options_bytes);
  }
}

}  // namespace weir::capture::retrieval
