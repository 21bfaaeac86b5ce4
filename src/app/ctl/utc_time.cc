#include "app/ctl/utc_time.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <limits>

namespace weir::app {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kSecondsMax = std::numeric_limits<std::int64_t>::max() / kSecond - 1;

// Takes what it recognises off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  // Exactly `count` digits; -1 when they are not there.
  int digits(std::size_t count) noexcept {
    if (rest_.size() < count) return fail();
    int value = 0;
    for (const char c : rest_.substr(0, count)) {
      if (c < '0' || c > '9') return fail();
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }
  // One of `any`, or 0.
  char one_of(std::string_view any) noexcept {
    if (rest_.empty() || any.find(rest_[0]) == std::string_view::npos) return 0;
    const char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }
  void expect(std::string_view any) noexcept {
    if (one_of(any) == 0) fail();
  }
  int fail() noexcept {
    failed_ = true;
    return -1;
  }
  [[nodiscard]] bool failed() const noexcept { return failed_; }
  [[nodiscard]] bool done() const noexcept { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

std::int64_t decimals(Scanner& scan) noexcept {
  if (scan.one_of(".") == 0) return 0;
  std::int64_t value = 0;
  int count = 0;
  for (char c = scan.one_of("0123456789"); c != 0; c = scan.one_of("0123456789")) {
    if (count == 9) continue;
    value = value * 10 + (c - '0');
    ++count;
  }
  if (count == 0) scan.fail();
  for (; count < 9; ++count) value *= 10;
  return value;
}

std::int64_t offset_seconds(Scanner& scan) noexcept {
  const char sign = scan.one_of("Zz+-");
  if (sign == 'Z' || sign == 'z') return 0;
  if (sign == 0) scan.fail();
  const int hours = scan.digits(2);
  scan.expect(":");
  const int minutes = scan.digits(2);
  if (hours > 23 || minutes > 59) scan.fail();
  const std::int64_t seconds = std::int64_t{hours} * 3600 + std::int64_t{minutes} * 60;
  return sign == '-' ? -seconds : seconds;
}

std::string date_and_time(Timestamp t, char between) {
  const auto seconds =
      std::chrono::floor<std::chrono::seconds>(std::chrono::sys_time<Duration>(Duration(t.ns)));
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(seconds - day);
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02u%c%02d:%02d:%02d",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), between, static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()));
  return text.data();
}

std::string fraction_text(Timestamp t, int count) {
  const std::int64_t ns = ((t.ns % kSecond) + kSecond) % kSecond;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%09lld", static_cast<long long>(ns));
  return std::string(text.data(), static_cast<std::size_t>(count));
}

}  // namespace

std::optional<Timestamp> parse_rfc3339(std::string_view text) noexcept {
  Scanner scan(text);
  const int year = scan.digits(4);
  scan.expect("-");
  const int month = scan.digits(2);
  scan.expect("-");
  const int day = scan.digits(2);
  scan.expect("Tt ");
  const int hour = scan.digits(2);
  scan.expect(":");
  const int minute = scan.digits(2);
  scan.expect(":");
  const int second = scan.digits(2);
  const std::int64_t fraction = decimals(scan);
  const std::int64_t offset = offset_seconds(scan);
  if (!scan.done() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86'400 + hour * 3600 + minute * 60 + second - offset;
  if (seconds > kSecondsMax || seconds < -kSecondsMax) return std::nullopt;
  return Timestamp{seconds * kSecond + fraction};
}

std::optional<Timestamp> parse_time(std::string_view text) noexcept {
  const bool negative = text.starts_with('-');
  const std::string_view number = text.substr(negative ? 1 : 0);
  std::int64_t seconds = 0;
  const char* const last = number.data() + number.size();
  const auto [end, status] = std::from_chars(number.data(), last, seconds);
  if (status != std::errc{} || (end != last && *end != '.')) return parse_rfc3339(text);
  Scanner scan(number.substr(static_cast<std::size_t>(end - number.data())));
  const std::int64_t fraction = decimals(scan);
  if (!scan.done() || seconds < 0 || seconds > kSecondsMax) return std::nullopt;
  const std::int64_t ns = seconds * kSecond + fraction;
  return Timestamp{negative ? -ns : ns};
}

std::string rfc3339_text(Timestamp t) {
  return date_and_time(t, 'T') + "." + fraction_text(t, 9) + "Z";
}

std::string utc_seconds_text(Timestamp t) { return t == Timestamp{} ? "-" : date_and_time(t, ' '); }

std::string utc_millis_text(Timestamp t) {
  return t == Timestamp{} ? "-" : date_and_time(t, ' ') + "." + fraction_text(t, 3);
}

}  // namespace weir::app
