#include "output/rotation_interval.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::output {

bool RotationInterval::over() const noexcept {
  if (length_.count() == 0) return false;
  return clock_.monotonic() >= deadline_ || clock_.wall() - end_ >= kGrace;
}

Timestamp RotationInterval::begin_of(Timestamp time) const noexcept {
  const std::int64_t length = length_.count();
  std::int64_t into = time.ns % length;
  if (into < 0) into += length;
  Timestamp begin = {};
  return __builtin_sub_overflow(time.ns, into, &begin.ns) ? time : begin;
}

void RotationInterval::enter(Timestamp time) noexcept {
  WEIR_ASSERT(length_.count() >= 0);
  const std::int64_t length = length_.count();
  if (length == 0) return;
  begin_ = begin_of(time);
  if (__builtin_add_overflow(begin_.ns, length, &end_.ns)) end_ = kNever;
  std::int64_t left = 0;
  if (__builtin_sub_overflow(end_.ns, clock_.wall().ns, &left)) left = length;
  deadline_ = clock_.monotonic() + Duration(std::clamp<std::int64_t>(left, 0, length)) + kGrace;
}

}  // namespace weir::output
