// When files that end at UTC multiples of an interval end, also when clocks jump.
//
// A clock that is set back, or a time from a far future, moves the end away. So an interval is also
// over when, by the monotonic clock, it has lasted as long as was planned when it began, and
// kGrace, at most the interval and kGrace: from then on ends follow the wall clock as it is now.
// After each enter() the end lies behind what caused it: no clock, however it jumps, makes a file
// for each packet.
#pragma once

#include <limits>

#include "base/clock.h"
#include "base/time.h"

namespace weir::output {

// One thread. The clock is borrowed.
class RotationInterval {
 public:
  static constexpr Timestamp kNever = {std::numeric_limits<std::int64_t>::max()};
  // How long after the end of an interval what belongs to it may still come on a quiet link.
  static constexpr Duration kGrace = std::chrono::seconds(1);

  // Zero: it never ends.
  RotationInterval(Duration length, const Clock& clock) noexcept : length_(length), clock_(clock) {}

  // The interval that holds `time`. One that reaches beyond the range of time has no end.
  void enter(Timestamp time) noexcept;
  void enter_now() noexcept { enter(clock_.wall()); }
  // Whether it is over, by the clock.
  [[nodiscard]] bool over() const noexcept;
  // Whether a packet of this time comes after it.
  [[nodiscard]] bool ended_by(Timestamp time) const noexcept {
    return end_ != kNever && time >= end_;
  }

  [[nodiscard]] Timestamp begin() const noexcept { return begin_; }
  [[nodiscard]] Timestamp end() const noexcept { return end_; }
  // Where the interval that holds `time` begins.
  [[nodiscard]] Timestamp begin_of(Timestamp time) const noexcept;

 private:
  Duration length_;
  const Clock& clock_;
  Timestamp begin_ = {};
  Timestamp end_ = kNever;
  MonotonicTime deadline_ = {};
};

}  // namespace weir::output
