#include "app/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>

namespace weir::app {
namespace {

struct Unit {
  std::string_view suffix;
  double factor;
};
constexpr std::array kSizeUnits = {Unit{"", 1},         Unit{"B", 1},        Unit{"KiB", 0x1p10},
                                   Unit{"MiB", 0x1p20}, Unit{"GiB", 0x1p30}, Unit{"TiB", 0x1p40},
                                   Unit{"kB", 1e3},     Unit{"KB", 1e3},     Unit{"MB", 1e6},
                                   Unit{"GB", 1e9},     Unit{"TB", 1e12}};
constexpr double kSizeMax = 0x1p60;
constexpr std::array kUnits = {Unit{"ms", 1e6}, Unit{"s", 1e9}, Unit{"m", 60e9}, Unit{"h", 3600e9},
                               Unit{"d", 86400e9}};
constexpr double kLongestNs = 10.0 * 365 * 86400e9;
constexpr std::array<std::string_view, 6> kCaptureSuffixes = {".pcap", ".pcapng", ".cap",
                                                              ".dmp",  ".gz",     ".zst"};

bool names_a_file(const std::string& word) {
  if (word == "-" || word.find('/') != std::string::npos) {
    // "net 10.0.0.0/8" is an expression; its address is no existing path.
    if (word == "-" || word.front() == '/' || word.front() == '.') return true;
  }
  if (std::any_of(kCaptureSuffixes.begin(), kCaptureSuffixes.end(),
                  [&](std::string_view suffix) { return word.ends_with(suffix); })) {
    return true;
  }
  std::error_code ignored;
  return std::filesystem::exists(word, ignored);
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  double number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const auto unit =
      std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.suffix == suffix; });
  if (status != std::errc{} || !(number > 0) || (unit == kUnits.end() && !suffix.empty())) {
    return Error{
        .code = ErrorCode::Usage,
        .context = "'" + std::string(text) + "': not a time (like 500ms, 10s, 5m, 2h, 1d)"};
  }
  const double ns = number * (suffix.empty() ? 1e9 : unit->factor);
  if (ns > kLongestNs || ns < 1) {
    return Error{.code = ErrorCode::Usage,
                 .context = "'" + std::string(text) + "': out of range (1ns to 3650d)"};
  }
  return Duration(std::llround(ns));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  double number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const auto unit = std::find_if(kSizeUnits.begin(), kSizeUnits.end(),
                                 [&](const Unit& u) { return u.suffix == suffix; });
  if (status != std::errc{} || !(number > 0) || unit == kSizeUnits.end()) {
    return Error{
        .code = ErrorCode::Usage,
        .context = "'" + std::string(text) + "': not a size (like 4096, 64KiB, 100MiB, 1.5GiB)"};
  }
  const double bytes = number * unit->factor;
  if (bytes > kSizeMax || bytes < 1) {
    return Error{.code = ErrorCode::Usage,
                 .context = "'" + std::string(text) + "': out of range (1 byte to 2^60)"};
  }
  return static_cast<std::uint64_t>(std::llround(bytes));
}

FilesAndExpression split_files(const std::vector<std::string>& words) {
  FilesAndExpression out;
  std::size_t i = 0;
  for (; i < words.size() && (i == 0 || names_a_file(words[i])); ++i) out.files.push_back(words[i]);
  for (; i < words.size(); ++i) {
    if (!out.expression.empty()) out.expression += ' ';
    out.expression += words[i];
  }
  return out;
}

}  // namespace weir::app
