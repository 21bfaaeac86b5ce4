#include "base/time.h"

#include <cinttypes>
#include <cstdio>

namespace weir {

std::string epoch_seconds(Timestamp t) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const bool negative = t.ns < 0;
  // Magnitude by unsigned arithmetic: the smallest value has no positive twin.
  const std::uint64_t magnitude =
      negative ? 0 - static_cast<std::uint64_t>(t.ns) : static_cast<std::uint64_t>(t.ns);
  char text[40];
  std::snprintf(text, sizeof text, "%s%" PRIu64 ".%09" PRIu64, negative ? "-" : "",
                magnitude / kSecond, magnitude % kSecond);
  return text;
}

}  // namespace weir
