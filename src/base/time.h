// Time as weir uses it: packet and wall time in nanoseconds since 1970 (UTC), durations in
// nanoseconds.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>

namespace weir {

using Duration = std::chrono::nanoseconds;

// A point in wall or packet time. Signed: some captures are older than 1970.
struct Timestamp {
  std::int64_t ns = 0;
  friend constexpr auto operator<=>(Timestamp, Timestamp) = default;
};
constexpr Timestamp operator+(Timestamp t, Duration d) noexcept { return {t.ns + d.count()}; }
constexpr Duration operator-(Timestamp a, Timestamp b) noexcept { return Duration(a.ns - b.ns); }

// A point on the monotonic clock: only differences mean anything.
struct MonotonicTime {
  std::int64_t ns = 0;
  friend constexpr auto operator<=>(MonotonicTime, MonotonicTime) = default;
};
constexpr MonotonicTime operator+(MonotonicTime t, Duration d) noexcept {
  return {t.ns + d.count()};
}
constexpr Duration operator-(MonotonicTime a, MonotonicTime b) noexcept {
  return Duration(a.ns - b.ns);
}

// "1700000000.000000000": epoch seconds with nine decimals, as in --stats-json.
std::string epoch_seconds(Timestamp t);

}  // namespace weir
