// How far a stream of records has come: told by its producer, asked by the merger.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

#include "protocol/deep/records.h"

namespace weir::output {

// Where all streams end. Records of this very order may come before it, none after.
inline constexpr protocol::RecordOrder kRecordsEnd{
    .tick = std::numeric_limits<std::uint64_t>::max(),
    .rank = std::numeric_limits<std::uint64_t>::max()};

// One writer, whose orders never go back; any thread reads. An order is two words, and a reader may
// find them in the middle of a change: then it is told less than has been reached, never more.
//
// Why: the writer goes from (t, r) to (t', r') by rank := 0, tick := t', rank := r'; the reader
// takes the tick first. If it takes t', its rank was written after the 0 and for t' or later. If it
// takes an older tick, the pair is below t', whatever the rank is.
class RecordProgress {
 public:
  void advance_to(protocol::RecordOrder order) noexcept {
    if (order.tick != tick_.load(std::memory_order_relaxed)) {
      rank_.store(0);
      tick_.store(order.tick);
    }
    rank_.store(order.rank);
  }
  // Who reads an order also sees all that its writer did before telling it.
  [[nodiscard]] protocol::RecordOrder reached() const noexcept {
    const std::uint64_t tick = tick_.load();
    const std::uint64_t rank = rank_.load();
    return {.tick = tick, .rank = rank};
  }

 private:
  std::atomic<std::uint64_t> tick_{0};
  std::atomic<std::uint64_t> rank_{0};
};

}  // namespace weir::output
