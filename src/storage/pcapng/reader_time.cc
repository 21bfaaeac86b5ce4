#include "storage/pcapng/reader_time.h"

#include <limits>

namespace weir::storage::pcapng {
namespace {

__extension__ using Wide = __int128;

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::uint8_t kPowerOfTwo = 0x80;
constexpr std::uint8_t kNanosecondExponent = 9;

constexpr std::uint64_t power_of_ten(unsigned exponent) noexcept {
  std::uint64_t power = 1;
  while (exponent-- > 0) power *= 10;
  return power;
}

}  // namespace

TimeScale::TimeScale(std::uint8_t tsresol, std::int64_t offset_seconds) noexcept
    : offset_seconds_(offset_seconds), tsresol_(tsresol) {
  if (tsresol > kNanosecondExponent) return;  // finer than a nanosecond, or a power of two
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  const bool fits = offset_seconds <= kMax / kNanosecondsPerSecond && offset_seconds >= -(kMax / kNanosecondsPerSecond);
  if (!fits) return;
  multiplier_ = power_of_ten(kNanosecondExponent - tsresol);
  fast_offset_ns_ = offset_seconds * kNanosecondsPerSecond;
  const std::int64_t room = fast_offset_ns_ > 0 ? kMax - fast_offset_ns_ : kMax;
  fast_below_ = static_cast<std::uint64_t>(room) / multiplier_;
}

Timestamp TimeScale::to_timestamp_slowly(std::uint64_t ticks) const noexcept {
  const unsigned exponent = tsresol_ & ~unsigned{kPowerOfTwo};
  Wide ns = 0;
  if ((tsresol_ & kPowerOfTwo) != 0) {
    ns = (Wide{ticks} * kNanosecondsPerSecond) >> exponent;  // below 2^94 before the shift
  } else if (exponent <= kNanosecondExponent) {
    ns = Wide{ticks} * power_of_ten(kNanosecondExponent - exponent);
  } else if (exponent - kNanosecondExponent <= 19) {  // 10^19 is the largest power that 64 bits hold
    ns = ticks / power_of_ten(exponent - kNanosecondExponent);
  }
  ns += Wide{offset_seconds_} * kNanosecondsPerSecond;
  if (ns > std::numeric_limits<std::int64_t>::max()) return {std::numeric_limits<std::int64_t>::max()};
  if (ns < std::numeric_limits<std::int64_t>::min()) return {std::numeric_limits<std::int64_t>::min()};
  return {static_cast<std::int64_t>(ns)};
}

}  // namespace weir::storage::pcapng
