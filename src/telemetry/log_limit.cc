#include "telemetry/log_limit.h"

#include <algorithm>
#include <utility>

namespace weir::telemetry {

std::optional<std::uint64_t> LogLimit::admit(const void* module, LogLevel level,
                                             const char* message, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  const auto [found, is_new] = places_.try_emplace({module, level, message});
  Place& place = found->second;
  if (is_new) place.since = now;
  // Whole intervals become lines, the rest of the time goes on counting. Threads may come here in
  // another order than they read the clock.
  if (const std::int64_t earned = (now - place.since) / kInterval; earned > 0) {
    place.credit = std::min(kBurst, place.credit + earned);
    place.since = place.since + earned * kInterval;
  }
  if (place.credit == 0) {
    ++place.suppressed;
    ++suppressed_;
    return std::nullopt;
  }
  if (place.credit-- == kBurst) place.since = std::max(place.since, now);
  return std::exchange(place.suppressed, 0);
}

std::uint64_t LogLimit::suppressed() const {
  const std::lock_guard lock(mutex_);
  return suppressed_;
}

}  // namespace weir::telemetry
