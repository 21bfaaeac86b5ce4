#include "app/query_flags.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/ctl/utc_time.h"
#include "app/number_checks.h"
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

}  // namespace

struct QueryFlags::Parts {
  CLI::App* query = nullptr;
  QueryOptions options;
  std::vector<std::string> words;
  std::string since;
  std::string until;
  bool inner = false;

  std::optional<std::string> split_words();
};

QueryFlags::QueryFlags(CLI::App& app) : parts_(std::make_unique<Parts>()) {
  parts_->query = app.add_subcommand("query", "find packets in stores, by time and filter");
  CLI::App& query = *parts_->query;
  QueryOptions& options = parts_->options;
  query
      .add_option("STORE", parts_->words,
                  "the directories of stores, then optionally a filter expression")
      ->required()
      ->type_name("");
  query
      .add_option("--since", parts_->since,
                  "from here on: 2026-11-21T20:00:00Z, seconds since 1970, or 15m for a quarter of "
                  "an hour ago")
      ->type_name("T");
  query.add_option("--until", parts_->until, "up to here, which is still of it")->type_name("T");
  query
      .add_option("-f,--filter", options.filter,
                  "only packets that match this pcap-filter expression")
      ->type_name("BPF");
  query.add_flag("--inner", parts_->inner,
                 "apply the filter to the innermost frame of a tunnel, not to the outer one");
  query
      .add_option("--community-id", options.community_id,
                  "only packets of flows with this Community ID (seed 0)")
      ->type_name("ID");
  query
      .add_option("-w,--write", options.write_paths,
                  "write the packets as pcapng ('-': standard output); may be given several times")
      ->type_name("FILE")
      ->allow_extra_args(false);
  query.add_option("-c,--count", options.packets_max, "stop after this many packets")
      ->type_name("N")
      ->check(at_least(1));
  query.add_flag("--explain", options.explain,
                 "say what was looked at and what was left out, and by which column of the index");
  query.add_flag("--json", options.json, "print the outcome as one JSON object");
  query.footer(
      "Example: weir query /var/lib/weir/packets --since 1h -w flow.pcapng host 10.1.2.3 and port "
      "443\n"
      "Works beside a running engine. Without -w it counts. docs/query.md says what the index "
      "answers.\n"
      "Exit status: 0 done, also when nothing is found or the capture lost packets of the asked "
      "time; 1 damage, or a failed write; 2 wrong usage or filter.");
}

QueryFlags::~QueryFlags() = default;

bool QueryFlags::chosen() const { return parts_->query->parsed(); }

// The first word is a store, and those behind it that are directories; the rest is an expression.
std::optional<std::string> QueryFlags::Parts::split_words() {
  std::string expression;
  for (const std::string& word : words) {
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
  QueryOptions& options = parts_->options;
  if (auto problem = parts_->split_words()) return problem;
  options.scope = parts_->inner ? filter::Scope::Innermost : filter::Scope::Frame;
  const Timestamp now = SystemClock().wall();
  if (auto problem = take_time("--since", parts_->since, now, options.window.since)) return problem;
  if (auto problem = take_time("--until", parts_->until, now, options.window.until)) return problem;
  if (options.window.since > options.window.until) return "--since is after --until";
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

const QueryOptions& QueryFlags::options() const { return parts_->options; }

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
