// How long to wait before what failed is tried again: longer after every failure, up to a limit,
// and by a little chance, so that what failed together does not come back together.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "base/prng.h"
#include "base/time.h"

namespace weir::state {

struct BackOffOptions {
  Duration initial = std::chrono::milliseconds(100);
  std::uint32_t factor = 2;
  Duration max = std::chrono::seconds(30);
  // What was up for so long begins anew with `initial`.
  Duration healthy = std::chrono::minutes(1);
};

// Of one thread.
class BackOff {
 public:
  BackOff(const BackOffOptions& options, std::uint64_t seed) noexcept
      : options_(options), chance_(seed) {}

  // The shortest wait after the failure of this number (from 1). The longest is a quarter more, and
  // never above options.max.
  static constexpr Duration least(const BackOffOptions& options, std::uint32_t failure) noexcept {
    const Duration limit = options.max / 5 * 4;
    Duration wait = options.initial;
    for (std::uint32_t i = 1; i < failure && wait < limit; ++i) wait *= options.factor;
    return std::min(wait, limit);
  }

  void up(MonotonicTime now) noexcept { up_since_ = now; }
  // How long to wait, now that it has failed.
  Duration failed(MonotonicTime now) noexcept {
    if (up_since_ && now - *up_since_ >= options_.healthy) failures_ = 0;
    up_since_.reset();
    ++failures_;
    const Duration wait = least(options_, failures_);
    const auto spread = static_cast<std::uint64_t>(wait.count()) / 4;
    return wait + Duration(spread == 0 ? 0 : static_cast<std::int64_t>(chance_.below(spread)));
  }
  void reset() noexcept {
    failures_ = 0;
    up_since_.reset();
  }
  // In a row, without a healthy time in between.
  [[nodiscard]] std::uint32_t failures() const noexcept { return failures_; }

 private:
  BackOffOptions options_;
  Prng chance_;
  std::uint32_t failures_ = 0;
  std::optional<MonotonicTime> up_since_;
};

}  // namespace weir::state
