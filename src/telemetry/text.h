// Text from outside, made fit to be shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace weir::telemetry {

// Appends `text`, at most `bytes_max` bytes of it: cut between two characters and then ended by
// "...". Bytes that are no UTF-8 become U+FFFD.
void append_clean(std::string& out, std::string_view text, std::size_t bytes_max);

// Appends `text` as a JSON string with its quotes, in which also those characters are escaped that
// a terminal or a reader of lines could take for orders: C1 controls, U+2028 and U+2029.
void append_quoted(std::string& out, std::string_view text);

// Decimal, without a sign where there is none; the shortest that reads back as itself.
void append_number(std::string& out, std::uint64_t number);
void append_number(std::string& out, std::int64_t number);
void append_number(std::string& out, double number);
// `number` with its last `decimals` digits (18 at most) behind the point, without zeros at the end:
// exact where a double is not.
void append_decimal(std::string& out, std::uint64_t number, unsigned decimals);

// "2026-11-25T22:00:00.123Z"
std::string rfc3339(Timestamp time);

}  // namespace weir::telemetry
