// The binary under test, and its statistics.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "support/command.h"

namespace weir::test {

inline std::vector<std::string> weir(std::vector<std::string> words) {
  words.insert(words.begin(), std::string(std::getenv("WEIR_BINARY_DIR")) + "/bin/weir");
  return words;
}

inline CommandResult run_weir(std::vector<std::string> words, const CommandOptions& options = {}) {
  return run_command(weir(std::move(words)), options);
}

// received = accepted + Σ rejected + Σ dropped + in_flight, with nothing left in flight at the end.
inline bool law_holds(const nlohmann::json& stats) {
  std::uint64_t sum = stats.at("accepted").get<std::uint64_t>();
  for (const auto& [reason, count] : stats.at("rejected").items())
    sum += count.get<std::uint64_t>();
  for (const auto& [reason, count] : stats.at("dropped").items()) sum += count.get<std::uint64_t>();
  bool holds = stats.at("received") == sum && stats.at("in_flight") == 0;
  for (const auto& output : stats.at("outputs")) {
    std::uint64_t placed =
        output.at("written").get<std::uint64_t>() + output.at("pending").get<std::uint64_t>();
    for (const auto& [reason, count] : output.at("lost").items())
      placed += count.get<std::uint64_t>();
    holds = holds && output.at("offered") == placed;
  }
  return holds;
}

}  // namespace weir::test
