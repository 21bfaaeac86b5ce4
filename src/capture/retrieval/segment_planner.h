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
#include "capture/retrieval/named_flows.h"
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
  bool wanted = false;  // it has to be planned
  bool gone = false;    // it was deleted meanwhile
  // What was lost in the asked time is among the counts; else that is for plan().
  bool losses_counted = false;
  Timestamp first = {};  // none of its packets of the asked time is earlier
  std::vector<CaptureInterface> interfaces = {};  // as its head has them
  // Left in memory where that was asked for.
  std::optional<storage::segment::SegmentFile> file = {};
  std::optional<storage::segment::Directory> directory = {};
  std::vector<ChunkTask> tasks = {};  // of one that is not sealed: already planned
  NamedFlows flows = {};              // likewise
};

// One thread. All that is borrowed outlives it.
class SegmentPlanner {
 public:
  // `bytes_read`: of all files that are opened here, by whomever.
  SegmentPlanner(const IndexExpression& expression, const TimeWindow& window, QueryCounts& counts,
                 std::atomic<std::uint64_t>& bytes_read)
      : expression_(expression), window_(window), counts_(counts), bytes_read_(bytes_read) {}

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
    NamedFlows flows;  // of the uid that is asked for
  };
  std::optional<Planned> plan(SurveyedSegment& segment);

  // As plan() opened it.
  [[nodiscard]] static const ChunkFile& chunk_file(
      const storage::segment::SegmentFile& file) noexcept;

 private:
  using ChunkMask = storage::segment::ChunkMask;

  void survey_sealed(SurveyedSegment& segment);
  void survey_open(SurveyedSegment& segment, bool in_use, bool tail_damaged);
  Result<storage::segment::SegmentFile> open(const std::string& path);
  void tell_error(SurveyedSegment& segment, const Error& error);
  // Nothing in the page matches, as the filters of the segment say. Says by which column.
  bool ruled_out_by_filters(const storage::segment::Directory& directory,
                            const storage::segment::DirectoryPage& page, SkippedBy& skipped) const;
  void plan_page(const storage::segment::SegmentFile& file,
                 const storage::segment::Directory& directory, std::size_t index,
                 std::vector<ChunkTask>& tasks);
  bool take_page(const storage::segment::SegmentFile& file, std::uint64_t end,
                 std::vector<ChunkTask>& tasks);
  ChunkMask possible_chunks(const std::string& name, ChunkMask chunks, PageReader& page);
  [[nodiscard]] bool asks_for_uid() const noexcept;
  ChunkMask take_uids(const std::string& name, ChunkMask possible, const PageReader& page,
                      const std::optional<NamedFlows::Page>& uids);
  void walk_page(const storage::segment::SegmentFile& file,
                 const storage::segment::Directory& directory, std::size_t index,
                 std::vector<ChunkTask>& tasks);
  // Counts a chunk and what is lost before it. False: it is not of the asked time.
  bool consider(const storage::segment::ChunkRow& row);
  // One that no page tells of.
  void add_unindexed(const storage::segment::ChunkRow& row, std::uint32_t number,
                     std::vector<ChunkTask>& tasks);
  void add_task(const storage::segment::ChunkRow& row, std::uint32_t number,
                std::vector<ChunkTask>& tasks);
  struct OpenEnd {
    bool in_use = false;
    bool tail_damaged = false;
    Timestamp until;  // of the last packet that was found in it
  };
  void tell_end(const storage::segment::SegmentFile& file, const storage::segment::UnitWalk& walk,
                const OpenEnd& open);
  // Where what is certain ends, as far as it was looked at: `end`, or before it.
  std::uint64_t cut_at_acknowledged(const storage::segment::SegmentFile& file,
                                    std::vector<ChunkTask>& tasks, std::uint64_t end);
  void count_skipped(const storage::segment::DirectoryPage& page, const SkippedBy& skipped);
  bool count_losses_of(const storage::segment::SegmentFile& file,
                       const storage::segment::Directory& directory);

  const IndexExpression& expression_;
  const TimeWindow& window_;
  QueryCounts& counts_;
  PageReader page_;
  NamedFlows flows_;              // of the segment that is being planned
  bool rows_tell_losses_ = true;  // of the segment that is being planned; else they are counted
  bool reads_ahead_ = true;
  std::atomic<std::uint64_t>& bytes_read_;
};

}  // namespace weir::capture::retrieval
