// The text of a policy document: what it says, and all that is wrong with it at once.
#include "control/policy_reader.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "security/signed_policy.h"

namespace weir::control {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kHead =
    "version = 7\n"
    "issued = 2026-11-29T20:00:00Z\n"
    "expires = 2027-11-29T21:30:00.5+01:00\n";

std::vector<std::string> problems_of(const std::string& text) {
  std::vector<std::string> lines;
  for (const ConfigProblem& problem : read_policy(text).problems) {
    lines.push_back(text_of(problem));
  }
  return lines;
}
std::vector<std::string> problems_with(std::string_view rest) {
  return problems_of(std::string(kHead) + std::string(rest));
}

TEST(PolicyReader, ReadsADocumentWithEveryKey) {
  const PolicyOutcome outcome = read_policy(std::string(kHead) + R"(
[sources]
interfaces = ["eth0", "eth1"]
macs = ["02:00:5e:10:00:01"]
nets = ["10.0.0.0/8", "2001:db8::/32"]
vnis = [7, "100-199"]
gwlb_endpoints = ["0x0123456789abcdef"]
deny_macs = "02:00:5E:10:00:02"
deny_nets = ["10.9.0.0/16"]
deny_vnis = "150"
block = false

[destinations]
kinds = ["pcapng", "store"]
directories = ["/data", "/var/lib/weir"]

[threat]
malformed = [5, 20, 50]
refused_sources = []
refused_requests = [10, 100, 1000]
policy_refusals = [2, 4, 8]
window = "20s"
recovery = "5m"

[threat.elevated]
deny_vnis = [9]

[threat.high]
deny_nets = ["198.51.100.0/24"]
deny_macs = ["02:00:5e:10:00:03"]

[threat.critical]
block = true
)");
  ASSERT_THAT(outcome.problems, IsEmpty());
  security::PolicyDocument expected{
      .version = 7, .issued = {1'795'982'400'000'000'000}, .expires = {1'827'520'200'500'000'000}};
  expected.sources = {.interfaces = {"eth0", "eth1"},
                      .macs = {"02:00:5e:10:00:01"},
                      .nets = {"10.0.0.0/8", "2001:db8::/32"},
                      .vnis = {{7, 7}, {100, 199}},
                      .gwlb_endpoints = {0x0123456789abcdef},
                      .deny_macs = {"02:00:5E:10:00:02"},
                      .deny_nets = {"10.9.0.0/16"},
                      .deny_vnis = {{150, 150}},
                      .block = false};
  expected.destinations = {.kinds = {"pcapng", "store"}, .directories = {"/data", "/var/lib/weir"}};
  expected.threat = {.malformed = {5, 20, 50},
                     .refused_sources = {},
                     .refused_requests = {10, 100, 1000},
                     .policy_refusals = {2, 4, 8},
                     .window = seconds(20),
                     .recovery = seconds(300)};
  expected.levels[0].deny_vnis = {{9, 9}};
  expected.levels[1].deny_nets = {"198.51.100.0/24"};
  expected.levels[1].deny_macs = {"02:00:5e:10:00:03"};
  expected.levels[2].block = true;
  EXPECT_EQ(outcome.document, expected);
}

TEST(PolicyReader, AHeadAloneForbidsNothing) {
  const PolicyOutcome outcome = read_policy(kHead);
  ASSERT_THAT(outcome.problems, IsEmpty());
  EXPECT_EQ(outcome.document.sources, security::SourceRules());
  EXPECT_EQ(outcome.document.destinations, security::DestinationRules());
  EXPECT_EQ(outcome.document.threat, security::ThreatLimits());
}

TEST(PolicyReader, TellsAllThatIsMissing) {
  EXPECT_THAT(problems_of(""),
              ElementsAre("version: missing (a whole number that grows with each document: version "
                          "= 1)",
                          "issued: missing (from when on it holds: issued = 2026-11-29T20:00:00Z)",
                          "expires: missing (until when: expires = 2027-11-29T20:00:00Z)"));
}

TEST(PolicyReader, UnknownKeysAreProblemsWithTheNearestKnownOne) {
  EXPECT_THAT(problems_with("sorces = 1\n[sources]\ndeny_net = []\n[destinations]\nkind = []\n"
                            "[threat]\nhihg = 1\n[threat.high]\nblok = true\n"),
              ElementsAre("4:1: sorces: unknown key (did you mean 'sources'?)",
                          "6:1: sources.deny_net: unknown key (did you mean 'deny_nets'?)",
                          "8:1: destinations.kind: unknown key (did you mean 'kinds'?)",
                          "10:1: threat.hihg: unknown key (did you mean 'high'?)",
                          "12:1: threat.high.blok: unknown key (did you mean 'block'?)"));
}

TEST(PolicyReader, AVersionIsAWholeNumberFromOneOn) {
  constexpr std::string_view kTimes =
      "issued = 2026-11-29T20:00:00Z\nexpires = 2027-11-29T20:00:00Z\n";
  const auto with = [&](std::string_view version) {
    return problems_of("version = " + std::string(version) + "\n" + std::string(kTimes));
  };
  EXPECT_THAT(with("9223372036854775807"), IsEmpty());
  EXPECT_THAT(with("0"), ElementsAre("1:1: version: 0: not 1 or more"));
  EXPECT_THAT(with("-1"), ElementsAre("1:1: version: -1: not 1 or more"));
  EXPECT_THAT(with("\"7\""), ElementsAre("1:1: version: a string, not a whole number"));
}

TEST(PolicyReader, TimesArePointsInTimeInTheirOrder) {
  const auto with = [&](std::string_view issued, std::string_view expires) {
    return problems_of("version = 1\nissued = " + std::string(issued) +
                       "\nexpires = " + std::string(expires) + "\n");
  };
  constexpr const char* kPoint = "not a point in time (like 2026-11-29T20:00:00Z, without quotes)";
  EXPECT_THAT(with("\"2026-11-29T20:00:00Z\"", "2027-11-29T20:00:00"),
              ElementsAre("2:1: issued: a string, " + std::string(kPoint),
                          "3:1: expires: a date without an offset, or out of range, " +
                              std::string(kPoint)));
  EXPECT_THAT(with("2026-11-29", "9999-11-29T20:00:00Z"), testing::SizeIs(2));
  EXPECT_THAT(with("2026-11-29T20:00:00Z", "2026-11-29T21:00:00+01:00"),
              ElementsAre("3:1: expires: not after issued"));
}

TEST(PolicyReader, ListsAreOfWhatTheySay) {
  EXPECT_THAT(
      problems_with("[sources]\nmacs = [\"02:00:5e:10:00\"]\nnets = [\"10.0.0.1/8\"]\nvnis = "
                    "[16777216]\ngwlb_endpoints = [7]\ninterfaces = \"eth0\"\nblock = 1\n"
                    "[destinations]\ndirectories = [\"data\"]\nkinds = [\"pcap\"]\n"),
      ElementsAre(
          "5:1: sources.macs: \"02:00:5e:10:00\": no MAC address (like 02:00:5e:00:53:01)",
          "6:1: sources.nets: '10.0.0.1/8': the address has bits beyond the prefix",
          "7:1: sources.vnis: 16777216: not 0 to 16777215",
          "8:1: sources.gwlb_endpoints: a whole number, not a string (like \"0x0123abcd\")",
          "9:1: sources.interfaces: a string, not a list",
          "10:1: sources.block: a whole number, not true or false",
          "12:1: destinations.directories: 'data': no directory (like /var/lib/weir)",
          "13:1: destinations.kinds: 'pcap': no kind of destination (did you mean 'pcapng'?)"));
  EXPECT_THAT(problems_with("[destinations]\ndirectories = [\"/data/..\"]\n"), testing::SizeIs(1));
}

TEST(PolicyReader, StepsAreThreeNumbersThatGrowOrNone) {
  for (const char* steps : {"[1]", "[1, 2, 2]", "[3, 2, 1]", "[0, 1, 2]", "[1, 2, 101]", "\"1\"",
                            "[1, 2, 3, 4]", "[1, 2, \"3\"]", "7"}) {
    EXPECT_THAT(problems_with("[threat]\nmalformed = " + std::string(steps) + "\n"),
                testing::SizeIs(1))
        << steps;
  }
  EXPECT_THAT(problems_with("[threat]\nmalformed = [1, 2, 100]\n"), IsEmpty());
  EXPECT_THAT(problems_with("[threat]\nwindow = \"2h\"\nrecovery = \"0s\"\n"),
              ElementsAre("5:1: threat.window: 2h: not 1s to 1h",
                          "6:1: threat.recovery: 0s: not 1s to 1h"));
}

TEST(PolicyReader, TablesAreTables) {
  EXPECT_THAT(problems_with("sources = 1\ndestinations = []\nthreat = true\n"),
              ElementsAre("4:1: sources: a whole number, not a table (write [sources])",
                          "5:1: destinations: a list, not a table (write [destinations])",
                          "6:1: threat: true or false, not a table (write [threat])"));
  EXPECT_THAT(problems_with("[threat]\nhigh = true\n"),
              ElementsAre("5:1: threat.high: true or false, not a table (write [threat.high])"));
}

TEST(PolicyReader, WhatIsNoTomlHasOneProblemWithItsPlace) {
  const auto problems = read_policy("version = \n").problems;
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].at.line, 1u);
}

TEST(PolicyReader, HugeTextsAreRefusedBeforeTheyAreParsed) {
  EXPECT_THAT(problems_of(std::string(security::kPolicyBytesMax + 1, '#')), testing::SizeIs(1));
  std::string deep = std::string(kHead) + "x = ";
  for (int i = 0; i < 1000; ++i) deep += "[";
  EXPECT_THAT(problems_of(deep), testing::SizeIs(1));
  std::string many = std::string(kHead) + "[sources]\nnets = [";
  for (int i = 0; i < 5000; ++i) many += "\"10.0.0.0/8\",";
  EXPECT_THAT(problems_of(many + "]\n"), ElementsAre("5:1: sources.nets: more than 4096 entries"));
}

}  // namespace
}  // namespace weir::control
