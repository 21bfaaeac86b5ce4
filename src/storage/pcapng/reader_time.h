// From the timestamps of a pcapng interface (if_tsresol, if_tsoffset) to nanoseconds since 1970.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace weir::storage::pcapng {

class TimeScale {
 public:
  // if_tsresol's default: microseconds, no offset.
  TimeScale() noexcept : TimeScale(6, 0) {}
  // `tsresol` as it stands in if_tsresol: the negative exponent of 10, or with the top bit set
  // of 2. `offset_seconds` as in if_tsoffset: added to every timestamp.
  TimeScale(std::uint8_t tsresol, std::int64_t offset_seconds) noexcept;

  // Exact down to 10^-9 s; finer resolutions are cut to the nanosecond. Ticks are unsigned
  // (section 4.3); where that leads beyond what Timestamp can hold (the year 2262), they are read
  // as the signed number that writers leave there for times before the epoch. What then still
  // cannot be held becomes the nearest time that can.
  [[nodiscard]] Timestamp to_timestamp(std::uint64_t ticks) const noexcept {
    if (ticks < fast_below_)
      return {static_cast<std::int64_t>(ticks * multiplier_) + fast_offset_ns_};
    return to_timestamp_slowly(ticks);
  }

 private:
  __extension__ using Wide = __int128;

  [[nodiscard]] Wide nanoseconds(Wide ticks) const noexcept;
  [[nodiscard]] Timestamp to_timestamp_slowly(std::uint64_t ticks) const noexcept;

  std::uint64_t fast_below_ = 0;  // ticks below it cannot overflow; 0 = always the slow way
  std::uint64_t multiplier_ = 0;  // nanoseconds in a tick, where that is a whole number
  std::int64_t fast_offset_ns_ = 0;
  std::int64_t offset_seconds_ = 0;
  std::uint8_t tsresol_ = 0;
};

}  // namespace weir::storage::pcapng
