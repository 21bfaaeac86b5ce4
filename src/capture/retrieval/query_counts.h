// What a query looked at, what it left out and why, and what it could not have: plain numbers and
// sentences, behind --explain and the closing lines.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/time.h"
#include "capture/retrieval/index_expression.h"
#include "capture/retrieval/read_pace.h"
#include "storage/segment/expired_log.h"
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
  void add(const Sentences& others) {
    for (const std::string& one : others.kept_) add(one);
    count_ += others.count_ - others.kept_.size();
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

  void add(const LookedAt& others) noexcept;
};

// What the capture lost, and between which packets: of a chunk, or of a whole segment.
struct LossGap {
  std::uint64_t packets = 0;
  storage::segment::TimeSpan times;
};

// Packets that were lost, as the chunks that touch the asked time tell it.
struct Losses {
  static constexpr std::size_t kGapsMax = 64;
  std::uint64_t packets = 0;
  storage::segment::TimeSpan times;  // of the chunks that tell of them
  std::vector<LossGap> gaps;         // the first kGapsMax that were met

  void add(std::uint64_t lost, const storage::segment::TimeSpan& of);
  void add(const Losses& others);
};

// Segments of the asked time that were deleted before the query could read them, as their store
// remembers it (storage/segment/expired_log.h).
struct Expired {
  std::uint64_t segments = 0;
  std::uint64_t packets = 0;           // certainly of the asked time
  std::uint64_t packets_at_most = 0;   // with those of segments that lie in it in part
  std::uint64_t uncounted = 0;         // of the segments: damaged, nobody knows of which packets
  std::uint64_t unknown = 0;           // deletions of which the store does not know any more
  storage::segment::TimeSpan times;    // of these packets
  storage::segment::TimeSpan deleted;  // when
  std::array<std::uint64_t, storage::segment::kDeletionReasons> by_reason{};

  void add(const storage::segment::ExpiredRecord& record, const TimeWindow& window);
  [[nodiscard]] bool any() const noexcept { return segments != 0 || unknown != 0; }
};

// Segments that a capture is writing to: what comes behind the last packet of their files is not in
// the answer.
struct Growing {
  std::uint64_t segments = 0;
  Timestamp until = {std::numeric_limits<std::int64_t>::max()};  // the earliest of their last ones

  void add(const Growing& others) noexcept;
};

struct QueryCounts {
  LookedAt segments;
  LookedAt chunks;  // of all segments, also of those that were skipped
  std::uint64_t pages = 0;
  std::uint64_t pages_read = 0;
  std::uint64_t chunks_without_index = 0;  // read because no page tells of them
  // Where a uid is asked for:
  std::uint64_t chunks_without_uids = 0;  // that may match otherwise, and say nothing of uids
  std::uint64_t chunks_with_uids = 0;     // of the asked time, that do
  std::uint64_t chunks_of_two_flows = 0;  // read, and another flow has the same identity there
  std::uint64_t open_segments = 0;        // not sealed: read up to the last whole unit
  std::uint64_t index_bytes = 0;  // read of heads, directories, index pages and unit headers
  std::uint64_t chunk_bytes = 0;  // read of chunks
  std::uint64_t packets_examined = 0;
  std::uint64_t packets_outside = 0;  // of these, not of the asked time
  std::uint64_t packets_matched = 0;
  std::uint64_t packets_out_of_order = 0;  // given behind later ones

  PaceReport pace;  // of the chunks

  // What is missing.
  Losses lost;
  Expired expired;
  Growing growing;
  Sentences damaged;                  // what could not be read; its packets are not in the answer
  Sentences gone;                     // segments that were deleted while they were asked
  Sentences unsealed;                 // that end early, and nobody writes to them
  Sentences notes;                    // nothing is missing for these
  std::uint64_t packets_damaged = 0;  // in chunks that could not be read, where that is known

  // What the survey of segments counts; not what their stores remember and their packets show.
  void add(const QueryCounts& surveyed);

  [[nodiscard]] bool complete() const noexcept {
    return lost.packets == 0 && !expired.any() && damaged.count() == 0 && gone.count() == 0 &&
           unsealed.count() == 0 && chunks_without_uids == 0;
  }
};

// Counts that files tell can be anything.
[[nodiscard]] constexpr std::uint64_t capped_sum(std::uint64_t a, std::uint64_t b) noexcept {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  return a > kMost - b ? kMost : a + b;
}

// "time", "ipv4", ...: of a column, as explanations say it.
std::string_view name_of(storage::segment::Column column) noexcept;

}  // namespace weir::capture::retrieval
