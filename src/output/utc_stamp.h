// Times in names of files.
#pragma once

#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::output {

// "20261121T200000Z": ISO 8601, basic format, whole seconds.
[[nodiscard]] std::string utc_stamp(Timestamp time);
// Whether it looks like one. They sort as their times do.
[[nodiscard]] bool is_utc_stamp(std::string_view text) noexcept;

}  // namespace weir::output
