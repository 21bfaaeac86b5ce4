// Levels say who must act: Error the operator now, Warning the operator later (and a counter
// exists), Info tells of the life of things (at most a line a second in quiet times), Debug is for
// developers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::telemetry {

enum class LogLevel : std::uint8_t { Error, Warning, Info, Debug };

std::string_view name_of(LogLevel level) noexcept;  // "error", "warning", "info", "debug"
std::optional<LogLevel> parse_log_level(std::string_view name) noexcept;

}  // namespace weir::telemetry
