#include "app/query_flags.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "app/ctl/utc_time.h"
#include "app/store_flags.h"
#include "app/values.h"
#include "base/clock.h"

namespace weir::app {
namespace {

std::optional<std::string> take_time(const char* option, const std::string& text, Timestamp now,
                                     Timestamp& out) {
  if (text.empty()) return std::nullopt;
  const auto parsed = parse_moment(text, now);
  if (!parsed) {
    return std::string(option) + " " + text +
           ": no time (write 2026-11-21T20:00:00Z, seconds since 1970, or 15m for a quarter of an "
           "hour ago)";
  }
  out = *parsed;
  return std::nullopt;
}

// As records have it; 0 is none.
std::optional<std::string> take_endpoint(const std::string& text,
                                         std::optional<std::uint64_t>& out) {
  if (text.empty()) return std::nullopt;
  std::uint64_t endpoint = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), endpoint, 16);
  if (error != std::errc() || end != text.data() + text.size() || endpoint == 0) {
    return "--gwlb-endpoint " + text +
           ": no endpoint (write up to 16 hex digits, as records have them)";
  }
  out = endpoint;
  return std::nullopt;
}

}  // namespace

QueryFlags::QueryFlags(CLI::App& app) { add_query_command(app, words_); }

// The first word is a store, and those behind it that are directories; the rest is an expression.
std::optional<std::string> QueryFlags::split_words() {
  QueryOptions& options = words_.options;
  std::string expression;
  for (const std::string& word : words_.words) {
    std::error_code ignored;
    if (options.stores.empty() ||
        (expression.empty() && std::filesystem::is_directory(word, ignored))) {
      if (std::ranges::find(options.stores, word) != options.stores.end()) {
        return word + ": named twice";
      }
      options.stores.push_back(word);
    } else {
      expression += (expression.empty() ? "" : " ") + word;
    }
  }
  if (expression.empty()) return std::nullopt;
  if (!options.filter.empty()) {
    return "filter given twice: '-f " + options.filter + "' and '" + expression +
           "' (give one of them)";
  }
  options.filter = std::move(expression);
  return std::nullopt;
}

std::optional<std::string> QueryFlags::finish() {
  QueryOptions& options = words_.options;
  if (auto problem = split_words()) return problem;
  if (auto problem = take_endpoint(words_.gwlb_endpoint, options.tenant.gwlb_endpoint)) {
    return problem;
  }
  options.scope = words_.inner ? filter::Scope::Innermost : filter::Scope::Frame;
  const Timestamp now = SystemClock().wall();
  if (auto problem = take_window(words_.since, words_.until, now, options.window)) return problem;
  for (auto path = options.write_paths.begin(); path != options.write_paths.end(); ++path) {
    if (std::find(options.write_paths.begin(), path, *path) != path) {
      return "-w " + *path + " given twice (name another file)";
    }
    if (*path == "-" && options.json) {
      return "--json with -w -: both want standard output (name a file)";
    }
  }
  return std::nullopt;
}

std::optional<std::string> take_window(const std::string& since, const std::string& until,
                                       Timestamp now, capture::retrieval::TimeWindow& window) {
  if (auto problem = take_time("--since", since, now, window.since)) return problem;
  if (auto problem = take_time("--until", until, now, window.until)) return problem;
  if (window.since > window.until) return "--since is after --until";
  return std::nullopt;
}

std::optional<Timestamp> parse_moment(const std::string& text, Timestamp now) {
  if (const auto point = parse_time(text)) return point;
  constexpr std::string_view kAgo = " ago";
  std::string before = text;
  if (before.ends_with(kAgo)) before.resize(before.size() - kAgo.size());
  if (before.starts_with('-')) before.erase(0, 1);
  const auto duration = parse_duration(before);
  if (!duration || duration->count() < 0 || now.ns < duration->count()) return std::nullopt;
  return now + Duration(-duration->count());
}

}  // namespace weir::app
