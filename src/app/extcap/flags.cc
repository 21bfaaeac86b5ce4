#include "app/extcap/flags.h"

#include <charconv>
#include <string_view>
#include <system_error>

#include "app/query_flags.h"
#include "app/store_flags.h"
#include "base/clock.h"

namespace weir::app {
namespace {

// Of the protocol, in a version of it that this one does not know: not an error.
bool belongs_to_wireshark(std::string_view option) {
  return option.starts_with("--extcap-") || option.starts_with("--debug") ||
         option.starts_with("--log-");
}

// The first word that is neither an option of Wireshark's nor the value of one.
std::optional<std::string> mistake_among(const std::vector<std::string>& words) {
  bool may_be_value = false;
  for (const std::string& word : words) {
    if (word.starts_with('-')) {
      if (!belongs_to_wireshark(word)) return word;
      may_be_value = word.find('=') == std::string::npos;
    } else {
      // Some versions write an empty word behind a flag.
      if (!may_be_value && !word.empty()) return word;
      may_be_value = false;
    }
  }
  return std::nullopt;
}

ExtcapOptions::Ask asked_by(const ExtcapWords& words) {
  using Ask = ExtcapOptions::Ask;
  if (words.interfaces) return Ask::Interfaces;
  if (words.capture) return Ask::Capture;
  if (words.arguments) return Ask::Arguments;
  if (words.link_types) return Ask::LinkTypes;
  return words.options.capture_filter.empty() ? Ask::Nothing : Ask::Filter;
}

}  // namespace

ExtcapFlags::ExtcapFlags(CLI::App& app) { add_extcap_command(app, words_); }

std::optional<std::string> ExtcapFlags::finish() {
  using Ask = ExtcapOptions::Ask;
  ExtcapOptions& options = words_.options;
  if (const auto mistake = mistake_among(words_.unknown)) {
    return *mistake + ": unknown (see weir extcap --help)";
  }
  for (const std::string& store : options.stores) {
    if (!store.starts_with('/')) {
      return "--store " + store + ": no absolute path (Wireshark starts this in another directory)";
    }
  }
  options.ask = asked_by(words_);
  if (options.ask == Ask::Interfaces) return std::nullopt;
  if (options.ask == Ask::Nothing) {
    if (!words_.unknown.empty()) return std::nullopt;
    return "nothing was asked (Wireshark starts this command; try --extcap-interfaces)";
  }
  if (options.interface.empty()) return "of no interface (--extcap-interface IF)";
  return options.ask == Ask::Capture ? finish_capture() : std::nullopt;
}

std::optional<std::string> ExtcapFlags::finish_capture() {
  ExtcapOptions& options = words_.options;
  if (options.fifo.empty()) return "--capture to nowhere (--fifo PATH)";
  options.problem = take_arguments().value_or("");
  return std::nullopt;
}

std::optional<std::string> ExtcapFlags::take_arguments() {
  QueryOptions& query = words_.options.query;
  // Joined they would mean something else: a `vlan` in the one moves what the other looks at.
  if (const std::string& other = words_.options.capture_filter;
      !query.filter.empty() && !other.empty()) {
    return "filter given twice: capture filter '" + other + "' and --filter '" + query.filter +
           "' (give one of them)";
  }
  query.scope = words_.inner ? filter::Scope::Innermost : filter::Scope::Frame;
  if (!words_.count.empty()) {
    const char* const end = words_.count.data() + words_.count.size();
    const auto [at, error] = std::from_chars(words_.count.data(), end, query.packets_max);
    if (at != end || error != std::errc()) return "--count " + words_.count + ": no number";
  }
  const Timestamp now = SystemClock().wall();
  return take_window(words_.since, words_.until, now, query.window);
}

std::vector<const char*> words_by_name(int argc, const char* const* argv) {
  std::vector<const char*> words(argv, argv + argc);
  if (words.empty()) return words;
  const std::string_view path(words.front());
  if (path.substr(path.find_last_of('/') + 1) == "weir-extcap") {
    words.insert(words.begin() + 1, "extcap");
  }
  return words;
}

}  // namespace weir::app
