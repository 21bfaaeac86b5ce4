// Strings of JSON (RFC 8259 section 7) from bytes that may be anything.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir::output {

// What one byte of text becomes at most: the control character 1f becomes \u001f.
inline constexpr std::size_t kJsonEscapeMax = 6;

// Writes the text between quotes at `out`, at most 2 + kJsonEscapeMax * text.size() characters, and
// returns their end. Quotes, backslashes and control characters are escaped; UTF-8 stays; a byte
// that is no part of UTF-8 (RFC 3629) reads \xNN, as in Zeek's logs, with its backslash escaped.
char* write_json_string(char* out, std::string_view text) noexcept;

}  // namespace weir::output
