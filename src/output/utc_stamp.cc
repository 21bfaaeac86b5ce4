#include "output/utc_stamp.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace weir::output {

std::string utc_stamp(Timestamp time) {
  using std::chrono::floor;
  const std::chrono::sys_time<Duration> point{Duration(time.ns)};
  const auto day = floor<std::chrono::days>(point);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(floor<std::chrono::seconds>(point - day));
  std::array<char, 48> text;
  const int length = std::snprintf(
      text.data(), text.size(), "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

bool is_utc_stamp(std::string_view text) noexcept {
  constexpr std::string_view kForm = "00000000T000000Z";
  return std::equal(text.begin(), text.end(), kForm.begin(), kForm.end(), [](char c, char form) {
    return form == '0' ? c >= '0' && c <= '9' : c == form;
  });
}

}  // namespace weir::output
