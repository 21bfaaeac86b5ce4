#include "storage/segment/cut_segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/unique_fd.h"
#include "storage/segment/segment_file.h"

namespace weir::storage::segment {
namespace {

// Whether the chunk follows those before it.
bool take_chunk(const Unit& unit, FoundSegment& found) {
  const auto chunk = chunk_at(unit.header_block());
  const std::uint64_t packets_before =
      found.chunks.empty()
          ? 0
          : found.chunks.back().facts.packets_before + found.chunks.back().facts.packets;
  if (!chunk || unit.block.total_bytes < kChunkHeaderBytes ||
      chunk->number != found.chunks.size() || chunk->packets_before != packets_before) {
    return false;
  }
  found.chunks.push_back({.row = {.offset = unit.header.file_offset,
                                  .unit_bytes = unit.header.unit_bytes,
                                  .packets = chunk->packets,
                                  .times = chunk->times,
                                  .wire_bytes = chunk->wire_bytes,
                                  .lost = chunk->lost},
                          .facts = *chunk,
                          .ordinal = unit.header.ordinal});
  return true;
}

// Whether the page tells of the chunks since the page before it.
bool take_page(const Unit& unit, FoundSegment& found) {
  const auto page = directory_page(unit.bytes);
  if (!page || page->first_chunk != found.chunks_in_pages ||
      page->chunks != found.chunks.size() - found.chunks_in_pages) {
    return false;
  }
  found.pages.push_back(*page);
  found.chunks_in_pages += page->chunks;
  return true;
}

bool take(const Unit& unit, FoundSegment& found) {
  switch (unit.block.kind) {
    case Kind::Head:
      return unit.header.file_offset == 0;
    case Kind::Chunk:
      return take_chunk(unit, found);
    case Kind::Index:
      return take_page(unit, found);
    case Kind::Tail:
      return decode_tail(unit).ok();
    case Kind::Padding:
    case Kind::Data:
    case Kind::Directory:
      break;
  }
  return false;
}

}  // namespace

Result<FoundSegment> find_segment_end(const std::string& path) {
  WEIR_TRY(const SegmentFile file, SegmentFile::open(path));
  FoundSegment found;
  found.head = file.head();
  UnitWalk walk = file.walk(Depth::Bytes);
  while (const auto unit = walk.next()) {
    if (!take(*unit, found)) {
      found.stopped = {.fault = UnitFault::NotAUnit,
                       .unit = {},
                       .detail = "a unit that does not continue what is before it"};
      break;
    }
    found.end = unit->end();
    found.next_ordinal = unit->header.ordinal + 1;
    found.sealed = unit->block.kind == Kind::Tail;
  }
  if (found.stopped.fault == UnitFault::None) found.stopped = walk.end();
  if (found.stopped.fault == UnitFault::ReadFailed) {
    return Error{.code = ErrorCode::Io, .context = found.stopped.detail};
  }
  WEIR_TRY(const std::uint64_t size, file.size());
  found.file_bytes = std::max(size, found.end);
  return found;
}

Result<std::uint64_t> truncate_segment(const std::string& path, std::uint64_t end) {
  const std::string what = "cut " + path;
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd) return system_error(errno, what);
  struct stat facts = {};
  if (::fstat(fd.get(), &facts) != 0) return system_error(errno, what);
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  if (size < end) {
    return Error{.code = ErrorCode::Truncated,
                 .context = what + ": has " + std::to_string(size) + " bytes, fewer than the " +
                            std::to_string(end) + " to keep"};
  }
  if (size > end && ::ftruncate(fd.get(), static_cast<off_t>(end)) != 0) {
    return system_error(errno, what);
  }
  if (::fsync(fd.get()) != 0) return system_error(errno, what);
  return size - end;
}

}  // namespace weir::storage::segment
