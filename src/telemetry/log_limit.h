// How often a place in the program may say the same thing.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>

#include "base/time.h"
#include "telemetry/log_level.h"

namespace weir::telemetry {

// Any thread. A place is known by module, level and the address of its message: at first it may say
// 10 lines, and one a second on average. Memory: an entry a place, of which the program has a few
// hundred.
class LogLimit {
 public:
  static constexpr std::int64_t kBurst = 10;
  static constexpr Duration kInterval = std::chrono::seconds(1);

  // Whether the place may say a line now, and if so how many it was not allowed before that.
  std::optional<std::uint64_t> admit(const void* module, LogLevel level, const char* message,
                                     MonotonicTime now);

  [[nodiscard]] std::uint64_t suppressed() const;  // by all places, ever

 private:
  struct Place {
    std::int64_t credit = kBurst;  // lines
    MonotonicTime since{};         // the credit is of this time
    std::uint64_t suppressed = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::tuple<const void*, LogLevel, const char*>, Place> places_;
  std::uint64_t suppressed_ = 0;
};

}  // namespace weir::telemetry
