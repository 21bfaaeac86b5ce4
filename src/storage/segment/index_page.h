// Reads index pages, whole or a column at a time. docs/segment-format.md, "Index page".
//
// Pages come from files: nothing in them is trusted, and no answer takes more work than its bytes
// warrant. Where a page is damaged the answer is nothing, and then any chunk may match. Views: they
// borrow the bytes that they were made of. Any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "storage/segment/column_layout.h"
#include "storage/segment/format.h"
#include "storage/segment/index_key.h"

namespace weir::storage::segment {

// Chunks of a page, relative to its first: bit i.
using ChunkMask = std::uint64_t;

// The entries of one group of a column, from front to back.
class GroupCursor {
 public:
  // `first`: the key of the first entry; `max`: none is above it.
  GroupCursor(Bytes entries, const IndexKey& first, const IndexKey& max, std::uint32_t count,
              std::uint32_t key_bytes) noexcept
      : rest_(entries), key_(first), max_(max), left_(count), key_bytes_(key_bytes) {}

  // The next entry. False at the end of the group, and at damage.
  [[nodiscard]] bool next() noexcept;
  [[nodiscard]] const IndexKey& key() const noexcept { return key_; }
  [[nodiscard]] ChunkMask chunks() const noexcept { return chunks_; }
  // Of the whole group after its last entry: bytes that are left over are damage as well.
  [[nodiscard]] bool damaged() const noexcept { return damaged_ || (left_ == 0 && !rest_.empty()); }

 private:
  [[nodiscard]] bool read_key() noexcept;
  [[nodiscard]] bool read_difference() noexcept;
  [[nodiscard]] std::optional<std::uint64_t> read_varint() noexcept;
  [[nodiscard]] bool read_chunks() noexcept;

  Bytes rest_;
  IndexKey key_;
  IndexKey max_;
  ChunkMask chunks_ = 0;
  std::uint32_t left_;
  std::uint32_t key_bytes_;
  bool at_first_ = true;
  bool damaged_ = false;
};

// A column of keys.
class KeyColumn {
 public:
  // `bytes`: of the column alone, as the column table or the directory says where it lies; its CRC,
  // where known, is the caller's to check. Nothing: damaged, or a column without keys. Looks at the
  // table of groups; entries are checked when they are read.
  static std::optional<KeyColumn> parse(Bytes bytes, Column which) noexcept;

  [[nodiscard]] std::uint32_t entries() const noexcept { return entries_; }

  // The chunks that have the key; nothing: damaged. Looks at one group.
  [[nodiscard]] std::optional<ChunkMask> find(const IndexKey& key) const noexcept;
  // Those that have any key from `low` to `high`, both included.
  [[nodiscard]] std::optional<ChunkMask> range(const IndexKey& low,
                                               const IndexKey& high) const noexcept;

  // visit(const IndexKey&, ChunkMask) for each key, ascending. False: damaged; the keys before the
  // damage were visited.
  template <typename Visitor>
  bool for_each(Visitor&& visit) const {
    for (std::uint32_t i = 0; i < groups_; ++i) {
      GroupCursor cursor = group(i);
      while (cursor.next()) visit(cursor.key(), cursor.chunks());
      if (cursor.damaged()) return false;
    }
    return true;
  }

 private:
  KeyColumn() = default;
  [[nodiscard]] bool table_is_sound() const noexcept;
  [[nodiscard]] IndexKey first_key(std::uint32_t group) const noexcept;
  [[nodiscard]] IndexKey last_key_max(std::uint32_t group) const noexcept;
  [[nodiscard]] std::uint32_t entries_at(std::uint32_t group) const noexcept;
  [[nodiscard]] GroupCursor group(std::uint32_t index) const noexcept;
  // The first group whose first key is above `key`.
  [[nodiscard]] std::uint32_t group_above(const IndexKey& key) const noexcept;

  Bytes table_;        // of the groups
  Bytes entry_bytes_;  // of all entries
  std::uint32_t entries_ = 0;
  std::uint32_t groups_ = 0;
  std::uint32_t key_bytes_ = 0;
};

class IndexPage {
 public:
  // `unit`: the whole unit, more behind it is not looked at. Nothing: damaged (no index page, its
  // CRC is wrong, or its table points outside), or without rows for its chunks.
  static std::optional<IndexPage> parse(Bytes unit) noexcept;

  [[nodiscard]] const UnitHeader& unit() const noexcept { return unit_; }
  [[nodiscard]] std::uint32_t first_chunk() const noexcept { return page_.first_chunk; }
  [[nodiscard]] std::uint32_t chunk_count() const noexcept { return page_.chunk_count; }
  // A bit for each chunk that the page has.
  [[nodiscard]] ChunkMask all_chunks() const noexcept {
    return ~ChunkMask{0} >> (kPageChunksMax - page_.chunk_count);
  }
  // Those that match whatever is asked.
  [[nodiscard]] ChunkMask opaque_chunks() const noexcept {
    return page_.opaque_chunks & all_chunks();
  }
  // Row `index`, below chunk_count(): as it stands there, so to be checked before it is used.
  [[nodiscard]] ChunkRow chunk(std::uint32_t index) const noexcept;

  // Where a column lies in the unit; nothing: it is not there.
  [[nodiscard]] std::optional<ColumnEntry> entry(Column column) const noexcept;
  // Nothing: it is not there, or its bytes are not those of its CRC, or make no column. In all
  // cases any chunk may match.
  [[nodiscard]] std::optional<KeyColumn> column(Column column) const noexcept;

 private:
  IndexPage() = default;
  Bytes bytes_;  // of the unit
  UnitHeader unit_;
  PageFacts page_;
  std::uint32_t rows_offset_ = 0;
};

}  // namespace weir::storage::segment
