#include "control/api_parameters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>

namespace weir::control {
namespace {

constexpr std::size_t kNameBytesMax = 256;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMaxSeconds = std::numeric_limits<std::int64_t>::max() / kSecond - 1;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// `digits` digits at the front of `text`, which are taken away.
std::optional<std::int64_t> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  std::int64_t number = 0;
  for (const char c : text.substr(0, digits)) {
    if (!is_digit(c)) return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return number;
}

bool take_char(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// ".25" as nanoseconds; 0 where there is no point.
std::optional<std::int64_t> take_fraction(std::string_view& text) {
  if (!take_char(text, ".")) return 0;
  std::int64_t ns = 0;
  std::int64_t scale = kSecond;
  std::size_t digits = 0;
  for (; digits < text.size() && is_digit(text[digits]); ++digits) {
    if (scale == 1) return std::nullopt;  // finer than a nanosecond
    scale /= 10;
    ns += (text[digits] - '0') * scale;
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  return ns;
}

// "Z" or "+01:00": seconds east of UTC.
std::optional<std::int64_t> take_offset(std::string_view& text) {
  if (take_char(text, "Zz")) return 0;
  const bool west = !text.empty() && text.front() == '-';
  if (!take_char(text, "+-")) return std::nullopt;
  const auto hours = take_number(text, 2);
  if (!hours || !take_char(text, ":")) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::int64_t seconds = *hours * 3600 + *minutes * 60;
  return west ? -seconds : seconds;
}

// RFC 3339.
std::optional<Timestamp> parse_date(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take_char(text, "-")) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take_char(text, "-")) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take_char(text, "Tt ")) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take_char(text, ":")) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take_char(text, ":")) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second) return std::nullopt;
  const auto fraction = take_fraction(text);
  if (!fraction) return std::nullopt;
  const auto offset = take_offset(text);
  if (!offset || !text.empty()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t seconds = days * 86'400 + *hour * 3600 + *minute * 60 + *second - *offset;
  if (seconds > kMaxSeconds || seconds < -kMaxSeconds) return std::nullopt;
  return Timestamp{seconds * kSecond + *fraction};
}

std::optional<Timestamp> parse_epoch(std::string_view text) {
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || seconds < 0 || seconds > kMaxSeconds) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const auto fraction = take_fraction(text);
  if (!fraction || !text.empty()) return std::nullopt;
  return Timestamp{seconds * kSecond + *fraction};
}

std::optional<std::uint64_t> parse_tag(std::string_view text) {
  if (text == "*") return 0;
  if (text.size() < 3 || text.front() != '"' || text.back() != '"') return std::nullopt;
  const auto generation = parse_count(text.substr(1, text.size() - 2));
  return generation == 0 ? std::nullopt : generation;
}

std::string_view form_of(ParameterType type) {
  switch (type) {
    case ParameterType::Name:
      return "a name of 1 to 256 bytes";
    case ParameterType::Text:
      return "text";
    case ParameterType::Count:
      return "a whole number";
    case ParameterType::Duration:
      return "a duration such as 500ms, 5s, 2m, 1h or 3d";
    case ParameterType::Time:
      return "a time such as 2026-11-21T20:00:00Z, 1700000000.5 or -1h";
    case ParameterType::Tag:
      return "an ETag of the configuration such as \"7\", or *";
  }
  return "";
}

std::string names_of(const Route& route) {
  std::string names;
  for (const Parameter& each : route.parameters) {
    if (each.place != ParameterPlace::Query) continue;
    names += names.empty() ? "" : ", ";
    names += each.name;
  }
  return names.empty() ? "there are none here" : "there are: " + names;
}

Error usage(std::string context) {
  return Error{.code = ErrorCode::Usage, .context = std::move(context)};
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

}  // namespace

std::optional<std::uint64_t> parse_count(std::string_view text) noexcept {
  std::uint64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (text.empty() || error != std::errc() || end != last) return std::nullopt;
  return number;
}

