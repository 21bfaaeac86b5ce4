// What a query came to, for people and for machines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/query_options.h"
#include "app/report.h"
#include "base/error.h"
#include "base/time.h"
#include "capture/retrieval/query_counts.h"

namespace weir::app {

struct QueryReport {
  const QueryOptions* options = nullptr;
  capture::retrieval::QueryCounts counts;
  bool uses_index = false;     // the index tells something of what was asked
  std::uint64_t accepted = 0;  // packets in the answer
  std::uint64_t accepted_bytes = 0;
  bool limited = false;  // -c, or a signal: there may be more
  std::vector<SinkReport> outputs = {};
  Duration surveyed{};  // until the first packet could be read
  Duration elapsed{};
  std::optional<Error> error = {};

  // All packets of the asked time that match are in the answer.
  [[nodiscard]] bool complete() const noexcept { return counts.complete() && !limited && !error; }
};

// The closing lines: what was found and written, and what is missing.
std::string query_summary(const QueryReport& report);
// Of these, what is missing; empty: nothing.
std::string query_missing(const QueryReport& report);
// What there is to say of stores that were read as a whole: notes, and what is missing of them.
std::string store_notes(const capture::retrieval::QueryCounts& counts);
// The plan as it ran.
std::string query_explanation(const QueryReport& report);
// One object, on one line.
std::string query_json(const QueryReport& report);

}  // namespace weir::app
