// What a line of the log is made of, and how it looks.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "base/time.h"
#include "telemetry/log_level.h"

namespace weir::telemetry {

enum class LogFormat : std::uint8_t { Text, Json };

namespace detail {
// Not constants: a call while compiling is an error that shows this name.
void log_message_is_not_plain_text();
void log_key_is_not_lower_case_or_is_taken();
}  // namespace detail

// The text of a line: known when compiling and plain ASCII, so that all that varies stands in
// fields and the place that says it can be recognised.
class LogMessage {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor)
  consteval LogMessage(const char* text) : text_(text) {
    for (const char* c = text; *c != '\0'; ++c) {
      if (*c < 0x20 || *c > 0x7e) detail::log_message_is_not_plain_text();
    }
  }
  [[nodiscard]] constexpr const char* c_str() const noexcept { return text_; }

 private:
  const char* text_;
};

// The name of a field, known when compiling: a-z, 0-9 and '_'; not one of those that each line has.
class LogKey {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor)
  consteval LogKey(const char* text) : text_(text) {
    for (const char c : text_) {
      if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
        detail::log_key_is_not_lower_case_or_is_taken();
    }
    for (const std::string_view taken : {"", "ts", "level", "module", "msg", "suppressed"}) {
      if (text_ == taken) detail::log_key_is_not_lower_case_or_is_taken();
    }
  }
  [[nodiscard]] constexpr std::string_view get() const noexcept { return text_; }

 private:
  std::string_view text_;
};

// Borrows text for the length of the call.
class LogValue {
 public:
  // NOLINTBEGIN(google-explicit-constructor)
  LogValue(std::string_view text) noexcept : value_(text) {}
  LogValue(const char* text) noexcept : value_(std::string_view(text)) {}
  LogValue(const std::string& text) noexcept : value_(std::string_view(text)) {}
  template <std::unsigned_integral T>
  LogValue(T number) noexcept : value_(std::uint64_t{number}) {}
  template <std::signed_integral T>
  LogValue(T number) noexcept : value_(std::int64_t{number}) {}
  LogValue(double number) noexcept : value_(number) {}
  LogValue(bool truth) noexcept : value_(truth) {}
  // NOLINTEND(google-explicit-constructor)

  using Kinds = std::variant<std::string_view, std::uint64_t, std::int64_t, double, bool>;
  [[nodiscard]] const Kinds& get() const noexcept { return value_; }

 private:
  Kinds value_;
};

struct LogField {
  LogField(LogKey field_key, LogValue field_value) : key(field_key), value(field_value) {}
  LogKey key;
  LogValue value;
};
using LogFields = std::initializer_list<LogField>;

inline constexpr std::size_t kLogValueMax = 4096;  // bytes of a value; the rest is cut off

struct LogLine {
  Timestamp time{};
  LogLevel level{};
  std::string_view module;
  std::string_view message;
  LogFields fields;
  std::uint64_t suppressed = 0;  // lines of the same place that were not written before this one
};

// One line with its line break at the end and none inside, whatever the values hold.
//   2026-11-25T22:00:00.123Z INFO capture: session begun session=all interfaces=eth0
//   {"ts":"2026-11-25T22:00:00.123Z","level":"info","module":"capture","msg":"session begun",...}
std::string log_line(LogFormat format, const LogLine& line);

}  // namespace weir::telemetry
