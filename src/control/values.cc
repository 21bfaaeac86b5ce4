#include "control/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/edit_distance.h"

namespace weir::control {
namespace {

struct Unit {
  std::string_view suffix;
  std::uint64_t factor;
};
constexpr std::uint64_t kKiB = 1024;
constexpr std::array kSizeUnits = {Unit{"", 1},
                                   Unit{"B", 1},
                                   Unit{"KiB", kKiB},
                                   Unit{"MiB", kKiB* kKiB},
                                   Unit{"GiB", kKiB* kKiB* kKiB},
                                   Unit{"TiB", kKiB* kKiB* kKiB* kKiB},
                                   Unit{"kB", 1'000},
                                   Unit{"KB", 1'000},
                                   Unit{"MB", 1'000'000},
                                   Unit{"GB", 1'000'000'000},
                                   Unit{"TB", 1'000'000'000'000}};
constexpr std::uint64_t kSizeMax = 1ull << 60;
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::array kTimeUnits = {Unit{"ms", 1'000'000}, Unit{"s", kSecond},
                                   Unit{"m", 60 * kSecond}, Unit{"h", 3600 * kSecond},
                                   Unit{"d", 86400 * kSecond}};
constexpr std::uint64_t kLongestNs = 3650 * 86400 * kSecond;

// A number with a unit; whole numbers are not rounded on the way.
enum class Fault : std::uint8_t { None, NoNumber, OutOfRange };

Fault parse(std::string_view text, std::span<const Unit> units, std::uint64_t bare_factor,
            std::uint64_t max, std::uint64_t& out) {
  const char* const end = text.data() + text.size();
  const auto unit_from = [&](const char* from) {
    const std::string_view suffix(from, static_cast<std::size_t>(end - from));
    const auto unit =
        std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.suffix == suffix; });
    return unit != units.end() ? unit->factor : suffix.empty() ? bare_factor : 0;
  };
  std::uint64_t whole = 0;
  const auto [whole_end, whole_status] = std::from_chars(text.data(), end, whole);
  if (const std::uint64_t factor = unit_from(whole_end);
      whole_status == std::errc{} && factor != 0 && whole != 0) {
    if (whole > max / factor) return Fault::OutOfRange;
    out = whole * factor;
    return Fault::None;
  }
  double number = 0;
  const auto [number_end, status] = std::from_chars(text.data(), end, number);
  const std::uint64_t factor = unit_from(number_end);
  if (status != std::errc{} || !(number > 0) || factor == 0) return Fault::NoNumber;
  const double product = number * static_cast<double>(factor);
  if (product > static_cast<double>(max) || product < 1) return Fault::OutOfRange;
  out = static_cast<std::uint64_t>(std::llround(product));
  return Fault::None;
}

Error usage(std::string_view text, std::string_view what) {
  return Error{.code = ErrorCode::Usage,
               .context = "'" + std::string(text) + "': " + std::string(what)};
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  std::uint64_t ns = 0;
  switch (parse(text, kTimeUnits, kSecond, kLongestNs, ns)) {
    case Fault::None:
      return Duration(static_cast<std::int64_t>(ns));
    case Fault::NoNumber:
      return usage(text, "not a time (like 500ms, 10s, 5m, 2h, 1d)");
    case Fault::OutOfRange:
      break;
  }
  return usage(text, "out of range (1ns to 3650d)");
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t bytes = 0;
  switch (parse(text, kSizeUnits, 1, kSizeMax, bytes)) {
    case Fault::None:
      return bytes;
    case Fault::NoNumber:
      return usage(text, "not a size (like 4096, 64KiB, 100MiB, 1.5GiB)");
    case Fault::OutOfRange:
      break;
  }
  return usage(text, "out of range (1 byte to 2^60)");
}

std::string duration_text_of(Duration duration) {
  const auto ns = static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
  if (ns < kTimeUnits.front().factor) return "0s";
  for (auto unit = kTimeUnits.rbegin(); unit != kTimeUnits.rend(); ++unit) {
    // "1d", but "36h" and "90s", which say the same as "1.5d" and "1.5m".
    if (ns % unit->factor == 0) {
      return std::to_string(ns / unit->factor) + std::string(unit->suffix);
    }
  }
  return std::to_string(ns / kTimeUnits.front().factor) + "ms";
}

std::string size_text_of(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  for (const std::string_view suffix : {"TiB", "GiB", "MiB", "KiB"}) {
    const auto unit = std::find_if(kSizeUnits.begin(), kSizeUnits.end(),
                                   [&](const Unit& u) { return u.suffix == suffix; });
    if (bytes % unit->factor == 0) {
      return std::to_string(bytes / unit->factor) + std::string(suffix);
    }
  }
  return std::to_string(bytes);
}

std::string nearest_hint(std::span<const std::string_view> known, std::string_view wanted) {
  constexpr std::size_t kLongestWord = 64;  // what is longer is no slip of the finger
  std::string_view nearest;
  std::size_t distance = 1 + wanted.size() / 3;  // more than this is another word
  for (const std::string_view name : known) {
    if (wanted.size() > kLongestWord) break;
    const std::size_t own = edit_distance(name, wanted);
    if (own < distance || (own == distance && nearest.empty())) {
      nearest = name;
      distance = own;
    }
  }
  if (!nearest.empty()) return "did you mean '" + std::string(nearest) + "'?";
  std::string hint = "there are: ";
  for (const std::string_view name : known) {
    if (name.data() != known.front().data()) hint += ", ";
    hint += name;
  }
  return known.empty() ? "there is none" : hint;
}

}  // namespace weir::control
