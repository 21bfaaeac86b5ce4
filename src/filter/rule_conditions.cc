#include "filter/rule_conditions.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

#include "filter/ip_net.h"

namespace weir::filter {
namespace {

constexpr std::uint32_t kPortMax = 65'535;
constexpr std::uint32_t kProtocolMax = 255;
constexpr std::uint32_t kVlanMax = 4095;
constexpr std::uint32_t kVniMax = 0xffffff;

// The ranges that one rule has added to `values` from `begin` on: sorted, and joined where they
// overlap or touch.
template <typename Key>
void make_disjoint(std::vector<ValueRange<Key>>& values, std::size_t begin) {
  if (values.size() - begin < 2) return;
  const auto from = values.begin() + static_cast<std::ptrdiff_t>(begin);
  std::sort(from, values.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::size_t last = begin;
  for (std::size_t i = begin + 1; i < values.size(); ++i) {
    if (values[i].first <= values[last].last || values[i].first - values[last].last == 1) {
      values[last].last = std::max(values[last].last, values[i].last);
    } else {
      values[++last] = values[i];
    }
  }
  values.resize(last + 1);
}

class Parser {
 public:
  explicit Parser(std::span<const RuleSpec> rules) : rules_(rules) {
    out_.conditions.given.resize(rules.size());
  }

  ParsedRules run(RuleAction otherwise);

 private:
  void problem(std::string key, std::string message);
  void list_problem(std::string message) {
    out_.problems.push_back({.name = {}, .key = {}, .message = std::move(message)});
  }
  ConditionValues& give(Condition condition) {
    out_.conditions.given[rule_] |=
        static_cast<ConditionSet>(1u << static_cast<std::uint32_t>(condition));
    return out_.conditions.values[static_cast<std::size_t>(condition)];
  }

  void rule();
  void name();
  void action();
  void nets(Condition condition, const char* key, const std::vector<std::string>& texts);
  void numbers(Condition condition, const char* key, const std::vector<NumberRange>& ranges,
               std::uint32_t number_max);
  void endpoints(const std::vector<std::uint64_t>& endpoints);
  void same_names();

  std::span<const RuleSpec> rules_;
  std::size_t rule_ = 0;
  ParsedRules out_;
};

void Parser::problem(std::string key, std::string message) {
  out_.problems.push_back({.rule = static_cast<std::uint32_t>(rule_),
                           .name = rule_name(rules_[rule_], rule_),
                           .key = std::move(key),
                           .message = std::move(message)});
}

void Parser::name() {
  const std::string& name = rules_[rule_].name;
  if (name.size() > kRuleNameBytesMax) {
    problem("name", "has " + std::to_string(name.size()) + " bytes (at most " +
                        std::to_string(kRuleNameBytesMax) + ")");
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(name.begin(), name.end(), is_control)) {
    problem("name", "contains a control character (use printable ones)");
  }
}

void Parser::action() {
  const RuleSpec& spec = rules_[rule_];
  if (spec.action == RuleAction::Truncate && spec.keep_bytes == 0) {
    problem("truncate", "keeps no bytes (give at least 1, or use reject or headers-only)");
  }
  if (spec.action != RuleAction::Truncate && spec.keep_bytes != 0) {
    problem("truncate", "means nothing for the action " + std::string(name_of(spec.action)) +
                            " (leave it out, or use the action truncate)");
  }
  if (spec.action == RuleAction::Cutoff && spec.cutoff_bytes == 0) {
    problem("cutoff", "keeps nothing of a flow (give at least 1, or use headers-only)");
  }
  if (spec.action != RuleAction::Cutoff && spec.cutoff_bytes != 0) {
    problem("cutoff", "means nothing for the action " + std::string(name_of(spec.action)) +
                          " (leave it out, or use the action cutoff)");
  }
}

void Parser::nets(Condition condition, const char* key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  ConditionValues& values = give(condition);
  const std::size_t begin_4 = values.numbers.size();
  const std::size_t begin_6 = values.addresses_6.size();
  const auto rule = static_cast<std::uint16_t>(rule_);
  for (const std::string& text : texts) {
    const auto parsed = parse_net(text);
    if (const auto* wrong = std::get_if<std::string>(&parsed)) {
      problem(key, *wrong);
    } else if (const auto& net = std::get<IpNet>(parsed); net.version_6) {
      values.addresses_6.push_back({.first = net.first, .last = net.last, .rule = rule});
    } else {
      values.numbers.push_back({.first = static_cast<std::uint32_t>(net.first),
                                .last = static_cast<std::uint32_t>(net.last),
                                .rule = rule});
    }
  }
  make_disjoint(values.numbers, begin_4);
  make_disjoint(values.addresses_6, begin_6);
}

void Parser::numbers(Condition condition, const char* key, const std::vector<NumberRange>& ranges,
                     std::uint32_t number_max) {
  if (ranges.empty()) return;
  std::vector<ValueRange<std::uint32_t>>& values = give(condition).numbers;
  const std::size_t begin = values.size();
  for (const NumberRange range : ranges) {
    const auto text = [&] {
      return std::to_string(range.first) + "-" + std::to_string(range.last);
    };
    if (range.first > range.last) {
      problem(key, text() + " ends before it begins (did you mean " + std::to_string(range.last) +
                       "-" + std::to_string(range.first) + "?)");
    } else if (range.last > number_max) {
      problem(key, text() + " is out of range (0 to " + std::to_string(number_max) + ")");
    } else {
      values.push_back(
          {.first = range.first, .last = range.last, .rule = static_cast<std::uint16_t>(rule_)});
    }
  }
  make_disjoint(values, begin);
}

void Parser::endpoints(const std::vector<std::uint64_t>& endpoints) {
  if (endpoints.empty()) return;
  std::vector<ValueRange<std::uint64_t>>& values = give(Condition::GwlbEndpoints).endpoints;
  const std::size_t begin = values.size();
  for (const std::uint64_t endpoint : endpoints) {
    if (endpoint == 0) {
      problem("gwlb_endpoints", "0 stands for packets without an endpoint (leave it out)");
    } else {
      values.push_back(
          {.first = endpoint, .last = endpoint, .rule = static_cast<std::uint16_t>(rule_)});
    }
  }
  make_disjoint(values, begin);
}

void Parser::rule() {
  const RuleSpec& spec = rules_[rule_];
  name();
  action();
  nets(Condition::Nets, "nets", spec.nets);
  nets(Condition::SourceNets, "source_nets", spec.source_nets);
  nets(Condition::DestinationNets, "destination_nets", spec.destination_nets);
  numbers(Condition::Ports, "ports", spec.ports, kPortMax);
  numbers(Condition::SourcePorts, "source_ports", spec.source_ports, kPortMax);
  numbers(Condition::DestinationPorts, "destination_ports", spec.destination_ports, kPortMax);
  numbers(Condition::Protocols, "protocols", spec.protocols, kProtocolMax);
  numbers(Condition::Vlans, "vlans", spec.vlans, kVlanMax);
  numbers(Condition::Vnis, "vnis", spec.vnis, kVniMax);
  endpoints(spec.gwlb_endpoints);
  if (!spec.expression.empty() && out_.conditions.given[rule_] != 0) {
    problem("expression",
            "stands beside conditions (say all of it in the expression, or none of it)");
  }
}

// By hashes: names are compared only where these agree.
void Parser::same_names() {
  struct Name {
    std::size_t hash;
    std::uint32_t rule;
    auto operator<=>(const Name&) const = default;
  };
  const auto name_at = [&](std::uint32_t rule) { return rule_name(rules_[rule], rule); };
  std::vector<Name> names(rules_.size());
  for (std::uint32_t i = 0; i < names.size(); ++i) {
    const std::string& own = rules_[i].name;
    const std::hash<std::string_view> hash;
    names[i] = {.hash = own.empty() ? hash(name_at(i)) : hash(own), .rule = i};
  }
  std::sort(names.begin(), names.end());
  std::vector<std::pair<std::uint32_t, std::uint32_t>> twins;  // (later, earlier)
  for (std::size_t begin = 0; begin < names.size();) {
    std::size_t end = begin + 1;
    for (; end < names.size() && names[end].hash == names[begin].hash; ++end) {
      if (name_at(names[end].rule) == name_at(names[begin].rule)) {
        twins.emplace_back(names[end].rule, names[begin].rule);
      }
    }
    begin = end;
  }
  std::sort(twins.begin(), twins.end());
  for (const auto& [later, earlier] : twins) {
    rule_ = later;
    problem("name", "is the name of rule " + std::to_string(earlier + 1) +
                        " too, counting from 1 (give each rule a name of its own)");
  }
}

std::size_t values_of(const RuleSpec& spec) {
  return spec.nets.size() + spec.source_nets.size() + spec.destination_nets.size() +
         spec.ports.size() + spec.source_ports.size() + spec.destination_ports.size() +
         spec.protocols.size() + spec.vlans.size() + spec.vnis.size() + spec.gwlb_endpoints.size();
}

ParsedRules Parser::run(RuleAction otherwise) {
  if (otherwise != RuleAction::Accept && otherwise != RuleAction::Reject) {
    list_problem("what no rule matches cannot be given the action " +
                 std::string(name_of(otherwise)) + " (accept or reject)");
  }
  if (rules_.size() > kRulesMax) {
    list_problem("has " + std::to_string(rules_.size()) + " rules (at most " +
                 std::to_string(kRulesMax) + ")");
    return std::move(out_);
  }
  std::size_t values = 0;
  for (const RuleSpec& spec : rules_) values += values_of(spec);
  if (values > kRuleValuesMax) {
    list_problem("has " + std::to_string(values) + " nets, ranges and endpoints (at most " +
                 std::to_string(kRuleValuesMax) + ")");
    return std::move(out_);
  }
  for (rule_ = 0; rule_ < rules_.size(); ++rule_) rule();
  same_names();
  return std::move(out_);
}

}  // namespace

std::string rule_name(const RuleSpec& rule, std::size_t index) {
  return rule.name.empty() ? "rule-" + std::to_string(index + 1) : rule.name;
}

ParsedRules parse_rules(std::span<const RuleSpec> rules, RuleAction otherwise) {
  return Parser(rules).run(otherwise);
}

std::vector<RuleProblem> check_rules(std::span<const RuleSpec> rules, RuleAction otherwise) {
  return parse_rules(rules, otherwise).problems;
}

Error rules_error(std::span<const RuleProblem> problems) {
  constexpr std::size_t kLinesMax = 50;
  Error error{.code = ErrorCode::BadFilter, .context = {}};
  for (const RuleProblem& problem : problems.first(std::min(problems.size(), kLinesMax))) {
    if (!error.context.empty()) error.context += '\n';
    error.context += problem.rule == RuleProblem::kWholeList ? std::string("list of rules")
                                                             : "rule " + quoted(problem.name);
    error.context += problem.key.empty() ? " " : ": " + problem.key + ": ";
    error.context += problem.message;
  }
  if (problems.size() > kLinesMax) {
    error.context += "\nand " + std::to_string(problems.size() - kLinesMax) + " more";
  }
  return error;
}

}  // namespace weir::filter
