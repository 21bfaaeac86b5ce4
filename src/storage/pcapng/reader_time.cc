#include "storage/pcapng/reader_time.h"

#include <limits>

namespace weir::storage::pcapng {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr std::uint8_t kPowerOfTwo = 0x80;
constexpr std::uint8_t kNanosecondExponent = 9;
constexpr unsigned kPowersOfTen = 19;  // 10^19 is the largest that 64 bits hold
constexpr std::int64_t kTimestampMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kTimestampMax = std::numeric_limits<std::int64_t>::max();

constexpr std::uint64_t power_of_ten(unsigned exponent) noexcept {
  std::uint64_t power = 1;
  while (exponent-- > 0) power *= 10;
  return power;
}

}  // namespace

TimeScale::TimeScale(std::uint8_t tsresol, std::int64_t offset_seconds) noexcept
    : offset_seconds_(offset_seconds), tsresol_(tsresol) {
  if (tsresol > kNanosecondExponent) return;  // finer than a nanosecond, or a power of two
  constexpr std::int64_t kSecondsMax = kTimestampMax / kNanosecondsPerSecond;
  if (offset_seconds > kSecondsMax || offset_seconds < -kSecondsMax) return;
  multiplier_ = power_of_ten(kNanosecondExponent - tsresol);
  fast_offset_ns_ = offset_seconds * kNanosecondsPerSecond;
  const std::int64_t room = fast_offset_ns_ > 0 ? kTimestampMax - fast_offset_ns_ : kTimestampMax;
  fast_below_ = static_cast<std::uint64_t>(room) / multiplier_;
}

TimeScale::Wide TimeScale::nanoseconds(Wide ticks) const noexcept {
  const unsigned exponent = tsresol_ & ~unsigned{kPowerOfTwo};
  Wide ns = 0;
  if ((tsresol_ & kPowerOfTwo) != 0) {
    ns = (ticks * kNanosecondsPerSecond) >> exponent;  // below 2^94 before the shift
  } else if (exponent <= kNanosecondExponent) {
    ns = ticks * power_of_ten(kNanosecondExponent - exponent);
  } else if (exponent - kNanosecondExponent <= kPowersOfTen) {
    ns = ticks / power_of_ten(exponent - kNanosecondExponent);
  }
  return ns + Wide{offset_seconds_} * kNanosecondsPerSecond;
}

Timestamp TimeScale::to_timestamp_slowly(std::uint64_t ticks) const noexcept {
  constexpr auto fits = [](Wide ns) { return ns >= kTimestampMin && ns <= kTimestampMax; };
  const Wide as_unsigned = nanoseconds(Wide{ticks});
  if (fits(as_unsigned)) return {static_cast<std::int64_t>(as_unsigned)};
  const Wide as_signed = nanoseconds(Wide{static_cast<std::int64_t>(ticks)});
  if (fits(as_signed)) return {static_cast<std::int64_t>(as_signed)};
  return {as_unsigned < 0 ? kTimestampMin : kTimestampMax};
}

}  // namespace weir::storage::pcapng
