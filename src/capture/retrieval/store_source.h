// The packets of stores that a query asks for, as a source for the pipeline: what its index rules
// out is not read, the rest is read by several threads, and packets come by time.
//
// Order: by packet time, over all lanes, segments and stores. Packets of one time come by store (as
// named), segment (by number), chunk, and place in the chunk; one without a time comes behind the
// packet that it stands behind. For that, all chunks that overlap in time have to be in memory at
// once. Where they are more than StoreQuery::answer_bytes_max, or of more than kOpenSegmentsMax
// segments (files of many times that were put into a store one by one), some packets come behind
// later ones, and are counted.
//
// What is missing is said in the answer: in a Section Header that comes first, in comments of the
// packets behind a damaged chunk, and in Interface Statistics at the end (answer_notes.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "capture/retrieval/answer_notes.h"
#include "capture/retrieval/chunk_scanner.h"
#include "capture/retrieval/packet_question.h"
#include "capture/retrieval/query_counts.h"
#include "capture/retrieval/scan_pool.h"
#include "capture/retrieval/segment_planner.h"
#include "capture/retrieval/segment_survey.h"
#include "filter/frame_filter.h"
#include "interface/source.h"
#include "storage/segment/store_directory.h"
#include "telemetry/counter.h"

namespace weir::capture::retrieval {

struct StoreQuery {
  std::vector<std::string> stores;  // directories
  TimeWindow window;
  std::string expression;  // pcap-filter; empty: every packet
  filter::Scope scope = filter::Scope::Frame;
  std::string community_id;  // empty: of any flow
  std::string uid;           // likewise
  TenantConditions tenant = {};
  std::uint32_t threads = 4;
  std::uint64_t answer_bytes_max = std::uint64_t{256} * 1024 * 1024;
  // Borrowed; null: nobody ends open() early. While the source is read, wake() and close() do.
  const std::atomic<bool>* stop = nullptr;
  // What it may leave in the page cache. Nothing: a sixteenth of the memory, and 256 MiB at least.
  std::optional<std::int64_t> cache_bytes = {};
};

// Its memory: answer_bytes_max and one chunk for each thread, the index pages of one segment at a
// time, and about 200 bytes for each segment of the stores.
class StoreSource final : public interface::Source {
 public:
  static constexpr std::size_t kOpenSegmentsMax = 256;
  static constexpr std::uint32_t kInterfacesMax = 65'536;

  // Looks at all segments of the stores; chunks are not read yet. Errors: Usage (no Community ID,
  // no uid), BadFilter (no link type of the stores takes the expression), Closed
  // (StoreQuery::stop), those of listing a directory.
  static Result<std::unique_ptr<StoreSource>> open(StoreQuery query);
  ~StoreSource() override;

  // Plans the first segment, so that interfaces() shows what its packets come from before anything
  // is done with them. Before the first next_batch(); begins no thread.
  void look_ahead();

  interface::Pull next_batch(PacketBatch& batch, std::uint32_t packets_max,
                             Duration timeout) override;
  void release(PacketBatch& batch) override;
  void close_intake() override { closed_ = true; }
  void close() override { closed_ = true; }
  void wake() noexcept override { pool_.wake(); }
  void refresh_statistics() override {}
  [[nodiscard]] const interface::SourceStatistics& statistics() const noexcept override {
    return statistics_;
  }
  [[nodiscard]] const InterfaceTable& interfaces() const noexcept override { return interfaces_; }
  [[nodiscard]] std::string_view mode() const noexcept override { return "file"; }
  [[nodiscard]] bool lossless() const noexcept override { return true; }
  [[nodiscard]] interface::Progress progress() const noexcept override {
    return {bytes_done_.value(), bytes_total_};
  }
  // Damage that was met, when all that is good has been given.
  [[nodiscard]] const std::optional<Error>& error() const noexcept override { return error_; }

