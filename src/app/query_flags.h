// The command line of `weir query`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/query_options.h"
#include "base/time.h"

namespace CLI {  // NOLINT(readability-identifier-naming)
class App;
}

namespace weir::app {

// What the words of the command line said, as they stand there.
struct QueryWords {
  bool chosen = false;             // the command was given
  std::vector<std::string> words;  // stores, then an expression
  std::string since;
  std::string until;
  std::string gwlb_endpoint;
  bool inner = false;
  QueryOptions options;  // the others
};

// Must outlive the parsing of the command line that it was added to.
class QueryFlags {
 public:
  // Adds the command `query`.
  explicit QueryFlags(CLI::App& app);
  QueryFlags(const QueryFlags&) = delete;
  QueryFlags& operator=(const QueryFlags&) = delete;

  // The command was given.
  [[nodiscard]] bool chosen() const noexcept { return words_.chosen; }
  // Joins what flags and trailing words said; the text of an error, or nothing.
  std::optional<std::string> finish();
  [[nodiscard]] const QueryOptions& options() const noexcept { return words_.options; }

 private:
  std::optional<std::string> split_words();

  QueryWords words_;
};

// What --since and --until said, where they are not empty. The text of an error, or nothing.
std::optional<std::string> take_window(const std::string& since, const std::string& until,
                                       Timestamp now, capture::retrieval::TimeWindow& window);

// A point in time as people ask for one: RFC 3339, seconds since 1970, or how long before `now`:
// "15m", "-15m", "15m ago". Nothing: none of them.
std::optional<Timestamp> parse_moment(const std::string& text, Timestamp now);

}  // namespace weir::app
