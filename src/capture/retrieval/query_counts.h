// What a query looked at, what it left out and why, and what it could not have: plain numbers and
// sentences, behind --explain and the closing lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/time.h"
#include "capture/retrieval/index_expression.h"
#include "capture/retrieval/read_pace.h"
#include "storage/segment/format.h"

namespace weir::capture::retrieval {

// Both ends included.
struct TimeWindow {
  Timestamp since = {std::numeric_limits<std::int64_t>::min()};
  Timestamp until = {std::numeric_limits<std::int64_t>::max()};

  // No bound: packets without a time are in it too.
  [[nodiscard]] bool everything() const noexcept {
    return since.ns == std::numeric_limits<std::int64_t>::min() &&
           until.ns == std::numeric_limits<std::int64_t>::max();
  }
  [[nodiscard]] bool contains(Timestamp time) const noexcept {
    return time >= since && time <= until;
  }
  // Some packets of the span can be in it.
  [[nodiscard]] bool touches(const storage::segment::TimeSpan& span) const noexcept {
    return everything() || (!span.empty() && span.first <= until && span.last >= since);
  }
  [[nodiscard]] bool covers(const storage::segment::TimeSpan& span) const noexcept {
    return everything() || span.empty() || (contains(span.first) && contains(span.last));
  }
};

// Sentences, as many as are kept; the others are counted.
class Sentences {
 public:
  static constexpr std::size_t kMost = 64;
  void add(std::string sentence) {
    ++count_;
    if (kept_.size() < kMost) kept_.push_back(std::move(sentence));
  }
  [[nodiscard]] const std::vector<std::string>& kept() const noexcept { return kept_; }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  std::vector<std::string> kept_;
  std::uint64_t count_ = 0;
};

// Of segments, pages or chunks.
struct LookedAt {
  std::uint64_t considered = 0;
  std::uint64_t skipped_by_time = 0;
  SkippedBy skipped_by_column{};
  std::uint64_t read = 0;
};

struct QueryCounts {
  LookedAt segments;
  LookedAt chunks;  // of all segments, also of those that were skipped
  std::uint64_t pages = 0;
  std::uint64_t pages_read = 0;
  std::uint64_t chunks_without_index = 0;  // read because no page tells of them
  std::uint64_t open_segments = 0;         // not sealed: read up to the last whole unit
  std::uint64_t index_bytes = 0;  // read of heads, directories, index pages and unit headers
  std::uint64_t chunk_bytes = 0;  // read of chunks
  std::uint64_t packets_examined = 0;
  std::uint64_t packets_outside = 0;  // of these, not of the asked time
  std::uint64_t packets_matched = 0;
  std::uint64_t packets_out_of_order = 0;  // given behind later ones

  // What is missing, as the chunks that touch the asked time tell it.
  std::uint64_t packets_lost = 0;
  storage::segment::TimeSpan lost_times;  // of these chunks

  PaceReport pace;  // of the chunks

  Sentences damaged;                  // what could not be read; its packets are not in the answer
  Sentences gone;                     // segments that were deleted while they were asked
  Sentences notes;                    // nothing is missing for these
  std::uint64_t packets_damaged = 0;  // in chunks that could not be read, where that is known

  [[nodiscard]] bool complete() const noexcept {
    return packets_lost == 0 && damaged.count() == 0 && gone.count() == 0;
  }
};

// "time", "ipv4", ...: of a column, as explanations say it.
std::string_view name_of(storage::segment::Column column) noexcept;

}  // namespace weir::capture::retrieval
