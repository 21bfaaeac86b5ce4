#include "storage/segment/directory.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

namespace weir::storage::segment {
namespace {

constexpr std::size_t kPageColumnsOffset = 24;

Error damaged(const std::string& what) {
  return {.code = ErrorCode::Damaged, .context = "directory: " + what};
}

std::uint64_t u64(std::int64_t value) noexcept { return static_cast<std::uint64_t>(value); }

void put_page_entry(std::uint8_t* at, const DirectoryPage& page) noexcept {
  store_le(at, page.offset);
  store_le(at + 8, page.unit_bytes);
  store_le(at + 12, page.first_chunk);
  store_le(at + 16, page.chunks);
  std::uint8_t* column = at + kPageColumnsOffset;
  for (const ColumnLocator& locator : page.columns) {
    store_le(column, locator.offset);
    store_le(column + 4, locator.bytes);
    column += 8;
  }
}

// The block at `at`, whose bytes are zero and reach to `end`.
void put_directory(std::uint8_t* at, std::uint32_t total, const Directory& directory) noexcept {
  put_block(at, {.total_bytes = total, .kind = Kind::Directory});
  store_le(at + 16, directory.tail_offset);
  std::copy(directory.segment.begin(), directory.segment.end(), at + 24);
  store_le(at + 40, directory.packets);
  store_le(at + 48, u64(directory.times.first.ns));
  store_le(at + 56, u64(directory.times.last.ns));
  store_le(at + 64, directory.wire_bytes);
  store_le(at + 72, directory.lost);
  store_le(at + 80, directory.cut_bytes);
  store_le(at + 88, directory.chunks);
  store_le(at + 92, static_cast<std::uint32_t>(directory.pages.size()));
  store_le(at + 96, static_cast<std::uint32_t>(directory.filters.size()));
  std::uint8_t* entry = at + kDirectoryHeaderBytes;
  std::uint8_t* const pages = entry + directory.filters.size() * kDirectoryFilterBytes;
  std::uint8_t* bits = pages + directory.pages.size() * kDirectoryPageBytes;
  for (const DirectoryFilter& filter : directory.filters) {
    store_le(entry, std::uint16_t{static_cast<std::uint8_t>(filter.column)});
    store_le(entry + 2, filter.hashes);
    store_le(entry + 4, static_cast<std::uint32_t>(bits - at));
    store_le(entry + 8, static_cast<std::uint32_t>(filter.bytes.size()));
    store_le(entry + 12, filter.keys);
    bits = std::copy(filter.bytes.begin(), filter.bytes.end(), bits);
    entry += kDirectoryFilterBytes;
  }
  entry = pages;
  for (const DirectoryPage& page : directory.pages) {
    put_page_entry(entry, page);
    entry += kDirectoryPageBytes;
  }
}

// What a directory says of a page is true or the page cannot be read: only its bounds matter here.
bool decode_page(const std::uint8_t* at, const Directory& directory, DirectoryPage& page) noexcept {
  page.offset = load_le64(at);
  page.unit_bytes = load_le32(at + 8);
  page.first_chunk = load_le32(at + 12);
  page.chunks = load_le32(at + 16);
  const std::uint8_t* column = at + kPageColumnsOffset;
  for (ColumnLocator& locator : page.columns) {
    locator = {.offset = load_le32(column), .bytes = load_le32(column + 4)};
    if (locator.bytes > page.unit_bytes || locator.offset > page.unit_bytes - locator.bytes) {
      return false;
    }
    column += 8;
  }
  const bool placed = page.offset % kUnitAlignment == 0 && page.unit_bytes % kUnitAlignment == 0 &&
                      page.unit_bytes != 0 && page.unit_bytes <= kUnitBytesMax &&
                      page.offset < directory.tail_offset &&
                      page.unit_bytes <= directory.tail_offset - page.offset;
  return placed && page.chunks >= 1 && page.chunks <= kPageChunksMax &&
         page.first_chunk < directory.chunks && page.chunks <= directory.chunks - page.first_chunk;
}

// `block` without its trailing length; filters lie between `from` and its end.
bool decode_filter(Bytes block, std::uint64_t from, const std::uint8_t* at,
                   DirectoryFilter& filter) {
  const std::uint32_t offset = load_le32(at + 4);
  const std::uint32_t bytes = load_le32(at + 8);
  const std::uint16_t column = load_le16(at);
  filter.column = static_cast<Column>(column);
  filter.hashes = load_le16(at + 2);
  filter.keys = load_le32(at + 12);
  if (column > 0xff || filter.hashes == 0 || bytes < kFilterBytesMin || !std::has_single_bit(bytes))
    return false;
  if (offset < from || offset > block.size() || bytes > block.size() - offset) return false;
  const Bytes bits = block.subspan(offset, bytes);
  filter.bytes.assign(bits.begin(), bits.end());
  return true;
}

}  // namespace

const DirectoryFilter* Directory::filter(Column column) const noexcept {
  const auto found = std::find_if(filters.begin(), filters.end(),
                                  [column](const auto& one) { return one.column == column; });
  return found == filters.end() ? nullptr : &*found;
}

std::uint64_t directory_bytes(const Directory& directory) noexcept {
  std::uint64_t bytes = kDirectoryHeaderBytes +
                        std::uint64_t{kDirectoryFilterBytes} * directory.filters.size() +
                        std::uint64_t{kDirectoryPageBytes} * directory.pages.size();
  for (const DirectoryFilter& filter : directory.filters) bytes += filter.bytes.size();
  return align_up(bytes, 4) + kBlockTrailBytes;
}

Result<Directory> decode_directory(Bytes block) {
  const auto head = block_at(block);
  if (!head || head->kind != Kind::Directory ||
      head->total_bytes < kDirectoryHeaderBytes + kBlockTrailBytes) {
    return damaged("no such block");
  }
  block = block.first(head->total_bytes - kBlockTrailBytes);
  const std::uint8_t* const at = block.data();
  Directory directory{.tail_offset = load_le64(at + 16),
                      .segment = {},
                      .packets = load_le64(at + 40),
                      .times = {.first = {static_cast<std::int64_t>(load_le64(at + 48))},
                                .last = {static_cast<std::int64_t>(load_le64(at + 56))}},
                      .wire_bytes = load_le64(at + 64),
                      .lost = load_le64(at + 72),
                      .cut_bytes = load_le64(at + 80),
                      .chunks = load_le32(at + 88),
                      .pages = {},
                      .filters = {}};
  std::copy_n(at + 24, directory.segment.size(), directory.segment.begin());
  const std::uint64_t pages = load_le32(at + 92);
  const std::uint64_t filters = load_le32(at + 96);
  const std::uint64_t pages_at = kDirectoryHeaderBytes + filters * kDirectoryFilterBytes;
  const std::uint64_t bits_at = pages_at + pages * kDirectoryPageBytes;
  if (bits_at > block.size()) return damaged("more pages or filters than it has room for");
  directory.pages.resize(pages);
  for (std::size_t i = 0; i < pages; ++i) {
    if (!decode_page(at + pages_at + i * kDirectoryPageBytes, directory, directory.pages[i])) {
      return damaged("page " + std::to_string(i) + " is out of bounds");
    }
  }
  // Filters do not share bytes: together they are no longer than the block.
  std::uint64_t filter_bytes = 0;
  for (std::size_t i = 0; i < filters; ++i) {
    const std::uint8_t* const entry = at + kDirectoryHeaderBytes + i * kDirectoryFilterBytes;
    filter_bytes += load_le32(entry + 8);
    DirectoryFilter filter;
    if (filter_bytes > block.size() || !decode_filter(block, bits_at, entry, filter)) {
      return damaged("filter " + std::to_string(i) + " is out of bounds");
    }
    directory.filters.push_back(std::move(filter));
  }
  return directory;
}

std::optional<TailFacts> tail_at(Bytes block) noexcept {
  if (block.size() < kTailHeaderBytes) return std::nullopt;
  return TailFacts{.sealed = {static_cast<std::int64_t>(load_le64(block.data() + 56))},
                   .directory_offset = load_le32(block.data() + 64),
                   .recovered = (load_le16(block.data() + 14) & kTailRecovered) != 0};
}

Result<void> append_tail(std::vector<std::uint8_t>& out, const Directory& directory,
                         const TailSeal& seal) {
  WEIR_ASSERT(seal.statistics.size() % 4 == 0);
  const std::uint64_t directory_offset = kTailHeaderBytes + seal.statistics.size();
  const std::uint64_t unit_bytes =
      align_up(directory_offset + directory_bytes(directory), kUnitAlignment);
  if (unit_bytes > kUnitBytesMax) {
    return Error{.code = ErrorCode::NoSpace,
                 .context = "tail of a segment: " + std::to_string(unit_bytes) +
                            " bytes, more than a unit may have"};
  }
  const std::size_t start = out.size();
  out.resize(start + unit_bytes);
  std::uint8_t* const at = out.data() + start;
  put_block(at, {.total_bytes = kTailHeaderBytes,
                 .kind = Kind::Tail,
                 .flags = seal.recovered ? kTailRecovered : std::uint16_t{0}});
  put_unit_header(at, {.unit_bytes = static_cast<std::uint32_t>(unit_bytes),
                       .segment = directory.segment,
                       .ordinal = seal.ordinal,
                       .block_offset = 0,
                       .file_offset = directory.tail_offset});
  store_le(at + 56, u64(seal.sealed.ns));
  store_le(at + 64, static_cast<std::uint32_t>(directory_offset));
  std::copy(seal.statistics.begin(), seal.statistics.end(), at + kTailHeaderBytes);
  put_directory(at + directory_offset, static_cast<std::uint32_t>(unit_bytes - directory_offset),
                directory);
  seal_unit({at, unit_bytes}, 0);
  return ok();
}

}  // namespace weir::storage::segment
