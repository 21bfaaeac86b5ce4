#include "capture/retrieval/page_reader.h"

#include <algorithm>
#include <bit>
#include <span>

#include "storage/crc32c.h"

namespace weir::capture::retrieval {

namespace segment = storage::segment;

bool PageReader::open(const segment::SegmentFile& file, const segment::DirectoryPage& page) {
  file_ = &file;
  page_ = &page;
  whole_ = page.unit_bytes <= kWholeBytes;
  if (whole_) {
    const auto unit = file.unit(page.offset, unit_);
    if (!unit || unit->header.unit_bytes != page.unit_bytes) return false;
  } else {
    unit_.resize(segment::kUnitAlignment);
    const auto got = file.file().read_at(page.offset, unit_);
    if (!got || *got < unit_.size()) return false;
  }
  if (!header_is_sound()) return false;
  entries_.clear();
  for (std::uint32_t i = 0; i < facts_.column_count; ++i) {
    const std::size_t at = segment::kPageHeaderBytes + std::size_t{i} * segment::kColumnEntryBytes;
    entries_.push_back(
        segment::column_entry_at(Bytes(unit_).subspan(at, segment::kColumnEntryBytes)));
  }
  const segment::ColumnEntry* const rows = entry(Column::Chunks);
  if (rows == nullptr || rows->bytes != std::size_t{facts_.chunk_count} * segment::kChunkRowBytes) {
    return false;
  }
  const auto bytes = checked(*rows, rows_memory_);
  if (!bytes) return false;
  rows_ = *bytes;
  return true;
}

// The header is under the checksum of the whole unit, which has not been read: what it says must be
// what the directory says.
bool PageReader::header_is_sound() noexcept {
  const Bytes beginning = Bytes(unit_).first(segment::kUnitAlignment);
  const auto unit = segment::unit_at(beginning);
  const auto facts = segment::page_at(beginning);
  if (!unit || !facts || unit->block.kind != segment::Kind::Index) return false;
  facts_ = *facts;
  return unit->unit.segment == file_->head().segment && unit->unit.file_offset == page_->offset &&
         unit->unit.unit_bytes == page_->unit_bytes && facts->first_chunk == page_->first_chunk &&
         facts->chunk_count == page_->chunks && facts->chunk_count >= 1 &&
         facts->chunk_count <= segment::kPageChunksMax &&
         static_cast<std::uint32_t>(std::popcount(opaque_chunks())) == page_->opaque_chunks &&
         facts->column_count <=
             (segment::kUnitAlignment - segment::kPageHeaderBytes) / segment::kColumnEntryBytes;
}

const segment::ColumnEntry* PageReader::entry(Column which) const noexcept {
  const auto found = std::ranges::find(entries_, which, &segment::ColumnEntry::column);
  return found == entries_.end() ? nullptr : &*found;
}

std::optional<Bytes> PageReader::checked(const segment::ColumnEntry& entry,
                                         std::vector<std::uint8_t>& into) const {
  const segment::ColumnLocator& place = page_->column(entry.column);
  if (place.offset != entry.offset || place.bytes != entry.bytes ||
      std::uint64_t{entry.offset} + entry.bytes > page_->unit_bytes) {
    return std::nullopt;
  }
  Bytes bytes;
  if (whole_) {
    bytes = Bytes(unit_).subspan(entry.offset, entry.bytes);
  } else {
    if (into.size() < entry.bytes) into.resize(entry.bytes);
    const auto room = std::span(into).first(entry.bytes);
    const auto got = file_->file().read_at(page_->offset + entry.offset, room);
    if (!got || *got < entry.bytes) return std::nullopt;
    bytes = room;
  }
  if (storage::crc32c(bytes) != entry.crc) return std::nullopt;
  return bytes;
}

std::optional<segment::KeyColumn> PageReader::column(Column which, ColumnState& state) {
  const segment::ColumnEntry* const found = entry(which);
  // What the directory says is under a checksum of its own.
  if (found == nullptr) {
    state = page_->column(which).bytes == 0 ? ColumnState::Absent : ColumnState::Damaged;
    return std::nullopt;
  }
  state = ColumnState::Damaged;
  const auto bytes = checked(*found, column_memory_);
  if (!bytes) return std::nullopt;
  auto column = segment::KeyColumn::parse(*bytes, which);
  if (column) state = ColumnState::There;
  return column;
}

segment::ChunkMask chunks_with(const segment::KeyColumn& column, segment::IndexKey low,
                               segment::IndexKey high, segment::ChunkMask if_damaged) noexcept {
  const auto found = low == high ? column.find(low) : column.range(low, high);
  return found.value_or(if_damaged);
}

}  // namespace weir::capture::retrieval
