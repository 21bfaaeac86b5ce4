// The rules of a list as numbers: every condition as ranges of values, checked. rule_classifier.h
// makes tables of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/prng.h"
#include "filter/rule_spec.h"

namespace weir::filter {

inline constexpr std::size_t kRulesMax = 16'384;        // of one list
inline constexpr std::size_t kRuleValuesMax = 131'072;  // nets, ranges, endpoints of a whole list
inline constexpr std::size_t kRuleNameBytesMax = 128;

// What is wrong with one rule, or with the list.
struct RuleProblem {
  static constexpr std::uint32_t kWholeList = std::numeric_limits<std::uint32_t>::max();

  std::uint32_t rule = kWholeList;  // place in the list, counting from 0
  std::string name;                 // of the rule; empty for the list
  std::string key;                  // "nets", "truncate"; empty: the rule as a whole
  std::string message;              // what was wrong (what to do)
};

// Everything that is wrong with a list, apart from expressions, which RuleSet::prepare() compiles;
// empty: nothing.
std::vector<RuleProblem> check_rules(std::span<const RuleSpec> rules, RuleAction otherwise);

// ErrorCode::BadFilter, one line a problem: `rule "web": nets: ... (...)`.
Error rules_error(std::span<const RuleProblem> problems);

// The name that a rule goes by: its own, or "rule-N", N counting from 1.
std::string rule_name(const RuleSpec& rule, std::size_t index);

// The conditions in the order of RuleSpec.
enum class Condition : std::uint8_t {
  Nets,
  SourceNets,
  DestinationNets,
  Ports,
  SourcePorts,
  DestinationPorts,
  Protocols,
  Vlans,
  Vnis,
  GwlbEndpoints,
  kCount,
};
inline constexpr std::size_t kConditions = static_cast<std::size_t>(Condition::kCount);
using ConditionSet = std::uint16_t;  // bit c: Condition c

// Values that satisfy a condition of a rule.
template <typename Key>
struct ValueRange {
  Key first;
  Key last;  // inclusive
  std::uint16_t rule;
};

// All values of one condition, over all rules. The ranges of one rule are disjoint and stand one
// after another.
struct ConditionValues {
  std::vector<ValueRange<std::uint32_t>> numbers;    // IPv4 addresses, ports, protocols, tags, VNIs
  std::vector<ValueRange<Uint128>> addresses_6;      // IPv6 addresses
  std::vector<ValueRange<std::uint64_t>> endpoints;  // of the GWLB
};

struct RuleConditions {
  std::array<ConditionValues, kConditions> values;
  std::vector<ConditionSet> given;  // by rule: the conditions that it has
};

// The conditions of a list, and what is wrong with it; a rule with a problem may be there in part.
struct ParsedRules {
  RuleConditions conditions;
  std::vector<RuleProblem> problems;
};
ParsedRules parse_rules(std::span<const RuleSpec> rules, RuleAction otherwise);

}  // namespace weir::filter
