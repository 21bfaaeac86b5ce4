// What the units of a segment say of themselves and of each other, against what is in them: the
// part of verify.h that looks inside units whose checksums are good.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "storage/segment/directory.h"
#include "storage/segment/format.h"
#include "storage/segment/records.h"
#include "storage/segment/segment_head.h"
#include "storage/segment/unit_walk.h"

namespace weir::storage::segment {

struct Finding {
  std::uint64_t offset = 0;  // in the file
  std::string what;
  friend bool operator==(const Finding&, const Finding&) = default;
};

// As many findings as are kept; the others are counted.
class Findings {
 public:
  explicit Findings(std::size_t most) noexcept : most_(most) {}

  void add(std::uint64_t offset, std::string what);
  [[nodiscard]] const std::vector<Finding>& list() const noexcept { return list_; }
  [[nodiscard]] std::vector<Finding>& list() noexcept { return list_; }
  [[nodiscard]] std::uint64_t left_out() const noexcept { return left_out_; }

 private:
  std::size_t most_;
  std::vector<Finding> list_;
  std::uint64_t left_out_ = 0;
};

// Of the chunks and pages that were seen.
struct SegmentTotals {
  std::uint64_t units = 0;
  std::uint32_t chunks = 0;
  std::uint32_t pages = 0;
  std::uint64_t packets = 0;
  std::uint64_t wire_bytes = 0;
  std::uint64_t lost = 0;  // packets that are missing, as the chunks say
  TimeSpan times;
  friend bool operator==(const SegmentTotals&, const SegmentTotals&) = default;
};

// Takes the units of a segment one by one, in file order, behind the head. One thread; `findings`
// outlives it.
class ContentCheck {
 public:
  ContentCheck(const SegmentHead& head, Findings& findings) noexcept
      : interfaces_(RecordCursor::interfaces_of(head)), findings_(findings) {}

  void take(const Unit& unit);
  // Units are missing here: what follows need not continue what was before, and what is said of the
  // whole segment cannot be checked.
  void skip() noexcept;

  [[nodiscard]] const SegmentTotals& totals() const noexcept { return totals_; }
  // From the tail, once it was taken.
  [[nodiscard]] bool sealed() const noexcept { return sealed_; }
  [[nodiscard]] bool recovered() const noexcept { return recovered_; }
  [[nodiscard]] std::uint64_t cut_bytes() const noexcept { return cut_bytes_; }

 private:
  void take_chunk(const Unit& unit);
  void check_records(const Unit& unit, const ChunkFacts& chunk);
  void check_padding(const Unit& unit, const ChunkFacts& chunk);
  void take_page(const Unit& unit);
  void check_range(const Unit& unit, const PageFacts& page);
  void check_columns(const Unit& unit, const PageFacts& page, DirectoryPage& entry);
  void check_rows(const Unit& unit, const PageFacts& page, Bytes rows);
  void take_tail(const Unit& unit);
  void check_directory(const Unit& unit, const Directory& directory);
  // At the unit that is being taken.
  void find(const Unit& unit, std::string what) {
    findings_.add(unit.header.file_offset, std::move(what));
  }

  const RecordCursor::Interfaces interfaces_;
  Findings& findings_;
  SegmentTotals totals_;
  ChunkDecoder decoder_;
  std::vector<std::uint8_t> records_;
  std::vector<ChunkRow> rows_;    // of the chunks since the last page
  std::uint32_t rows_first_ = 0;  // number of the first of them
  std::vector<DirectoryPage> pages_;
  std::uint32_t chunk_next_ = 0;
  std::uint64_t packets_before_ = 0;
  bool whole_ = true;       // nothing was skipped
  bool resuming_ = false;   // behind something that was skipped, before the next chunk
  bool page_open_ = false;  // likewise, before the next page: its first chunks are unknown
  bool sealed_ = false;
  bool recovered_ = false;
  std::uint64_t cut_bytes_ = 0;
};

}  // namespace weir::storage::segment
