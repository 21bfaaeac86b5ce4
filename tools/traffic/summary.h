// What was generated, for people and as JSON for tests.
#pragma once

#include <cstdint>
#include <string>

#include "generator.h"
#include "recorder.h"

namespace weir::traffic {

struct SummaryFacts {
  const GeneratorOptions& options;
  const Totals& totals;
  const ExpressionTruth& truth;
  std::uint64_t file_bytes = 0;
  std::uint64_t places = 0;
  std::uint64_t flows_begun = 0;
  std::uint64_t flows_ended = 0;
};

std::string summary_json(const SummaryFacts& facts);
// One line: packets, bytes, mean frame, flows, time covered.
std::string summary_line(const SummaryFacts& facts);

}  // namespace weir::traffic
