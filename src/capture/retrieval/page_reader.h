// An index page as far as a query needs it: the rows of its chunks and the columns that it asks
// about, each read alone where that saves reading, and checked by its own checksum.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "storage/segment/directory.h"
#include "storage/segment/format.h"
#include "storage/segment/index_page.h"
#include "storage/segment/segment_file.h"

namespace weir::capture::retrieval {

// One thread. Keeps its buffers from page to page.
class PageReader {
 public:
  using Column = storage::segment::Column;
  using ChunkMask = storage::segment::ChunkMask;

  // Reads what `page` of the directory of `file` says. False: it is not what was written, or cannot
  // be read; then nothing is known of its chunks. Both outlive the reader's use of them.
  bool open(const storage::segment::SegmentFile& file, const storage::segment::DirectoryPage& page);

  [[nodiscard]] ChunkMask all_chunks() const noexcept {
    return ~ChunkMask{0} >> (storage::segment::kPageChunksMax - facts_.chunk_count);
  }
  [[nodiscard]] ChunkMask opaque_chunks() const noexcept {
    return facts_.opaque_chunks & all_chunks();
  }
  [[nodiscard]] std::uint32_t first_chunk() const noexcept { return facts_.first_chunk; }
  [[nodiscard]] std::uint32_t chunk_count() const noexcept { return facts_.chunk_count; }
  // Below chunk_count().
  [[nodiscard]] storage::segment::ChunkRow row(std::uint32_t index) const noexcept {
    return storage::segment::chunk_row_at(
        rows_.subspan(std::size_t{index} * storage::segment::kChunkRowBytes));
  }
  enum class ColumnState : std::uint8_t { There, Absent, Damaged };
  // Valid until the next call. Nothing where it is not There.
  std::optional<storage::segment::KeyColumn> column(Column which, ColumnState& state);

 private:
  // Below this, a page is read as a whole: one read, one checksum.
  static constexpr std::uint32_t kWholeBytes = 64 * 1024;

  bool header_is_sound() noexcept;
  // Of the unit; in `into` or in what was read of the whole. Nothing: its checksum is wrong.
  std::optional<Bytes> checked(const storage::segment::ColumnEntry& entry,
                               std::vector<std::uint8_t>& into) const;
  [[nodiscard]] const storage::segment::ColumnEntry* entry(Column which) const noexcept;

  const storage::segment::SegmentFile* file_ = nullptr;
  const storage::segment::DirectoryPage* page_ = nullptr;
  storage::segment::PageFacts facts_;
  std::vector<storage::segment::ColumnEntry> entries_;
  bool whole_ = false;
  std::vector<std::uint8_t> unit_;  // the whole, or its beginning
  std::vector<std::uint8_t> rows_memory_;
  std::vector<std::uint8_t> column_memory_;
  Bytes rows_;
};

// The chunks of a page that have one of the keys, or may have one.
storage::segment::ChunkMask chunks_with(const storage::segment::KeyColumn& column,
                                        storage::segment::IndexKey low,
                                        storage::segment::IndexKey high,
                                        storage::segment::ChunkMask if_damaged) noexcept;

}  // namespace weir::capture::retrieval
