// A clock that stands still until it is told to move.
#pragma once

#include "base/clock.h"

namespace weir::test {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(Timestamp wall = {1'700'000'000'000'000'000}) noexcept : wall_(wall) {}

  [[nodiscard]] Timestamp wall() const noexcept override { return wall_; }
  [[nodiscard]] MonotonicTime monotonic() const noexcept override { return monotonic_; }

  void advance(Duration by) noexcept {
    wall_ = wall_ + by;
    monotonic_ = monotonic_ + by;
  }
  // As when NTP or a person sets the clock: the monotonic clock does not notice.
  void jump_wall(Duration by) noexcept { wall_ = wall_ + by; }

 private:
  Timestamp wall_;
  MonotonicTime monotonic_{1'000'000'000};
};

}  // namespace weir::test
