// Looks at the segments of a store by several threads: a store of a terabyte has a thousand of
// them, and of each the directory has to be read, one wait for the disk after the other.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "capture/retrieval/index_expression.h"
#include "capture/retrieval/query_counts.h"
#include "capture/retrieval/segment_planner.h"

namespace weir::capture::retrieval {

// One thread owns it; its own threads end with each call. All that is borrowed outlives it.
class SegmentSurvey {
 public:
  // Of so many segments what was found is in memory at a time.
  static constexpr std::size_t kAtATime = 128;

  struct Place {
    std::string path;
    SegmentPlanner::Look look;
  };

  SegmentSurvey(const IndexExpression& expression, const TimeWindow& window, std::uint32_t threads,
                std::atomic<std::uint64_t>& bytes_read)
      : expression_(expression), window_(window), threads_(threads), bytes_read_(bytes_read) {}

  // As SegmentPlanner has it.
  void stop_reading_ahead() noexcept { reads_ahead_ = false; }
  // At most kAtATime; what was found of each, in their order, in which it is counted too.
  std::vector<SurveyedSegment> look(std::span<const Place> places, QueryCounts& counts);

 private:
  const IndexExpression& expression_;
  const TimeWindow& window_;
  const std::uint32_t threads_;
  std::atomic<std::uint64_t>& bytes_read_;
  bool reads_ahead_ = true;
};

}  // namespace weir::capture::retrieval
