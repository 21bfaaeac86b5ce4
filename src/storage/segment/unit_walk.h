// From unit to unit of a segment, up to the first that is wrong: for one that was not sealed, that
// is its end (docs/segment-format.md, What was acknowledged).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "storage/segment/format.h"
#include "storage/segment/range_reader.h"

namespace weir::storage::segment {

// What can be wrong with a unit.
enum class UnitFault : std::uint8_t {
  None,
  ShortFile,     // the file ends within it
  NotAUnit,      // no header of one here, or an impossible one
  NewerVersion,  // written by a newer weir
  WrongSegment,  // of another file
  WrongOffset,   // of another place in this file
  WrongOrdinal,  // not the one that follows
  BadCrc,        //
  ReadFailed,    // the system could not read it
};
std::string_view text_of(UnitFault fault) noexcept;

// How much of a unit is read and checked.
enum class Depth : std::uint8_t {
  Header,  // the header block alone; the unit fits into the file
  Bytes,   // the CRC over all bytes
};

// Where a unit should be, and what it should say of itself.
struct UnitPlace {
  Uuid segment{};
  std::uint64_t offset = 0;
  std::optional<std::uint32_t> ordinal = {};  // nothing: any
  std::uint32_t block_offset = 0;             // 0 but in the head
};

struct Unit {
  BlockHead block;
  UnitHeader header;
  // Borrowed from the buffer that it was read into. Depth::Bytes: the whole unit. Depth::Header:
  // its first kUnitPrefixBytes, from the header block on.
  Bytes bytes;

  // From the header block on.
  [[nodiscard]] Bytes header_block() const noexcept {
    return bytes.size() == header.unit_bytes ? bytes.subspan(header.block_offset) : bytes;
  }
  [[nodiscard]] std::uint64_t end() const noexcept {
    return header.file_offset + header.unit_bytes;
  }
};
// As many bytes as the longest header has that is read alone: of a chunk or a tail.
inline constexpr std::uint32_t kUnitPrefixBytes = kChunkHeaderBytes;

struct UnitRead {
  UnitFault fault = UnitFault::None;
  Unit unit;                // when there is no fault
  std::string detail = {};  // of ReadFailed
  [[nodiscard]] std::string text() const;
};
// Reads into `buffer`, which grows to at most kUnitBytesMax.
UnitRead read_unit(const RangeReader& file, const UnitPlace& place, Depth depth,
                   std::vector<std::uint8_t>& buffer);

// Begins at a place with an ordinal. Ends behind the tail, at the end of the file, or at the first
// unit that is wrong. One thread; `file` outlives it.
class UnitWalk {
 public:
  UnitWalk(const RangeReader& file, const UnitPlace& begin, Depth depth) noexcept
      : file_(file), next_(begin), depth_(depth) {}

  // The next unit, valid until the next call.
  std::optional<Unit> next();

  // Behind the last unit that next() gave, and the ordinal of one that would follow.
  [[nodiscard]] std::uint64_t offset() const noexcept { return next_.offset; }
  [[nodiscard]] std::uint32_t ordinal() const noexcept { return *next_.ordinal; }
  // After next() gave nothing: why. None: the file ends there, or sealed().
  [[nodiscard]] const UnitRead& end() const noexcept { return end_; }
  // The last unit was a tail. What lies behind it was not looked at.
  [[nodiscard]] bool sealed() const noexcept { return sealed_; }

 private:
  const RangeReader& file_;
  UnitPlace next_;
  Depth depth_;
  bool sealed_ = false;
  UnitRead end_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace weir::storage::segment
