#include "app/number_checks.h"

#include <charconv>
#include <limits>
#include <system_error>

namespace weir::app {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

// A whole number within bounds.
std::string check_number(const std::string& text, std::uint64_t min, std::uint64_t max) {
  std::uint64_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status == std::errc{} && end == text.data() + text.size() && number >= min && number <= max) {
    return "";
  }
  std::string problem = "'" + text + "' is no whole number of at least " + std::to_string(min);
  if (max != kMost) problem += " and at most " + std::to_string(max);
  return problem;
}

}  // namespace

NumberCheck at_least(std::uint64_t min) { return between(min, kMost); }

NumberCheck at_most(std::uint64_t max) { return between(0, max); }

NumberCheck between(std::uint64_t min, std::uint64_t max) {
  return [min, max](const std::string& text) { return check_number(text, min, max); };
}

}  // namespace weir::app
