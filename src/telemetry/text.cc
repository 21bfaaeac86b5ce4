#include "telemetry/text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>

#include "base/json_writer.h"

namespace weir::telemetry {
namespace {

bool is_plain(std::string_view text) noexcept {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7e) return false;
  }
  return true;
}

// The length of a character at the front of `text` that JSON need not escape and that others may
// take for an order; 0 when there is none. C1 controls: U+0080 to U+009F.
std::size_t order_length(std::string_view text) noexcept {
  if (text.size() >= 2 && text[0] == '\xc2' && static_cast<std::uint8_t>(text[1]) < 0xa0) return 2;
  if (text.starts_with("\xe2\x80\xa8") || text.starts_with("\xe2\x80\xa9")) return 3;
  return 0;
}

void append_digits(std::string& out, std::uint64_t number, std::size_t width) {
  const std::string digits = std::to_string(number);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

template <typename T>
void append_shortest(std::string& out, T number) {
  std::array<char, 32> text;
  out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr);
}

}  // namespace

void append_number(std::string& out, std::uint64_t number) { append_shortest(out, number); }
void append_number(std::string& out, std::int64_t number) { append_shortest(out, number); }
void append_number(std::string& out, double number) { append_shortest(out, number); }

void append_decimal(std::string& out, std::uint64_t number, unsigned decimals) {
  std::uint64_t unit = 1;
  for (unsigned i = 0; i < decimals; ++i) unit *= 10;
  append_number(out, number / unit);
  std::uint64_t rest = number % unit;
  if (rest == 0) return;
  out += '.';
  while (rest != 0) {
    unit /= 10;
    out += static_cast<char>('0' + rest / unit);
    rest %= unit;
  }
}

void append_clean(std::string& out, std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max && is_plain(text)) {
    out += text;
    return;
  }
  const std::size_t end = out.size() + bytes_max;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view character = length == 0 ? "\xef\xbf\xbd" : text.substr(0, length);
    if (out.size() + character.size() > end) {
      out += "...";
      return;
    }
    out += character;
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

void append_quoted(std::string& out, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const std::size_t begin = out.size();
  append_json_string(out, text);
  if (is_plain(std::string_view(out).substr(begin))) return;
  const std::string json = out.substr(begin);
  out.resize(begin);
  for (std::string_view rest = json; !rest.empty();) {
    const std::size_t length = order_length(rest);
    if (length == 0) {
      out += rest.front();
      rest.remove_prefix(1);
      continue;
    }
    const auto last = static_cast<std::uint8_t>(rest[length - 1]);
    out += length == 2 ? "\\u00" : "\\u20";
    out += length == 2 ? kDigits[last >> 4] : '2';
    out += kDigits[last & 0xf];
    rest.remove_prefix(length);
  }
}

std::string rfc3339(Timestamp time) {
  using namespace std::chrono;
  const auto ms = floor<milliseconds>(nanoseconds(time.ns));
  const auto day = floor<days>(ms);
  const year_month_day date{sys_days(day)};
  const hh_mm_ss clock{ms - day};
  std::string out;
  out.reserve(24);
  append_digits(out, static_cast<std::uint64_t>(static_cast<int>(date.year())), 4);
  out += '-';
  append_digits(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_digits(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_digits(out, static_cast<std::uint64_t>(clock.hours().count()), 2);
  out += ':';
  append_digits(out, static_cast<std::uint64_t>(clock.minutes().count()), 2);
  out += ':';
  append_digits(out, static_cast<std::uint64_t>(clock.seconds().count()), 2);
  out += '.';
  append_digits(out, static_cast<std::uint64_t>(clock.subseconds().count()), 3);
  out += 'Z';
  return out;
}

}  // namespace weir::telemetry
