#include "filter/rule_set.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::filter {
namespace {

constexpr std::uint16_t kNone = RuleClassifier::kNone;
static_assert(kNone == RuleOutcomes::kOtherwise);
static_assert(kRulesMax < kNone);

// Rules with an expression that no rule before them has: where that one failed, another of the same
// text would too. In the order of the list.
std::vector<std::uint16_t> distinct_expressions(std::span<const RuleSpec> rules) {
  std::vector<std::uint16_t> found;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!rules[i].expression.empty()) found.push_back(static_cast<std::uint16_t>(i));
  }
  std::sort(found.begin(), found.end(), [&](std::uint16_t a, std::uint16_t b) {
    const int order = rules[a].expression.compare(rules[b].expression);
    return order != 0 ? order < 0 : a < b;
  });
  const auto end = std::unique(found.begin(), found.end(), [&](std::uint16_t a, std::uint16_t b) {
    return rules[a].expression == rules[b].expression;
  });
  found.erase(end, found.end());
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

Result<RuleSet> RuleSet::compile(std::span<const RuleSpec> rules, RuleAction otherwise,
                                 Scope scope) {
  const ParsedRules parsed = parse_rules(rules, otherwise);
  if (!parsed.problems.empty()) return rules_error(parsed.problems);

  RuleSet set;
  set.otherwise_ = otherwise;
  set.scope_ = scope;
  set.specs_.assign(rules.begin(), rules.end());
  set.names_.resize(rules.size());
  set.decisions_.reserve(rules.size() + 1);
  std::vector<std::uint16_t> members;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const RuleSpec& spec = rules[i];
    if (spec.name.empty()) set.names_[i] = rule_name(spec, i);
    if (spec.expression.empty()) members.push_back(static_cast<std::uint16_t>(i));
    set.decisions_.push_back(
        {.action = spec.action, .keep_bytes = spec.keep_bytes, .cutoff_bytes = spec.cutoff_bytes});
    set.has_cutoffs_ = set.has_cutoffs_ || spec.cutoff_bytes != 0;
  }
  for (const std::uint16_t i : distinct_expressions(rules)) {
    set.expressions_.push_back({.rule = i, .programs = LinkPrograms(rules[i].expression, scope)});
  }
  set.decisions_.push_back({.action = otherwise});
  set.classifier_ = RuleClassifier::build(parsed.conditions, members);
  return set;
}

Result<void> RuleSet::prepare(LinkType link_type) {
  std::vector<RuleProblem> problems;
  for (Expression& expression : expressions_) {
    if (const auto prepared = expression.programs.prepare(link_type); !prepared) {
      problems.push_back({.rule = expression.rule,
                          .name = std::string(name(expression.rule)),
                          .key = "expression",
                          .message = prepared.error().context});
    }
  }
  if (!problems.empty()) return rules_error(problems);
  return ok();
}

std::uint16_t RuleSet::first_expression(const Packet& packet, const Headers& headers,
                                        std::uint16_t before) const noexcept {
  for (const Expression& expression : expressions_) {
    if (expression.rule >= before) break;
    if (expression.programs.matches(packet, headers)) return expression.rule;
  }
  return before;
}

std::uint32_t RuleSet::kept(Decision decision, const Packet& packet,
                            const Headers& headers) const noexcept {
  if (decision.action == RuleAction::HeadersOnly) return kept_of_headers(packet, headers);
  const bool cuts =
      decision.action == RuleAction::Truncate && decision.keep_bytes < packet.captured_bytes;
  return cuts ? decision.keep_bytes : kKeepAll;
}

std::uint32_t RuleSet::evaluate(const PacketBatch& batch, const HeadersArray& headers,
                                const KeysArray& keys, SessionMask session, Verdicts& verdicts,
                                RuleOutcomes& outcomes, RuleCounters& counters) const noexcept {
  WEIR_ASSERT(counters.size() == size());
  std::array<std::uint8_t, kBatchPacketsMax> which;  // NOLINT(*-member-init)
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    which[count] = static_cast<std::uint8_t>(i);
    count += (verdicts.wanted[i] & session) != 0 ? 1u : 0u;
  }
  std::array<std::uint16_t, kBatchPacketsMax> first;  // NOLINT(*-member-init)
  classifier_.classify(headers, keys, {which.data(), count}, first.data());

  std::uint32_t remaining = 0;
  for (std::size_t k = 0; k < count; ++k) {
    const std::uint32_t i = which[k];
    const Packet& packet = batch.packets[i];
    const std::uint16_t rule = first_expression(packet, headers[i], first[k]);
    const std::size_t decider = std::min<std::size_t>(rule, size());
    const Decision decision = decisions_[decider];
    const bool rejected = decision.action == RuleAction::Reject;
    verdicts.wanted[i] &= ~(rejected ? session : 0);
    remaining += rejected ? 0 : 1;
    outcomes.rule[i] = rule;
    outcomes.keep_bytes[i] = rejected ? 0 : kept(decision, packet, headers[i]);
    counters.add(decider, packet.wire_bytes);
  }
  return remaining;
}

bool same_rules(const RuleSet& set, std::span<const RuleSpec> rules, RuleAction otherwise,
                Scope scope) noexcept {
  if (set.otherwise() != otherwise || set.scope() != scope || set.size() != rules.size()) {
    return false;
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!(set.spec(i) == rules[i])) return false;
  }
  return true;
}

}  // namespace weir::filter
