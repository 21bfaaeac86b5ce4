// A segment opened for reading: its head, its directory when it is sealed, and any of its units.
// One that is still written to can be read: what is not whole yet is not there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "storage/segment/directory.h"
#include "storage/segment/format.h"
#include "storage/segment/range_reader.h"
#include "storage/segment/segment_head.h"
#include "storage/segment/unit_walk.h"

namespace weir::storage::segment {

// Of a sealed segment.
struct SegmentTail {
  Directory directory;
  TailFacts facts;
  std::uint32_t ordinal = 0;
  std::uint32_t unit_bytes = 0;
};

// All errors name the file. Any thread: nothing changes after open(); buffers are the caller's.
class SegmentFile {
 public:
  // Errors of read_head() and of the system.
  static Result<SegmentFile> open(const std::string& path);
  static Result<SegmentFile> open(std::unique_ptr<RangeReader> file, std::string name);

  [[nodiscard]] const SegmentHead& head() const noexcept { return head_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const RangeReader& file() const noexcept { return *file_; }
  // Now, of a file that may grow.
  [[nodiscard]] Result<std::uint64_t> size() const { return file_->size(); }

  // Its tail, by the last four bytes of the file. Nothing: not sealed. Damaged: the file ends as a
  // sealed one does, but its tail is not what was written.
  [[nodiscard]] Result<std::optional<SegmentTail>> tail() const;

  // A unit by its place, as a directory or a page tells it; not the head. Header alone: its first
  // kUnitPrefixBytes. The unit is valid as long as `buffer` is not changed.
  [[nodiscard]] Result<Unit> unit_header(std::uint64_t offset,
                                         std::vector<std::uint8_t>& buffer) const;
  [[nodiscard]] Result<Unit> unit(std::uint64_t offset, std::vector<std::uint8_t>& buffer) const;

  // From the head on.
  [[nodiscard]] UnitWalk walk(Depth depth) const noexcept { return {*file_, head_.place(), depth}; }

 private:
  SegmentFile(std::unique_ptr<RangeReader> file, std::string name, SegmentHead head)
      : file_(std::move(file)), name_(std::move(name)), head_(std::move(head)) {}
  [[nodiscard]] Result<Unit> read(std::uint64_t offset, Depth depth,
                                  std::vector<std::uint8_t>& buffer) const;

  std::unique_ptr<RangeReader> file_;
  std::string name_;
  SegmentHead head_;
};

// Where the file, as it ends now, says that its tail begins. Nothing: it does not end with a
// directory of this segment.
[[nodiscard]] Result<std::optional<std::uint64_t>> find_tail(const RangeReader& file,
                                                             const Uuid& segment);
// Of a tail unit that has been checked. Damaged: it contradicts itself or its place.
[[nodiscard]] Result<SegmentTail> decode_tail(const Unit& unit);

}  // namespace weir::storage::segment
