#include "control/api_statistics.h"

#include <algorithm>

namespace weir::control {

void AnswerTimes::add(Duration took) noexcept {
  const double seconds = static_cast<double>(took.count()) / 1e9;
  const auto* const bound = std::ranges::lower_bound(kAnswerSeconds, seconds);
  buckets_[static_cast<std::size_t>(bound - kAnswerSeconds.begin())].add();
  sum_ns_.add(static_cast<std::uint64_t>(std::max<Duration::rep>(took.count(), 0)));
}

}  // namespace weir::control
