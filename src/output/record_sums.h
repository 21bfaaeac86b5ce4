// Adds up what several workers tell of the same interval: stats.log and capture_loss.log have one
// record for it, however many workers there were.
#pragma once

#include <cstdint>
#include <optional>

#include "protocol/deep/record_sink.h"

namespace weir::output {

// Holds the sums of one order at a time. One owner.
class RecordSums {
 public:
  enum class Taken : std::uint8_t {
    No,     // not a record that is summed
    First,  // held, and the first of its log and order
    Added,  // has become a part of the one that is held
  };

  // Only while it holds nothing of another order.
  Taken add(const protocol::Record& record) noexcept;

  [[nodiscard]] bool empty() const noexcept { return !stats_ && !loss_; }
  // Whether a record of `order` would have to wait until what is held has been released.
  [[nodiscard]] bool hold_other_than(protocol::RecordOrder order) const noexcept {
    return !empty() && order_ != order;
  }
  // Whether what is held is complete once all records before `order` have been added.
  [[nodiscard]] bool hold_before(protocol::RecordOrder order) const noexcept {
    return !empty() && order_ < order;
  }

  // What is held, to `visit`, as records; holds nothing afterwards.
  template <typename Visit>
  void release(Visit&& visit) {
    if (stats_) visit(protocol::Record{.order = order_, .body = *stats_});
    if (loss_) visit(protocol::Record{.order = order_, .body = *loss_});
    stats_.reset();
    loss_.reset();
  }

 private:
  protocol::RecordOrder order_;
  std::optional<protocol::StatsRecord> stats_;
  std::optional<protocol::CaptureLossRecord> loss_;
};

}  // namespace weir::output
