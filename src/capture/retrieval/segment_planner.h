// From a segment to the chunks of it that can have packets of the answer: by its directory, its
// index pages and the times of its chunks. docs/segment-format.md; docs/query.md says the rules.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "capture/retrieval/chunk_file.h"
#include "capture/retrieval/index_expression.h"
#include "capture/retrieval/page_reader.h"
#include "capture/retrieval/query_counts.h"
#include "storage/segment/directory.h"
#include "storage/segment/segment_file.h"

namespace weir::capture::retrieval {

// A chunk that is to be read.
struct ChunkTask {
  std::uint64_t offset = 0;  // in the file
  std::uint32_t unit_bytes = 0;
  std::uint32_t packets = 0;
  std::uint32_t number = 0;  // in the segment
  Timestamp first = {};  // none of its packets is earlier; of those without a time nothing is said
};

// What is known of a segment before its pages are looked at.
struct SurveyedSegment {
  std::string path;
  std::uint64_t file_bytes = 0;
  bool wanted = false;   // it has to be planned
  Timestamp first = {};  // none of its packets of the asked time is earlier
  // Left in memory where that was asked for.
  std::optional<storage::segment::SegmentFile> file = {};
  std::optional<storage::segment::Directory> directory = {};
  std::vector<ChunkTask> tasks = {};  // of one that is not sealed: already planned
};

// One thread. All that is borrowed outlives it.
class SegmentPlanner {
 public:
  SegmentPlanner(const IndexExpression& expression, const TimeWindow& window, QueryCounts& counts)
      : expression_(expression), window_(window), counts_(counts) {}

  // Of what it opens from now on the kernel reads nothing ahead.
  void stop_reading_ahead() noexcept { reads_ahead_ = false; }
  // Opens a segment of a store. What is wrong with it is told by the counts.
  struct Look {
    bool in_use = false;     // a capture may be writing to it: its end need not be whole
    bool keep_open = false;  // what was found stays in memory, for plan()
  };
  SurveyedSegment survey(const std::string& path, const Look& look);
  // The chunks of a wanted segment, by their first time, and open to read them. Nothing: it is gone
  // or damaged, as the counts tell.
  struct Planned {
    std::unique_ptr<storage::segment::SegmentFile> file;
    std::vector<ChunkTask> tasks;
  };
  std::optional<Planned> plan(SurveyedSegment& segment);

  // As plan() opened it.
  [[nodiscard]] static const ChunkFile& chunk_file(
      const storage::segment::SegmentFile& file) noexcept;

  // Read of all files that it opened, by whomever.
  [[nodiscard]] std::uint64_t bytes_read() const noexcept { return bytes_read_.load(); }

 private:
  using ChunkMask = storage::segment::ChunkMask;

  void survey_sealed(SurveyedSegment& segment);
  void survey_open(SurveyedSegment& segment, bool in_use, bool tail_damaged);
  Result<storage::segment::SegmentFile> open(const std::string& path);
  void tell_error(const std::string& path, const Error& error);
  // Nothing in the page matches, but for its opaque chunks, as the filters of the segment say. Says
  // by which column.
  bool ruled_out_by_filters(const storage::segment::Directory& directory,
                            const storage::segment::DirectoryPage& page, SkippedBy& skipped) const;
  void plan_page(const storage::segment::SegmentFile& file,
                 const storage::segment::Directory& directory, std::size_t index,
                 std::vector<ChunkTask>& tasks);
  bool take_page(const storage::segment::SegmentFile& file, std::uint64_t end,
                 std::vector<ChunkTask>& tasks);
  ChunkMask possible_chunks(const std::string& name, ChunkMask chunks, PageReader& page);
  void walk_page(const storage::segment::SegmentFile& file,
                 const storage::segment::Directory& directory, std::size_t index,
                 std::vector<ChunkTask>& tasks);
  // Counts a chunk and what is lost before it. False: it is not of the asked time.
  bool consider(const storage::segment::ChunkRow& row);
  void add_task(const storage::segment::ChunkRow& row, std::uint32_t number,
                std::vector<ChunkTask>& tasks);
  void cut_at_acknowledged(const storage::segment::SegmentFile& file, std::vector<ChunkTask>& tasks,
                           std::uint64_t end);
  void count_skipped(const storage::segment::DirectoryPage& page, const SkippedBy& skipped);
  void count_losses_of(const storage::segment::Directory& directory);

  const IndexExpression& expression_;
  const TimeWindow& window_;
  QueryCounts& counts_;
  PageReader page_;
  bool reads_ahead_ = true;
  bool rows_tell_losses_ = true;  // of the segment that is being planned; else its directory did
  std::atomic<std::uint64_t> bytes_read_{0};
};

}  // namespace weir::capture::retrieval