  // When the source has ended, or is not read any more.
  [[nodiscard]] QueryCounts counts() const;
  // A capture writes into one of the stores: reads follow it.
  [[nodiscard]] bool paced() const noexcept { return paces_.any(); }
  // The index can leave out chunks by the expression.
  [[nodiscard]] bool uses_index() const noexcept { return index_.narrows(); }

 private:
  // Chunks of a segment that are still to be read.
  struct Planned {
    OpenSegment* segment = nullptr;  // of open_
    std::vector<ChunkTask> tasks;    // by time
    std::size_t next = 0;
    [[nodiscard]] Timestamp first() const noexcept { return tasks[next].first; }
  };

  explicit StoreSource(StoreQuery query);
  Result<void> survey();
  void take_surveyed(SurveyedSegment found);
  Result<void> try_expression();
  Result<void> plan_segment(SurveyedSegment& segment, std::uint32_t rank);
  std::uint32_t take_interface(const CaptureInterface& interface);
  Result<void> take_interfaces(OpenSegment& segment);
  [[nodiscard]] bool next_segment_is_due() const noexcept;
  [[nodiscard]] bool all_planned() const noexcept {
    return planned_.empty() && next_surveyed_ == surveyed_.size();
  }
  Result<void> read_ahead();
  // There is a packet that is certain to be next.
  [[nodiscard]] bool can_give() const noexcept;
  void submit_next();
  // Packets before this time can be given: all chunks that may have some are in memory.
  [[nodiscard]] std::optional<Timestamp> unread_from() const noexcept;
  void take_scanned();
  void give(PacketBatch& batch, std::uint32_t packets_max, bool in_any_case);
  void leave_chunk(OpenSegment& segment);
  void count_expired(const std::string& store, const storage::segment::StoreListing& listing,
                     const std::vector<bool>& gone);
  void count_deleted_meanwhile();
  interface::Pull lend(PacketBatch& batch, std::span<const SideBlock> blocks);
  interface::Pull end(PacketBatch& batch);

  StoreQuery query_;
  IndexExpression index_;
  QueryCounts counts_;
  std::atomic<std::uint64_t> bytes_read_{0};  // of all files
  SegmentSurvey survey_;
  SegmentPlanner planner_;
  std::deque<std::unique_ptr<PacketQuestion>> questions_;  // the last is the newest
  InterfaceTable interfaces_;

  AnswerNotes notes_;
  bool begun_ = false;             // the notes at the beginning were given ...
  bool ended_ = false;             // ... and those at the end
  std::vector<std::string> gone_;  // segments that were surveyed and then deleted

  std::vector<SurveyedSegment> surveyed_;            // in the order of the stores
  std::vector<std::uint32_t> ranks_;                 // places of these, by their first time
  std::size_t next_surveyed_ = 0;                    // in ranks_
  std::vector<Planned> planned_;                     // heap: the earliest first
  std::vector<std::unique_ptr<OpenSegment>> open_;   // that are planned or being read
  std::deque<std::unique_ptr<ChunkScan>> scanning_;  // in the order of the plan
  std::vector<std::unique_ptr<ChunkScan>> scanned_;  // heap: that with the earliest packet first
  std::vector<std::unique_ptr<ChunkScan>> given_;    // lent with the batch
  std::vector<std::unique_ptr<ChunkScan>> spare_;
  std::uint64_t answer_bytes_ = 0;  // of scanning and scanned
  Timestamp last_given_ = {std::numeric_limits<std::int64_t>::min()};
  int segments_left_ = 0;  // that this call may plan
  int chunks_left_ = 0;    // that this call may read in vain
  bool lent_ = false;
  std::atomic<bool> closed_{false};

  interface::SourceStatistics statistics_;
  telemetry::Counter bytes_done_;
  std::uint64_t bytes_total_ = 0;
  std::optional<Error> error_;
  ReadPaces paces_;
  CacheShare cache_share_;
  ScanPool pool_;  // ends first
};

}  // namespace weir::capture::retrieval
