#include "filter/rule_conditions.h"

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "filter/ip_net.h"
#include "filter/rule_set.h"

namespace weir::filter {
namespace {

TEST(IpNet, ReadsAddressesAndNets) {
  const auto net = [](const char* text) { return std::get<IpNet>(parse_net(text)); };
  EXPECT_EQ(net("10.0.0.1").first, 0x0a000001u);
  EXPECT_EQ(net("10.0.0.1").last, 0x0a000001u);
  EXPECT_EQ(net("10.0.0.0/8").last, 0x0affffffu);
  EXPECT_EQ(net("0.0.0.0/0").last, 0xffffffffu);
  EXPECT_FALSE(net("0.0.0.0/0").version_6);
  EXPECT_TRUE(net("::/0").version_6);
  EXPECT_EQ(net("::/0").last, ~Uint128{0});
  EXPECT_EQ(net("2001:db8::/32").last - net("2001:db8::/32").first, (Uint128{1} << 96) - 1);
  EXPECT_EQ(net("::1/128").last, Uint128{1});
}

TEST(IpNet, SaysWhatIsWrongWithAText) {
  const auto wrong = [](std::string_view text) { return std::get<std::string>(parse_net(text)); };
  EXPECT_EQ(wrong("10.1.2.3/8"),
            "\"10.1.2.3/8\" has bits behind its prefix (did you mean 10.0.0.0/8?)");
  EXPECT_EQ(wrong("2001:db8::1/32"),
            "\"2001:db8::1/32\" has bits behind its prefix (did you mean 2001:db8::/32?)");
  for (const char* text : {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/8x", "10.0.0.0/-1",
                           "10.0.0.0/4294967304"}) {
    EXPECT_NE(wrong(text).find("prefix length"), std::string::npos) << text;
  }
  using std::string_view_literals::operator""sv;
  for (const std::string_view text : {""sv, "/8"sv, "10.0.0"sv, "10.0.0/8"sv, "localhost"sv,
                                      "10.0.0.256"sv, "10.0.0.1\0"sv, " 10.0.0.1"sv, ":::"sv}) {
    EXPECT_NE(wrong(text).find("neither an address nor a net"), std::string::npos) << text;
  }
  EXPECT_LT(wrong(std::string(5000, '1')).size(), 200u);
  EXPECT_EQ(wrong("\x1b[2J").find('\x1b'), std::string::npos);
}

TEST(RuleConditions, JoinsWhatOverlapsOrTouches) {
  const std::vector<RuleSpec> rules = {
      {.ports = {{20, 30}, {1, 5}, {6, 7}, {25, 26}, {30, 40}, {42, 42}}}, {.ports = {{6, 6}}}};
  const ParsedRules parsed = parse_rules(rules, RuleAction::Accept);
  ASSERT_TRUE(parsed.problems.empty());
  std::string text;
  for (const auto& range :
       parsed.conditions.values[static_cast<std::size_t>(Condition::Ports)].numbers) {
    text += std::to_string(range.rule) + ":" + std::to_string(range.first) + "-" +
            std::to_string(range.last) + " ";
  }
  EXPECT_EQ(text, "0:1-7 0:20-40 0:42-42 1:6-6 ");
}

struct Refused {
  RuleSpec rule;
  std::string message;
};

TEST(RuleConditions, RefusesWhatIsWrong) {
  const std::vector<Refused> table = {
      {{.nets = {"10.0.0.1/8"}},
       "rule \"rule-1\": nets: \"10.0.0.1/8\" has bits behind its prefix (did you mean "
       "10.0.0.0/8?)"},
      {{.name = "x", .source_nets = {"a"}},
       "rule \"x\": source_nets: \"a\" is neither an address nor a net (write 10.0.0.1, 10.0.0.0/8 "
       "or 2001:db8::/32)"},
      {{.ports = {{9, 8}}},
       "rule \"rule-1\": ports: 9-8 ends before it begins (did you mean 8-9?)"},
      {{.source_ports = {{1, 65536}}},
       "rule \"rule-1\": source_ports: 1-65536 is out of range (0 to 65535)"},
      {{.protocols = {{256, 256}}},
       "rule \"rule-1\": protocols: 256-256 is out of range (0 to 255)"},
      {{.vlans = {{1, 4096}}}, "rule \"rule-1\": vlans: 1-4096 is out of range (0 to 4095)"},
      {{.vnis = {{0, 0x1000000}}},
       "rule \"rule-1\": vnis: 0-16777216 is out of range (0 to 16777215)"},
      {{.gwlb_endpoints = {0}},
       "rule \"rule-1\": gwlb_endpoints: 0 stands for packets without an endpoint (leave it out)"},
      {{.expression = "tcp", .vlans = {{1, 1}}},
       "rule \"rule-1\": expression: stands beside conditions (say all of it in the expression, or "
       "none of it)"},
      {{.action = RuleAction::Truncate},
       "rule \"rule-1\": truncate: keeps no bytes (give at least 1, or use reject or "
       "headers-only)"},
      {{.action = RuleAction::Accept, .keep_bytes = 64},
       "rule \"rule-1\": truncate: means nothing for the action accept (leave it out, or use the "
       "action truncate)"},
      {{.action = RuleAction::Cutoff},
       "rule \"rule-1\": cutoff: keeps nothing of a flow (give at least 1, or use headers-only)"},
      {{.action = RuleAction::Truncate, .keep_bytes = 64, .cutoff_bytes = 64},
       "rule \"rule-1\": cutoff: means nothing for the action truncate (leave it out, or use the "
       "action cutoff)"},
      {{.name = "a\nb"}, "rule \"a?b\": name: contains a control character (use printable ones)"},
      {{.name = std::string(129, 'n')},
       "rule \"" + std::string(64, 'n') + "...\": name: has 129 bytes (at most 128)"},
  };
  for (const auto& [rule, message] : table) {
    const auto set = RuleSet::compile({&rule, 1}, RuleAction::Accept, Scope::Frame);
    ASSERT_FALSE(set.ok()) << message;
    EXPECT_EQ(set.error().code, ErrorCode::BadFilter);
    EXPECT_EQ(set.error().context, message);
  }
}

TEST(RuleConditions, ReportsAllProblemsAtOnce) {
  const std::vector<RuleSpec> rules = {{.name = "a", .nets = {"x", "10.0.0.0/8", "y"}},
                                       {.name = "b", .ports = {{2, 1}}},
                                       {.name = "a", .vlans = {{5000, 5000}}},
                                       {},
                                       {.name = "rule-4"}};
  const std::vector<RuleProblem> problems = check_rules(rules, RuleAction::Truncate);
  std::vector<std::pair<std::uint32_t, std::string>> found;
  for (const RuleProblem& problem : problems) found.emplace_back(problem.rule, problem.key);
  EXPECT_EQ(found,
            (std::vector<std::pair<std::uint32_t, std::string>>{{RuleProblem::kWholeList, ""},
                                                                {0, "nets"},
                                                                {0, "nets"},
                                                                {1, "ports"},
                                                                {2, "vlans"},
                                                                {2, "name"},
                                                                {4, "name"}}));
  EXPECT_EQ(problems[5].message,
            "is the name of rule 1 too, counting from 1 (give each rule a name of its own)");
  EXPECT_EQ(rules_error({problems.data(), 1}).context,
            "list of rules what no rule matches cannot be given the action truncate (accept or "
            "reject)");
}

TEST(RuleConditions, HasLimits) {
  std::vector<RuleSpec> rules(kRulesMax);
  EXPECT_TRUE(check_rules(rules, RuleAction::Accept).empty());
  rules.emplace_back();
  ASSERT_EQ(check_rules(rules, RuleAction::Accept).size(), 1u);
  EXPECT_EQ(check_rules(rules, RuleAction::Accept)[0].message, "has 16385 rules (at most 16384)");

  std::vector<RuleSpec> one(1);
  one[0].ports.assign(kRuleValuesMax, {80, 80});
  EXPECT_TRUE(check_rules(one, RuleAction::Accept).empty());
  one[0].vlans.push_back({1, 1});
  EXPECT_EQ(check_rules(one, RuleAction::Accept).size(), 1u);
}

TEST(RuleConditions, AnErrorHasAnEnd) {
  const std::vector<RuleSpec> rules(1000, RuleSpec{.name = "same"});
  const std::string text = rules_error(check_rules(rules, RuleAction::Accept)).context;
  EXPECT_NE(text.find("\nand 949 more"), std::string::npos) << text.substr(text.size() - 40);
}

}  // namespace
}  // namespace weir::filter
