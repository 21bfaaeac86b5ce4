// Numbers for people.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"

namespace weir::app {

std::string count_text(std::uint64_t count);                 // "999", "1,234,567"
std::string bytes_text(double bytes);                        // "512 B", "1.5 MiB"
std::string rate_text(double per_second, const char* unit);  // "12.3 k" + unit, "4.5 M" + unit
std::string duration_text(Duration duration);                // "0:07", "1:02:03"

}  // namespace weir::app
