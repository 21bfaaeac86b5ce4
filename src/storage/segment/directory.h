// The tail of a segment: the Tail block, Interface Statistics, and the Directory that says what the
// segment holds and where (docs/segment-format.md, Tail).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "storage/segment/format.h"

namespace weir::storage::segment {

struct ColumnLocator {
  std::uint32_t offset = 0;  // in the unit of the page
  std::uint32_t bytes = 0;   // 0: the page has no such column
  friend bool operator==(const ColumnLocator&, const ColumnLocator&) = default;
};

struct DirectoryPage {
  std::uint64_t offset = 0;  // of its unit in the file
  std::uint32_t unit_bytes = 0;
  std::uint32_t first_chunk = 0;
  std::uint32_t chunks = 0;
  std::uint32_t opaque_chunks = 0;                   // of these, how many
  std::array<ColumnLocator, kColumnsMax> columns{};  // of the columns 1 to 8

  // `column` is 1 to kColumnsMax.
  [[nodiscard]] ColumnLocator& column(Column column) noexcept {
    return columns[static_cast<std::size_t>(column) - 1];
  }
  [[nodiscard]] const ColumnLocator& column(Column column) const noexcept {
    return columns[static_cast<std::size_t>(column) - 1];
  }
  friend bool operator==(const DirectoryPage&, const DirectoryPage&) = default;
};

// The row of a page, from its whole unit. Nothing: no index page, or columns that are not in it.
[[nodiscard]] std::optional<DirectoryPage> directory_page(Bytes unit) noexcept;

// A Bloom filter over all keys of a column in the segment.
struct DirectoryFilter {
  Column column{};
  std::uint16_t hashes = 0;
  std::uint32_t keys = 0;
  std::vector<std::uint8_t> bytes;  // a power of two, at least kFilterBytesMin
  friend bool operator==(const DirectoryFilter&, const DirectoryFilter&) = default;
};
inline constexpr std::uint32_t kFilterBytesMin = 512 / 8;

struct Directory {
  std::uint64_t tail_offset = 0;  // in the file
  Uuid segment{};
  std::uint64_t packets = 0;
  TimeSpan times;
  std::uint64_t wire_bytes = 0;
  std::uint64_t lost = 0;
  std::uint64_t cut_bytes = 0;  // by recovery
  std::uint32_t chunks = 0;
  std::vector<DirectoryPage> pages;
  std::vector<DirectoryFilter> filters;

  [[nodiscard]] const DirectoryFilter* filter(Column column) const noexcept;
  friend bool operator==(const Directory&, const Directory&) = default;
};

inline constexpr std::uint32_t kDirectoryHeaderBytes = 104;
inline constexpr std::uint32_t kDirectoryFilterBytes = 16;
inline constexpr std::uint32_t kDirectoryPageBytes = 88;

// Bytes of the Directory block, without what fills it up to the end of its unit.
[[nodiscard]] std::uint64_t directory_bytes(const Directory& directory) noexcept;
// A whole Directory block, header to trailing length. Damaged: it contradicts itself. What it says
// lies within bounds: pages before the tail, columns within their units.
[[nodiscard]] Result<Directory> decode_directory(Bytes block);

inline constexpr std::uint32_t kTailHeaderBytes = 128;
inline constexpr std::uint16_t kTailRecovered = 1;  // flags

struct TailFacts {
  Timestamp sealed = {};
  std::uint32_t directory_offset = 0;  // in the unit
  bool recovered = false;              // sealed by recovery
};
// `block` begins at the Tail block. Nothing: too short.
[[nodiscard]] std::optional<TailFacts> tail_at(Bytes block) noexcept;

// What the writer says beside the directory. The UUID and the place are in that.
struct TailSeal {
  std::uint32_t ordinal = 0;
  Timestamp sealed = {};
  bool recovered = false;
  Bytes statistics = {};  // whole Interface Statistics Blocks
};
// Appends the whole tail unit, with its CRC. NoSpace, and nothing appended: it would be longer than
// kUnitBytesMax (leave filters out).
[[nodiscard]] Result<void> append_tail(std::vector<std::uint8_t>& out, const Directory& directory,
                                       const TailSeal& seal);

}  // namespace weir::storage::segment
