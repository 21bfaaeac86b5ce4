#include "storage/segment/segment_file.h"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::storage::segment {
namespace {

Error damaged(std::string what) { return {.code = ErrorCode::Damaged, .context = std::move(what)}; }

ErrorCode code_of(UnitFault fault) noexcept {
  switch (fault) {
    case UnitFault::ShortFile:
      return ErrorCode::Truncated;
    case UnitFault::NewerVersion:
      return ErrorCode::Unsupported;
    case UnitFault::ReadFailed:
      return ErrorCode::Io;
    default:
      return ErrorCode::Damaged;
  }
}

}  // namespace

Result<SegmentFile> SegmentFile::open(const std::string& path) {
  WEIR_TRY(auto file, FileReader::open(path));
  return open(std::move(file), path);
}

Result<SegmentFile> SegmentFile::open(std::unique_ptr<RangeReader> file, std::string name) {
  auto head = read_head(*file);
  if (!head) return std::move(head).error().with_context(name);
  return SegmentFile(std::move(file), std::move(name), std::move(*head));
}

Result<std::optional<std::uint64_t>> find_tail(const RangeReader& file, const Uuid& segment) {
  using Nothing = std::optional<std::uint64_t>;
  constexpr std::uint32_t kFrontBytes = 40;  // up to the UUID
  WEIR_TRY(const std::uint64_t size, file.size());
  std::array<std::uint8_t, kFrontBytes> bytes;
  if (size < kUnitAlignment || size % kUnitAlignment != 0) return Nothing();
  WEIR_TRY(std::size_t got, file.read_at(size - 4, std::span(bytes).first(4)));
  const std::uint32_t length = load_le32(bytes.data());
  if (got < 4 || length < kDirectoryHeaderBytes || length > kUnitBytesMax || length > size) {
    return Nothing();
  }
  WEIR_TRY(got, file.read_at(size - length, bytes));
  const auto head = block_head_at(Bytes(bytes).first(got));
  if (!head || got < bytes.size() || head->kind != Kind::Directory || head->total_bytes != length ||
      !std::equal(segment.begin(), segment.end(), bytes.data() + 24)) {
    return Nothing();
  }
  return Nothing(load_le64(bytes.data() + 16));
}

Result<SegmentTail> decode_tail(const Unit& unit) {
  const auto facts = tail_at(unit.bytes);
  const std::uint32_t unit_bytes = unit.header.unit_bytes;
  if (!facts || unit.block.kind != Kind::Tail || unit.bytes.size() != unit_bytes ||
      unit.block.total_bytes < kTailHeaderBytes) {
    return damaged("tail: no such unit");
  }
  const std::uint32_t at = facts->directory_offset;
  if (at < unit.block.total_bytes || at >= unit_bytes) {
    return damaged("tail: its directory is not in it");
  }
  WEIR_TRY(auto directory, decode_directory(unit.bytes.subspan(at)));
  if (load_le32(unit.bytes.data() + unit_bytes - 4) != unit_bytes - at) {
    return damaged("directory: does not reach to the end of the file");
  }
  if (directory.tail_offset != unit.header.file_offset ||
      directory.segment != unit.header.segment) {
    return damaged("directory: of another place or segment");
  }
  return SegmentTail{.directory = std::move(directory),
                     .facts = *facts,
                     .ordinal = unit.header.ordinal,
                     .unit_bytes = unit_bytes};
}

Result<std::optional<SegmentTail>> SegmentFile::tail() const {
  WEIR_TRY(const auto offset, find_tail(*file_, head_.segment));
  if (!offset) return std::optional<SegmentTail>();
  WEIR_TRY(const std::uint64_t size, file_->size());
  std::vector<std::uint8_t> buffer;
  WEIR_TRY(const Unit tail, unit(*offset, buffer));
  auto decoded = decode_tail(tail);
  if (!decoded) return std::move(decoded).error().with_context(name_);
  if (tail.end() != size) return damaged(name_ + ": its tail is not its end");
  return std::optional<SegmentTail>(std::move(*decoded));
}

Result<Unit> SegmentFile::read(std::uint64_t offset, Depth depth,
                               std::vector<std::uint8_t>& buffer) const {
  UnitRead read = read_unit(*file_, {.segment = head_.segment, .offset = offset}, depth, buffer);
  if (read.fault == UnitFault::None) return read.unit;
  return Error{.code = code_of(read.fault),
               .context = name_ + ": at byte " + std::to_string(offset) + ": " + read.text()};
}

Result<Unit> SegmentFile::unit_header(std::uint64_t offset,
                                      std::vector<std::uint8_t>& buffer) const {
  return read(offset, Depth::Header, buffer);
}

Result<Unit> SegmentFile::unit(std::uint64_t offset, std::vector<std::uint8_t>& buffer) const {
  return read(offset, Depth::Bytes, buffer);
}

}  // namespace weir::storage::segment
