#include "output/json_text.h"

#include <cstdint>
#include <cstring>

namespace weir::output {
namespace {

char* append(char* out, std::string_view text) noexcept {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* append_hex(char* out, std::uint8_t byte) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  *out++ = kDigits[byte >> 4];
  *out++ = kDigits[byte & 15];
  return out;
}

bool is_plain(std::uint8_t byte) noexcept {
  return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

char* append_ascii(char* out, std::uint8_t byte) noexcept {
  switch (byte) {
    case '"':
      return append(out, "\\\"");
    case '\\':
      return append(out, "\\\\");
    case '\n':
      return append(out, "\\n");
    case '\r':
      return append(out, "\\r");
    case '\t':
      return append(out, "\\t");
    default:
      return append_hex(append(out, "\\u00"), byte);
  }
}

// What the second byte may be after some first bytes, lest one character have two forms or be none
// (RFC 3629 section 4).
struct Range {
  std::uint8_t first = 0x80;
  std::uint8_t last = 0xbf;
};

Range second_byte(std::uint8_t lead) noexcept {
  switch (lead) {
    case 0xe0:
      return {0xa0, 0xbf};  // else shorter
    case 0xed:
      return {0x80, 0x9f};  // else a surrogate
    case 0xf0:
      return {0x90, 0xbf};  // else shorter
    case 0xf4:
      return {0x80, 0x8f};  // else beyond U+10FFFF
    default:
      return {};
  }
}

std::size_t length_by(std::uint8_t lead) noexcept {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}

// The bytes of the character that the text, which begins above ASCII, begins with; 0 if it is none.
std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::size_t length = length_by(byte(0));
  if (length == 0 || length > text.size()) return 0;
  const Range second = second_byte(byte(0));
  if (byte(1) < second.first || byte(1) > second.last) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

char* write_json_string(char* out, std::string_view text) noexcept {
  *out++ = '"';
  while (!text.empty()) {
    const auto first = static_cast<std::uint8_t>(text[0]);
    std::size_t length = 1;
    if (is_plain(first)) {
      *out++ = text[0];
    } else if (first < 0x80) {
      out = append_ascii(out, first);
    } else if (length = utf8_length(text); length != 0) {
      out = append(out, text.substr(0, length));
    } else {
      out = append_hex(append(out, "\\\\x"), first);
      length = 1;
    }
    text.remove_prefix(length);
  }
  *out++ = '"';
  return out;
}

}  // namespace weir::output
