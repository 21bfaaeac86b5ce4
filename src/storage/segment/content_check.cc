#include "storage/segment/content_check.h"

#include <utility>

#include "storage/crc32c.h"
#include "storage/pcapng/blocks.h"
#include "storage/segment/segment_file.h"

namespace weir::storage::segment {
namespace {

bool same_times(const TimeSpan& a, const TimeSpan& b) noexcept {
  return a == b || (a.empty() && b.empty());
}

bool same_row(const ChunkRow& a, const ChunkRow& b) noexcept {
  return a.offset == b.offset && a.unit_bytes == b.unit_bytes && a.packets == b.packets &&
         same_times(a.times, b.times) && a.wire_bytes == b.wire_bytes && a.lost == b.lost;
}

std::string text(std::uint64_t number) { return std::to_string(number); }

// "chunk 3: 7 packets in its header, 8 in it"
std::string differs(const std::string& who, const char* what, std::uint64_t said,
                    std::uint64_t found) {
  return who + ": says " + text(said) + " " + what + ", and there are " + text(found);
}

std::string name_of(const ChunkFacts& chunk) { return "chunk " + text(chunk.number); }

}  // namespace

void Findings::add(std::uint64_t offset, std::string what) {
  if (list_.size() < most_) {
    list_.push_back({.offset = offset, .what = std::move(what)});
  } else {
    ++left_out_;
  }
}

void ContentCheck::skip() noexcept {
  whole_ = false;
  resuming_ = true;
  page_open_ = true;
  rows_.clear();
}

void ContentCheck::take(const Unit& unit) {
  ++totals_.units;
  switch (unit.block.kind) {
    case Kind::Chunk:
      return take_chunk(unit);
    case Kind::Index:
      return take_page(unit);
    case Kind::Tail:
      return take_tail(unit);
    case Kind::Head:
      if (unit.header.file_offset != 0) find(unit, "a second head");
      return;
    case Kind::Padding:
    case Kind::Data:
    case Kind::Directory:
      break;
  }
}

// --- chunks

void ContentCheck::take_chunk(const Unit& unit) {
  const auto chunk = chunk_at(unit.header_block());
  if (!chunk || unit.block.total_bytes < kChunkHeaderBytes) return find(unit, "chunk: no header");
  if (std::exchange(resuming_, false)) {
    chunk_next_ = chunk->number;
    packets_before_ = chunk->packets_before;
  }
  if (rows_.empty()) rows_first_ = chunk->number;
  if (chunk->number != chunk_next_) {
    find(unit, name_of(*chunk) + ": where chunk " + text(chunk_next_) + " should be");
  }
  if (chunk->packets_before != packets_before_) {
    find(unit,
         differs(name_of(*chunk), "packets before it", chunk->packets_before, packets_before_));
  }
  check_records(unit, *chunk);
  check_padding(unit, *chunk);
  if (rows_.size() == kPageChunksMax) {
    find(unit, name_of(*chunk) + ": " + text(kPageChunksMax) + " chunks before it have no page");
    rows_.erase(rows_.begin());
    ++rows_first_;
  }
  rows_.push_back({.offset = unit.header.file_offset,
                   .unit_bytes = unit.header.unit_bytes,
                   .packets = chunk->packets,
                   .times = chunk->times,
                   .wire_bytes = chunk->wire_bytes,
                   .lost = chunk->lost});
  chunk_next_ = chunk->number + 1;
  packets_before_ = chunk->packets_before + chunk->packets;
  ++totals_.chunks;
  totals_.packets += chunk->packets;
  totals_.wire_bytes += chunk->wire_bytes;
  totals_.lost += chunk->lost;
  if (!chunk->times.empty()) totals_.times.cover(chunk->times);
}

void ContentCheck::check_records(const Unit& unit, const ChunkFacts& chunk) {
  const auto records = decoder_.records(unit, records_);
  if (!records) return find(unit, name_of(chunk) + ": " + records.error().context);
  std::uint32_t packets = 0;
  std::uint64_t wire_bytes = 0;
  TimeSpan times;
  RecordCursor cursor(*records, interfaces_);
  while (const auto record = cursor.next()) {
    if (!record->is_packet) continue;
    ++packets;
    wire_bytes += record->wire_bytes;
    if (record->has_time) times.cover(record->time);
  }
  if (cursor.fault() != RecordFault::None) {
    return find(unit, name_of(chunk) + ": byte " + text(cursor.offset()) +
                          " of its blocks: " + std::string(text_of(cursor.fault())));
  }
  const std::string who = name_of(chunk);
  if (packets != chunk.packets) find(unit, differs(who, "packets", chunk.packets, packets));
  if (wire_bytes != chunk.wire_bytes) {
    find(unit, differs(who, "bytes on the wire", chunk.wire_bytes, wire_bytes));
  }
  if (!same_times(times, chunk.times)) find(unit, who + ": its times are not those of its packets");
}

// Behind the packets: blocks of ours, up to the end of the unit.
void ContentCheck::check_padding(const Unit& unit, const ChunkFacts& chunk) {
  const Bytes block = unit.header_block();
  const std::uint64_t used = std::uint64_t{unit.block.total_bytes} + chunk.stored_bytes;
  if (used > block.size()) return;  // check_records() has said so
  Bytes rest = block.subspan(used);
  while (!rest.empty()) {
    const auto padding = block_at(rest);
    if (!padding) return find(unit, name_of(chunk) + ": what fills it up is no block");
    rest = rest.subspan(padding->total_bytes);
  }
}

// --- index pages

void ContentCheck::take_page(const Unit& unit) {
  const auto page = page_at(unit.bytes);
  if (!page || unit.block.total_bytes != unit.header.unit_bytes || page->chunk_count == 0 ||
      page->chunk_count > kPageChunksMax) {
    return find(unit, "index page: no header");
  }
  DirectoryPage entry{.offset = unit.header.file_offset,
                      .unit_bytes = unit.header.unit_bytes,
                      .first_chunk = page->first_chunk,
                      .chunks = page->chunk_count};
  check_range(unit, *page);
  check_columns(unit, *page, entry);
  pages_.push_back(entry);
  ++totals_.pages;
  rows_.clear();
  page_open_ = false;
}

void ContentCheck::check_range(const Unit& unit, const PageFacts& page) {
  const std::uint64_t end = std::uint64_t{page.first_chunk} + page.chunk_count;
  // Behind a hole its first chunks, or all, may have been in the hole.
  const bool fits = page_open_ && rows_.empty()
                        ? true
                        : end == std::uint64_t{rows_first_} + rows_.size() &&
                              (page_open_ ? page.first_chunk <= rows_first_
                                          : page.first_chunk == rows_first_ && !rows_.empty());
  if (!fits) {
    find(unit, "index page: of chunks " + text(page.first_chunk) + " to " + text(end - 1) +
                   ", behind chunks " + text(rows_first_) + " to " + text(chunk_next_ - 1));
  }
}

void ContentCheck::check_columns(const Unit& unit, const PageFacts& page, DirectoryPage& entry) {
  const std::uint64_t table_end =
      kPageHeaderBytes + std::uint64_t{page.column_count} * kColumnEntryBytes;
  const std::uint32_t limit = unit.header.unit_bytes - kBlockTrailBytes;
  if (table_end > limit) return find(unit, "index page: more columns than it has room for");
  bool has_rows = false;
  for (std::uint32_t i = 0; i < page.column_count; ++i) {
    const ColumnEntry column =
        column_entry_at(unit.bytes.subspan(kPageHeaderBytes + i * kColumnEntryBytes));
    const std::string who = "index page: column " + text(static_cast<unsigned>(column.column));
    if (column.offset < table_end || column.offset > limit ||
        column.bytes > limit - column.offset) {
      find(unit, who + ": out of bounds");
      continue;
    }
    const Bytes bytes = unit.bytes.subspan(column.offset, column.bytes);
    if (crc32c(bytes) != column.crc) find(unit, who + ": bad checksum");
    const auto id = static_cast<unsigned>(column.column);
    if (id >= 1 && id <= kColumnsMax) {
      entry.column(column.column) = {.offset = column.offset, .bytes = column.bytes};
    }
    if (column.column != Column::Chunks) continue;
    has_rows = true;
    if (column.entries != page.chunk_count ||
        column.bytes != std::uint64_t{page.chunk_count} * kChunkRowBytes) {
      find(unit, who + ": not a row for each chunk");
    } else {
      check_rows(unit, page, bytes);
    }
  }
  if (!has_rows) find(unit, "index page: does not say where its chunks are");
}

void ContentCheck::check_rows(const Unit& unit, const PageFacts& page, Bytes rows) {
  for (std::uint32_t i = 0; i < page.chunk_count; ++i) {
    const std::uint32_t number = page.first_chunk + i;
    if (number < rows_first_ || number - rows_first_ >= rows_.size()) continue;
    if (!same_row(chunk_row_at(rows.subspan(i * kChunkRowBytes)), rows_[number - rows_first_])) {
      find(unit, "index page: its row of chunk " + text(number) + " is not what the chunk says");
    }
  }
}

// --- tail

void ContentCheck::take_tail(const Unit& unit) {
  const auto tail = decode_tail(unit);
  if (!tail) return find(unit, tail.error().context);
  sealed_ = true;
  recovered_ = tail->facts.recovered;
  cut_bytes_ = tail->directory.cut_bytes;
  // Between the Tail block and the Directory there are statistics.
  Bytes blocks = unit.bytes.first(tail->facts.directory_offset).subspan(unit.block.total_bytes);
  while (!blocks.empty()) {
    const std::uint32_t total =
        blocks.size() < pcapng::kBlockOverheadBytes ? 0 : load_le32(blocks.data() + 4);
    if (total < pcapng::kBlockOverheadBytes || total % 4 != 0 || total > blocks.size() ||
        load_le32(blocks.data() + total - 4) != total) {
      find(unit, "tail: a block does not end where it should");
      break;
    }
    blocks = blocks.subspan(total);
  }
  if (!rows_.empty()) find(unit, "tail: " + text(rows_.size()) + " chunks have no page");
  if (whole_) check_directory(unit, tail->directory);
}

void ContentCheck::check_directory(const Unit& unit, const Directory& directory) {
  const std::string who = "directory";
  if (directory.chunks != totals_.chunks) {
    find(unit, differs(who, "chunks", directory.chunks, totals_.chunks));
  }
  if (directory.packets != totals_.packets) {
    find(unit, differs(who, "packets", directory.packets, totals_.packets));
  }
  if (directory.wire_bytes != totals_.wire_bytes) {
    find(unit, differs(who, "bytes on the wire", directory.wire_bytes, totals_.wire_bytes));
  }
  if (directory.lost != totals_.lost) {
    find(unit, differs(who, "missing packets", directory.lost, totals_.lost));
  }
  if (!same_times(directory.times, totals_.times)) {
    find(unit, who + ": its times are not those of the chunks");
  }
  if (directory.pages != pages_) find(unit, who + ": its pages are not those of the segment");
}

}  // namespace weir::storage::segment
