#include "storage/segment/index_page.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "storage/crc32c.h"

namespace weir::storage::segment {
namespace {

// The caller has proved that `bytes` bytes can be read, at most 16.
IndexKey load_key(const std::uint8_t* at, std::uint32_t bytes) noexcept {
  std::array<std::uint8_t, 16> whole{};
  std::copy_n(at, bytes, whole.end() - bytes);
  return IndexKey::ipv6(whole.data());
}

// The largest key of so many bytes.
IndexKey key_max(std::uint32_t bytes) noexcept {
  if (bytes > 8) return {.high = ~std::uint64_t{0}, .low = ~std::uint64_t{0}};
  return {.low = ~std::uint64_t{0} >> (64 - 8 * bytes)};
}

// Not of zero.
IndexKey one_less(const IndexKey& key) noexcept {
  return {.high = key.high - (key.low == 0 ? 1 : 0), .low = key.low - 1};
}

}  // namespace

// --- entries

bool GroupCursor::next() noexcept {
  if (left_ == 0 || damaged_) return false;
  const bool read = (at_first_ || read_key()) && read_chunks();
  damaged_ = !read;
  at_first_ = false;
  --left_;
  return read;
}

bool GroupCursor::read_key() noexcept {
  if (key_bytes_ <= kVarintKeyBytesMax) return read_difference();
  if (rest_.size() < key_bytes_) return false;
  const IndexKey key = load_key(rest_.data(), key_bytes_);
  rest_ = rest_.subspan(key_bytes_);
  const bool ascends = key > key_ && key <= max_;
  key_ = key;
  return ascends;
}

std::optional<std::uint64_t> GroupCursor::read_varint() noexcept {
  std::uint64_t value = 0;
  std::size_t i = 0;
  for (unsigned shift = 0;; shift += 7, ++i) {
    if (i == rest_.size() || shift > 63) return std::nullopt;
    const std::uint64_t bits = rest_[i] & 0x7fu;
    if ((bits << shift >> shift) != bits) return std::nullopt;
    value |= bits << shift;
    if ((rest_[i] & 0x80) == 0) break;
  }
  rest_ = rest_.subspan(i + 1);
  return value;
}

bool GroupCursor::read_difference() noexcept {
  const auto difference = read_varint();
  if (!difference || *difference == 0 || *difference > max_.low - key_.low) return false;
  key_.low += *difference;
  return true;
}

bool GroupCursor::read_chunks() noexcept {
  if (rest_.empty()) return false;
  const std::uint8_t head = rest_[0];
  rest_ = rest_.subspan(1);
  if (head > (kMoreChunks | kFirstChunkMask)) return false;
  const unsigned first = head & kFirstChunkMask;
  chunks_ = ChunkMask{1} << first;
  if ((head & kMoreChunks) == 0) return true;
  const auto more = read_varint();
  if (!more || *more == 0) return false;
  const ChunkMask above = *more << first << 1;
  chunks_ |= above;
  return (above >> first >> 1) == *more;
}

// --- columns

std::optional<KeyColumn> KeyColumn::parse(Bytes bytes, Column which) noexcept {
  const std::uint32_t width = key_bytes(which);
  if (width == 0 || bytes.size() < kColumnHeadBytes) return std::nullopt;
  KeyColumn column;
  column.entries_ = load_le32(bytes.data());
  column.groups_ = group_count(column.entries_);
  column.key_bytes_ = width;
  const std::uint32_t entry_bytes = load_le32(bytes.data() + 8);
  if (load_le16(bytes.data() + 4) != width || load_le16(bytes.data() + 6) != kGroupEntries) {
    return std::nullopt;
  }
  const std::uint64_t table_bytes = std::uint64_t{column.groups_} * group_bytes(width);
  if (kColumnHeadBytes + table_bytes + entry_bytes > bytes.size()) return std::nullopt;
  column.table_ = bytes.subspan(kColumnHeadBytes, table_bytes);
  column.entry_bytes_ = bytes.subspan(kColumnHeadBytes + table_bytes, entry_bytes);
  if (!column.table_is_sound()) return std::nullopt;
  return column;
}

// So that a search by halves finds what is there.
bool KeyColumn::table_is_sound() const noexcept {
  if (groups_ == 0) return entry_bytes_.empty();
  if (entries_at(0) != 0) return false;
  for (std::uint32_t i = 1; i < groups_; ++i) {
    if (first_key(i) <= first_key(i - 1) || entries_at(i) <= entries_at(i - 1)) return false;
  }
  return entries_at(groups_ - 1) < entry_bytes_.size();
}

IndexKey KeyColumn::first_key(std::uint32_t group) const noexcept {
  return load_key(table_.data() + std::size_t{group} * group_bytes(key_bytes_), key_bytes_);
}

// Keys of a group lie before the first of the next one.
IndexKey KeyColumn::last_key_max(std::uint32_t group) const noexcept {
  return group + 1 == groups_ ? key_max(key_bytes_) : one_less(first_key(group + 1));
}

std::uint32_t KeyColumn::entries_at(std::uint32_t group) const noexcept {
  return load_le32(table_.data() + std::size_t{group} * group_bytes(key_bytes_) + key_bytes_);
}

GroupCursor KeyColumn::group(std::uint32_t index) const noexcept {
  const bool last = index + 1 == groups_;
  const std::size_t begin = entries_at(index);
  const std::size_t end = last ? entry_bytes_.size() : entries_at(index + 1);
  const std::uint32_t count = last ? entries_ - index * kGroupEntries : kGroupEntries;
  return {entry_bytes_.subspan(begin, end - begin), first_key(index), last_key_max(index), count,
          key_bytes_};
}

std::uint32_t KeyColumn::group_above(const IndexKey& key) const noexcept {
  std::uint32_t low = 0;
  std::uint32_t high = groups_;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (first_key(middle) > key) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

std::optional<ChunkMask> KeyColumn::find(const IndexKey& key) const noexcept {
  return range(key, key);
}

std::optional<ChunkMask> KeyColumn::range(const IndexKey& low,
                                          const IndexKey& high) const noexcept {
  ChunkMask chunks = 0;
  const std::uint32_t above = group_above(low);
  for (std::uint32_t i = above == 0 ? 0 : above - 1; i < groups_; ++i) {
    GroupCursor cursor = group(i);
    while (cursor.next()) {
      if (cursor.key() > high) return chunks;
      if (cursor.key() >= low) chunks |= cursor.chunks();
    }
    if (cursor.damaged()) return std::nullopt;
  }
  return chunks;
}

// --- pages

std::optional<IndexPage> IndexPage::parse(Bytes bytes) noexcept {
  const auto header = unit_at(bytes);
  if (!header || header->block.kind != Kind::Index || header->unit.block_offset != 0 ||
      header->unit.unit_bytes > bytes.size()) {
    return std::nullopt;
  }
  IndexPage page;
  page.bytes_ = bytes.first(header->unit.unit_bytes);
  page.unit_ = header->unit;
  if (unit_crc(page.bytes_, 0) != page.unit_.crc) return std::nullopt;
  const auto facts = page_at(page.bytes_);
  if (!facts || facts->chunk_count == 0 || facts->chunk_count > kPageChunksMax ||
      facts->column_count > (page.bytes_.size() - kPageHeaderBytes) / kColumnEntryBytes) {
    return std::nullopt;
  }
  page.page_ = *facts;
  for (std::uint32_t i = 0; i < facts->column_count; ++i) {
    const ColumnEntry entry =
        column_entry_at(page.bytes_.subspan(kPageHeaderBytes + i * kColumnEntryBytes));
    if (std::uint64_t{entry.offset} + entry.bytes > page.bytes_.size()) return std::nullopt;
  }
  const auto rows = page.entry(Column::Chunks);
  if (!rows || rows->bytes / kChunkRowBytes < facts->chunk_count) return std::nullopt;
  page.rows_offset_ = rows->offset;
  return page;
}

ChunkRow IndexPage::chunk(std::uint32_t index) const noexcept {
  WEIR_ASSERT(index < page_.chunk_count);
  return chunk_row_at(bytes_.subspan(rows_offset_ + std::size_t{index} * kChunkRowBytes));
}

std::optional<ColumnEntry> IndexPage::entry(Column column) const noexcept {
  for (std::uint32_t i = 0; i < page_.column_count; ++i) {
    const ColumnEntry entry =
        column_entry_at(bytes_.subspan(kPageHeaderBytes + i * kColumnEntryBytes));
    if (entry.column == column) return entry;
  }
  return std::nullopt;
}

std::optional<KeyColumn> IndexPage::column(Column column) const noexcept {
  const auto where = entry(column);
  if (!where) return std::nullopt;
  const Bytes bytes = bytes_.subspan(where->offset, where->bytes);
  if (crc32c(bytes) != where->crc) return std::nullopt;
  return KeyColumn::parse(bytes, column);
}

}  // namespace weir::storage::segment