std::optional<Duration> duration_of(std::string_view text) noexcept {
  struct Unit {
    std::string_view name;
    std::int64_t ns;
  };
  constexpr std::array kUnits = {Unit{"ms", 1'000'000}, Unit{"s", kSecond}, Unit{"m", 60 * kSecond},
                                 Unit{"h", 3600 * kSecond}, Unit{"d", 86'400 * kSecond}};
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0 || text.starts_with('-')) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  const auto* const unit = std::ranges::find(kUnits, text, &Unit::name);
  if (unit == kUnits.end()) return std::nullopt;
  if (number > std::numeric_limits<std::int64_t>::max() / unit->ns) return std::nullopt;
  return Duration(number * unit->ns);
}

std::optional<Timestamp> parse_time(std::string_view text, Timestamp now) noexcept {
  if (text.starts_with('-')) {
    const auto ago = duration_of(text.substr(1));
    if (!ago) return std::nullopt;
    return now + -*ago;
  }
  return text.find('-') != std::string_view::npos ? parse_date(text) : parse_epoch(text);
}

Result<Parameters> Parameters::read(const Route& route, const std::string& name,
                                    const HttpRequest& request, Timestamp now) {
  const Parameters parameters(route, name, request, now);
  for (const auto& [given, value] : request.query) {
    const bool known = std::ranges::any_of(route.parameters, [&](const Parameter& each) {
      return each.place == ParameterPlace::Query && each.name == given;
    });
    if (!known) {
      return usage("parameter " + given + ": " + std::string(route.path) + " does not know it (" +
                   names_of(route) + ")");
    }
  }
  for (const Parameter& each : route.parameters) {
    const auto text = parameters.text(each.name);
    const std::string name_text(each.name);
    if (!text) {
      if (!each.required || each.place == ParameterPlace::Header) continue;
      return usage("parameter " + name_text + ": it is missing (give " +
                   std::string(form_of(each.type)) + ")");
    }
    if (!parameters.well_formed(each, *text)) {
      return usage("parameter " + name_text + ": \"" + std::string(*text) + "\" is not " +
                   std::string(form_of(each.type)));
    }
  }
  return parameters;
}

bool Parameters::well_formed(const Parameter& parameter, std::string_view text) const {
  switch (parameter.type) {
    case ParameterType::Name:
      return !text.empty() && text.size() <= kNameBytesMax;
    case ParameterType::Text:
      return true;
    case ParameterType::Count:
      return parse_count(text).has_value();
    case ParameterType::Duration:
      return duration_of(text).has_value();
    case ParameterType::Time:
      return parse_time(text, now_).has_value();
    case ParameterType::Tag:
      return parse_tag(text).has_value();
  }
  return false;
}

std::optional<std::string_view> Parameters::text(std::string_view name) const {
  for (const Parameter& each : route_->parameters) {
    if (each.name != name) continue;
    if (each.place == ParameterPlace::Path) return std::string_view(*name_);
    if (each.place == ParameterPlace::Header) {
      const std::string* value = request_->header(lower(name));
      return value != nullptr ? std::optional<std::string_view>(*value) : std::nullopt;
    }
    for (const auto& [given, value] : request_->query) {
      if (given == name) return std::string_view(value);
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Parameters::count(std::string_view name) const {
  const auto given = text(name);
  return given ? parse_count(*given) : std::nullopt;
}

std::optional<Duration> Parameters::duration(std::string_view name) const {
  const auto given = text(name);
  return given ? duration_of(*given) : std::nullopt;
}

std::optional<Timestamp> Parameters::time(std::string_view name) const {
  const auto given = text(name);
  return given ? parse_time(*given, now_) : std::nullopt;
}

std::optional<std::uint64_t> Parameters::tag(std::string_view name) const {
  const auto given = text(name);
  return given ? parse_tag(*given) : std::nullopt;
}

}  // namespace weir::control
