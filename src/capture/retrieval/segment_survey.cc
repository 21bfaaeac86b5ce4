#include "capture/retrieval/segment_survey.h"

#include <algorithm>
#include <thread>

#include "base/assert.h"
#include "base/thread_name.h"

namespace weir::capture::retrieval {
namespace {

// Below this a thread is not worth its beginning.
constexpr std::size_t kSegmentsPerThread = 4;

}  // namespace

std::vector<SurveyedSegment> SegmentSurvey::look(std::span<const Place> places,
                                                 QueryCounts& counts) {
  WEIR_ASSERT(places.size() <= kAtATime);
  std::vector<SurveyedSegment> found(places.size());
  std::vector<QueryCounts> each(places.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < places.size(); i = next++) {
      SegmentPlanner planner(expression_, window_, each[i], bytes_read_);
      if (!reads_ahead_) planner.stop_reading_ahead();
      found[i] = planner.survey(places[i].path, places[i].look);
    }
  };
  const std::size_t helpers = std::min<std::size_t>(threads_, places.size() / kSegmentsPerThread);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < helpers; ++i) {
    threads.emplace_back([&work] {
      name_this_thread("survey");
      work();
    });
  }
  work();
  for (std::thread& thread : threads) thread.join();
  for (const QueryCounts& one : each) counts.add(one);
  return found;
}

}  // namespace weir::capture::retrieval
