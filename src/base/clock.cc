#include "base/clock.h"

#include <ctime>

namespace weir {
namespace {

std::int64_t read_clock(clockid_t id) noexcept {
  timespec now{};
  clock_gettime(id, &now);  // cannot fail for these two clocks
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Timestamp SystemClock::wall() const noexcept { return {read_clock(CLOCK_REALTIME)}; }

MonotonicTime SystemClock::monotonic() const noexcept { return {read_clock(CLOCK_MONOTONIC)}; }

}  // namespace weir
