// Metrics as Prometheus reads them.
#pragma once

#include <string>
#include <string_view>

#include "telemetry/collection.h"

namespace weir::telemetry {

inline constexpr std::string_view kPrometheusContentType =
    "text/plain; version=0.0.4; charset=utf-8";

// The text exposition format, version 0.0.4. Whole numbers are exact, also above 2^53.
std::string prometheus_text(const Collection& metrics);

}  // namespace weir::telemetry
