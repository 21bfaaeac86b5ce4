// The first half of recovery: where a segment ends that was not sealed, and what it holds up to
// there. Cutting is separate: the caller decides.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/segment/directory.h"
#include "storage/segment/format.h"
#include "storage/segment/segment_head.h"
#include "storage/segment/unit_walk.h"

namespace weir::storage::segment {

struct FoundChunk {
  ChunkRow row;  // as a page tells of it
  ChunkFacts facts;
  std::uint32_t ordinal = 0;  // of its unit
};

struct FoundSegment {
  SegmentHead head;
  std::uint64_t file_bytes = 0;
  std::uint64_t end = 0;           // behind the last good unit; what lies beyond does not count
  std::uint32_t next_ordinal = 0;  // of a unit that is written there
  std::vector<FoundChunk> chunks;  // all, by their numbers from 0
  std::vector<DirectoryPage> pages;
  std::uint32_t chunks_in_pages = 0;  // no page tells of the chunks from this number on
  bool sealed = false;                // it ends with a tail: nothing is to be recovered
  UnitRead stopped;                   // why it ends there; fault None: with the file

  [[nodiscard]] std::uint64_t torn_bytes() const noexcept { return file_bytes - end; }
};

// Reads the whole file; every unit up to `end` has a good checksum and continues the one before it,
// chunks and pages by their numbers too. Errors of SegmentFile::open(): without a good head nothing
// is known of it.
[[nodiscard]] Result<FoundSegment> find_segment_end(const std::string& path);

// Cuts the file to its first `end` bytes, and returns when that is on the disk. How many bytes were
// cut off. Truncated, and nothing done: it is shorter than that.
[[nodiscard]] Result<std::uint64_t> truncate_segment(const std::string& path, std::uint64_t end);

}  // namespace weir::storage::segment
