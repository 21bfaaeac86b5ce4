// The command line of `weir query`.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "app/query_options.h"
#include "base/time.h"

namespace CLI {  // NOLINT(readability-identifier-naming)
class App;
}

namespace weir::app {

// Must outlive the parsing of the command line that it was added to.
class QueryFlags {
 public:
  // Adds the command `query`.
  explicit QueryFlags(CLI::App& app);
  ~QueryFlags();
  QueryFlags(const QueryFlags&) = delete;
  QueryFlags& operator=(const QueryFlags&) = delete;

  // The command was given.
  [[nodiscard]] bool chosen() const;
  // Joins what flags and trailing words said; the text of an error, or nothing.
  std::optional<std::string> finish();
  [[nodiscard]] const QueryOptions& options() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// A point in time as people ask for one: RFC 3339, seconds since 1970, or how long before `now`:
// "15m", "-15m", "15m ago". Nothing: none of them.
std::optional<Timestamp> parse_moment(const std::string& text, Timestamp now);

}  // namespace weir::app
