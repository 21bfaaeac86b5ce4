// Times in names of files.
#pragma once

#include <string>

#include "base/time.h"

namespace weir::output {

// "20261121T200000Z": ISO 8601, basic format, whole seconds.
[[nodiscard]] std::string utc_stamp(Timestamp time);

}  // namespace weir::output
