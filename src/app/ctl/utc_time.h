// Points in time as the API writes them and as people read them, both in UTC.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::app {

// RFC 3339, of UTC or with an offset, with up to nine decimals: "2026-11-21T20:00:00.5Z". Nothing
// when it is not, or lies outside what a Timestamp holds (1678 to 2261).
std::optional<Timestamp> parse_rfc3339(std::string_view text) noexcept;

// The same, or seconds since 1970 with up to nine decimals, as the API writes them:
// "1700000000.123456789".
std::optional<Timestamp> parse_time(std::string_view text) noexcept;

// "2026-11-21T20:00:00.123456789Z".
std::string rfc3339_text(Timestamp t);

// "2026-11-21 20:00:00" and "2026-11-21 20:00:00.123"; "-" for the beginning of time, which stands
// for none.
std::string utc_seconds_text(Timestamp t);
std::string utc_millis_text(Timestamp t);

}  // namespace weir::app
