// Values as people type them, in weir.toml and on command lines: times, sizes, and names that are
// almost right.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace weir::control {

// "500ms", "10s", "1.5m", "2h", "1d"; a bare number is seconds. Positive, at most ten years.
Result<Duration> parse_duration(std::string_view text);

// "4096", "64KiB", "100MiB", "1.5GiB", "2TiB"; also with MB and the like for powers of ten. At
// least one byte, at most 2^60. Whole numbers are exact.
Result<std::uint64_t> parse_size(std::string_view text);

// The shortest exact text in whole units that parses back as the same: "1h", "90s", "0s". Parts of
// a millisecond are left out.
std::string duration_text_of(Duration duration);
// "64MiB", "1000", "0".
std::string size_text_of(std::uint64_t bytes);

// A hint for an unknown name: "did you mean 'filter'?" when one of `known` is close enough, else
// "there are: a, b".
std::string nearest_hint(std::span<const std::string_view> known, std::string_view wanted);

}  // namespace weir::control
