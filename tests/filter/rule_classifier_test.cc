// The tables against the model, with random rules and packets. Seeds stand in the failure.
#include "filter/rule_classifier.h"

#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "rule_model.h"

namespace weir::filter {
namespace {

struct Case {
  std::size_t rules;
  std::size_t bytes_max;  // of tables
  std::uint64_t seed;
};

std::vector<RuleSpec> random_rules(Prng& prng, std::size_t count) {
  std::vector<RuleSpec> rules;
  while (rules.size() < count) {
    RuleSpec rule = test::random_rule(prng);
    // Few rules that match nearly everything: else the first ones decide all.
    if (rules.size() < count / 2 && rule.nets.empty() && rule.source_nets.empty()) continue;
    rules.push_back(std::move(rule));
  }
  return rules;
}

class Classifier : public testing::TestWithParam<Case> {};

TEST_P(Classifier, FindsTheFirstRuleThatTheModelFinds) {
  Prng prng(GetParam().seed);
  const std::vector<RuleSpec> rules = random_rules(prng, GetParam().rules);
  const ParsedRules parsed = parse_rules(rules, RuleAction::Accept);
  ASSERT_TRUE(parsed.problems.empty()) << rules_error(parsed.problems).context;
  // Some rules take no part, as those with an expression.
  std::vector<std::uint16_t> members;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (!prng.chance(1, 10)) members.push_back(static_cast<std::uint16_t>(i));
  }
  const auto classifier = RuleClassifier::build(parsed.conditions, members, GetParam().bytes_max);
  EXPECT_LE(classifier.table_bytes(), GetParam().bytes_max + rules.size() * 1024 + 4096);
  if (GetParam().bytes_max < 4096 && GetParam().rules > 100) {
    EXPECT_GT(classifier.checked_alone(), 0u);
  }

  const auto input = std::make_unique<test::RuleInput>();
  std::size_t hits = 0;
  std::size_t later_hits = 0;
  for (int batch = 0; batch < 8; ++batch) {
    std::vector<std::uint8_t> which;
    for (std::size_t i = 0; i < kBatchPacketsMax; ++i) {
      test::random_keys(prng, input->headers[i], input->keys[i]);
      if (prng.chance(3, 4)) which.push_back(static_cast<std::uint8_t>(i));
    }
    std::vector<std::uint16_t> first(which.size());
    classifier.classify(input->headers, input->keys, which, first.data());
    for (std::size_t k = 0; k < which.size(); ++k) {
      std::uint16_t expected = RuleClassifier::kNone;
      for (const std::uint16_t rule : members) {
        if (!test::conditions_hold(rules[rule], input->headers[which[k]], input->keys[which[k]]))
          continue;
        expected = rule;
        break;
      }
      ASSERT_EQ(first[k], expected) << "seed " << GetParam().seed << ", packet " << k;
      hits += expected != RuleClassifier::kNone ? 1u : 0u;
      later_hits += expected != RuleClassifier::kNone && expected > 64 ? 1u : 0u;
    }
  }
  if (rules.size() > 60) {
    EXPECT_GT(hits, 0u);
  }
  if (rules.size() > 1000) {
    EXPECT_GT(later_hits, 0u);
  }
}

std::vector<Case> cases() {
  std::vector<Case> out;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    for (const std::size_t rules : {1u, 3u, 63u, 64u, 65u, 300u}) {
      out.push_back({rules, kClassifierBytesMax, seed * 1000 + rules});
      out.push_back({rules, 2048, seed * 1000 + rules});
      out.push_back({rules, 0, seed * 1000 + rules});
    }
  }
  out.push_back({4096, kClassifierBytesMax, 1});
  out.push_back({4097, kClassifierBytesMax, 2});
  out.push_back({5000, 100'000, 3});
  out.push_back({kRulesMax, kClassifierBytesMax, 4});
  return out;
}
INSTANTIATE_TEST_SUITE_P(Random, Classifier, testing::ValuesIn(cases()), [](const auto& random) {
  return std::to_string(random.param.rules) + "Rules" + std::to_string(random.param.bytes_max) +
         "Bytes" + std::to_string(random.param.seed);
});

// Ranges that all contain each other: every interval has another row, and every row nearly all
// rules.
TEST(Classifier, KeepsItsTablesSmallWhenRangesAreNested) {
  std::vector<RuleSpec> rules(kRulesMax);
  for (std::uint32_t i = 0; i < rules.size(); ++i) {
    rules[i].source_ports = {{20'000 - i, 40'000 + i}};
    rules[i].destination_nets = {"10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256)};
  }
  const ParsedRules parsed = parse_rules(rules, RuleAction::Accept);
  std::vector<std::uint16_t> members(rules.size());
  std::iota(members.begin(), members.end(), std::uint16_t{0});
  const auto classifier = RuleClassifier::build(parsed.conditions, members);
  EXPECT_LE(classifier.table_bytes(), kClassifierBytesMax + (10u << 20));
  EXPECT_GT(classifier.checked_alone(), 0u);

  const auto input = std::make_unique<test::RuleInput>();
  Prng prng(5);
  std::vector<std::uint8_t> which;
  for (std::size_t i = 0; i < kBatchPacketsMax; ++i) {
    test::random_keys(prng, input->headers[i], input->keys[i]);
    input->keys[i].source_port = static_cast<std::uint16_t>(3000 + prng.below(60'000));
    which.push_back(static_cast<std::uint8_t>(i));
  }
  std::vector<std::uint16_t> first(which.size());
  classifier.classify(input->headers, input->keys, which, first.data());
  for (std::size_t i = 0; i < which.size(); ++i) {
    std::uint16_t expected = RuleClassifier::kNone;
    for (std::uint16_t rule = 0; rule < rules.size() && expected == RuleClassifier::kNone; ++rule) {
      if (test::conditions_hold(rules[rule], input->headers[i], input->keys[i])) expected = rule;
    }
    ASSERT_EQ(first[i], expected) << i;
  }
}

}  // namespace
}  // namespace weir::filter
