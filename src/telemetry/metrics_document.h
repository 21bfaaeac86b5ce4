// docs/metrics.md, as the tables of metrics and events have it.
#pragma once

#include <string>

namespace weir::telemetry {

std::string metrics_document();

}  // namespace weir::telemetry
