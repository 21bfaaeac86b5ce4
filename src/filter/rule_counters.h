// What each rule of a session decided, counted by one worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "telemetry/counter.h"

namespace weir::filter {

// One for each worker and rule set; that worker alone writes, any thread reads. Outlives the rule
// set whose decisions it counts, so that a reload that leaves the rules as they are leaves the
// counts too. 16 bytes a rule.
class RuleCounters {
 public:
  struct Row {
    telemetry::Counter packets;
    telemetry::Counter bytes;  // on the wire
  };

  // For a set of `rules` rules.
  explicit RuleCounters(std::size_t rules)
      : rules_(rules), rows_(std::make_unique<Row[]>(rules + 1)) {}

  [[nodiscard]] std::size_t size() const noexcept { return rules_; }  // without `otherwise`
  [[nodiscard]] const Row& rule(std::size_t index) const noexcept { return rows_[index]; }
  [[nodiscard]] const Row& otherwise() const noexcept { return rows_[rules_]; }

  // By the worker. `index` == size(): no rule matched.
  void add(std::size_t index, std::uint32_t wire_bytes) noexcept {
    rows_[index].packets.add(1);
    rows_[index].bytes.add(wire_bytes);
  }

 private:
  std::size_t rules_;
  std::unique_ptr<Row[]> rows_;
};

}  // namespace weir::filter
