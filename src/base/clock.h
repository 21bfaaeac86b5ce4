// The clock, injected: the only way by which weir learns the time. tests/support/fake_clock.h is
// its simulated twin.
#pragma once

#include "base/time.h"

namespace weir {

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp wall() const noexcept = 0;
  [[nodiscard]] virtual MonotonicTime monotonic() const noexcept = 0;
};

// The operating system's clocks (CLOCK_REALTIME, CLOCK_MONOTONIC). Any thread.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp wall() const noexcept override;
  [[nodiscard]] MonotonicTime monotonic() const noexcept override;
};

}  // namespace weir
