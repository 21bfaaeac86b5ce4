#include "control/config_check.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/config_schema.h"
#include "filter/rule_conditions.h"

namespace weir::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> problems_of(const Config& config) {
  std::vector<std::string> texts;
  for (const ConfigProblem& problem : check_config(config)) texts.push_back(text_of(problem));
  return texts;
}

Config one_session() {
  Config config;
  config.interfaces = {{.name = "eth0"}};
  config.sessions = {{.name = "web"}};
  return config;
}

// The only problem of the configuration after `change`, or what there is instead.
template <typename Change>
std::string problem_after(Change&& change) {
  Config config = one_session();
  change(config, config.sessions[0]);
  const auto problems = problems_of(config);
  return problems.size() == 1 ? problems[0] : std::to_string(problems.size()) + " problems";
}

TEST(ConfigCheck, AnInterfaceAndASessionAreEnough) {
  EXPECT_THAT(problems_of(one_session()), ElementsAre());
  EXPECT_THAT(problems_of(Config{}), ElementsAre());
}

TEST(ConfigCheck, SourcesAreWrittenAsTheyShouldAndTheirInterfacesAreCaptured) {
  EXPECT_EQ(problem_after([](Config& c, auto&) { c.security.sources.interfaces = {"eth1"}; }),
            "security.sources.interfaces: 'eth1': no [[interface]] of this name (did you mean "
            "'eth0'?)");
  EXPECT_EQ(problem_after([](Config& c, auto&) { c.security.sources.deny_macs = {"eth0"}; }),
            "security.sources.deny_macs: \"eth0\": no MAC address (like 02:00:5e:00:53:01)");
  EXPECT_THAT(problem_after([](Config& c, auto&) { c.security.sources.nets = {"10.0.0.1/8"}; }),
              HasSubstr("security.sources.nets: '10.0.0.1/8': the address has bits beyond"));
  EXPECT_THAT(problem_after([](Config& c, auto&) {
                c.security.sources.vnis = {{1, 1u << 24}};
              }),
              HasSubstr("security.sources.vnis: 1-16777216: more than 16777215"));
}

TEST(ConfigCheck, NamesAreThereAndUnique) {
  EXPECT_EQ(problem_after([](Config& c, auto&) { c.interfaces.push_back({.name = "eth0"}); }),
            "interface[eth0].name: 'eth0': given twice");
  EXPECT_EQ(problem_after([](Config& c, auto&) { c.interfaces.push_back({}); }),
            "interface[2]: has no name (name = \"eth0\")");
  EXPECT_EQ(problem_after([](Config& c, auto&) { c.sessions.push_back({.name = "web"}); }),
            "session[web].name: 'web': given twice");
  EXPECT_EQ(problem_after([](Config&, auto& s) { s.name = ""; }),
            "session[1]: has no name (name = \"all\")");
  for (const char* name : {"..", "-x", "a/b", "a b", "é"}) {
    EXPECT_THAT(problem_after([&](Config&, auto& s) { s.name = name; }), HasSubstr("no name"));
  }
  EXPECT_THAT(problem_after([](Config&, auto& s) { s.name = std::string(65, 'a'); }),
              HasSubstr("no name"));
}

TEST(ConfigCheck, ASessionCapturesOnInterfacesThatThereAre) {
  EXPECT_EQ(problem_after([](Config&, auto& s) { s.interfaces = {"eth1"}; }),
            "session[web].interfaces: 'eth1': no [[interface]] of this name (did you mean "
            "'eth0'?)");
  EXPECT_EQ(problem_after([](Config&, auto& s) {
              s.interfaces = {"eth0", "eth0"};
            }),
            "session[web].interfaces: 'eth0': given twice");
  EXPECT_EQ(problem_after([](Config& c, auto&) { c.interfaces.clear(); }),
            "session[web]: captures on no interface (add an [[interface]])");
}

TEST(ConfigCheck, ASessionCannotStoreMoreThanItsInterfacesKeep) {
  const auto lengths = [](std::uint32_t first, std::uint32_t second, std::uint32_t wanted) {
    return problem_after([=](Config& c, auto& s) {
      c.interfaces = {{.name = "eth0", .snaplen = first}, {.name = "eth1", .snaplen = second}};
      s.snaplen = wanted;
    });
  };
  EXPECT_EQ(lengths(96, 128, 129),
            "session[web].snaplen: 129: its interfaces keep at most 128 bytes of a packet");
  EXPECT_EQ(lengths(96, 128, 128), "0 problems");
  EXPECT_EQ(lengths(96, 128, 0), "0 problems");
}

TEST(ConfigCheck, WorkersOfAllInterfacesAreBoundedTogether) {
  EXPECT_EQ(problem_after([](Config& c, auto&) {
              c.interfaces = {{.name = "a", .workers = 32}, {.name = "b", .workers = 33}};
            }),
            "interface[b].workers: more than 64 workers on all interfaces together");
}

TEST(ConfigCheck, NoPathIsWrittenTwice) {
  const auto paths = [](const char* first, const char* second) {
    return problem_after([=](Config& c, auto& s) {
      s.pcapng.path = first;
      c.sessions.push_back({.name = "two", .logs = {.path = second}});
    });
  };
  EXPECT_EQ(paths("/a/./b//c", "/a/x/../b/c/"),
            "session[two].logs.path: '/a/x/../b/c/': is written by session[web].pcapng.path too");
  EXPECT_EQ(paths("/a/b", "/a/c"), "0 problems");
  EXPECT_EQ(problem_after([](Config&, auto& s) {
              s.store.paths = {"/a", "/b", "/c/../a/"};
            }),
            "session[web].store.path: '/c/../a/': is written by session[web].store.path too");
  EXPECT_EQ(problem_after([](Config&, auto& s) { s.pcapng.path = "-"; }),
            "session[web].pcapng.path: '-': a service has no standard output (name a file or "
            "pipe)");
}

TEST(ConfigCheck, ASpillQueueHasAPipeAndADirectoryOfItsOwn) {
  EXPECT_EQ(problem_after(
                [](Config&, auto& s) { s.pcapng = {.path = "/run/fifo", .spill = "/data/spill"}; }),
            "0 problems");
  EXPECT_EQ(problem_after([](Config&, auto& s) { s.pcapng.spill = "/data/spill"; }),
            "session[web].pcapng.spill: without a pipe that it is for (add path)");
  EXPECT_EQ(problem_after([](Config& c, auto& s) {
              s.pcapng = {.path = "/run/fifo", .spill = "/data/spill"};
              c.sessions.push_back(
                  {.name = "two", .pcapng = {.path = "/run/other", .spill = "/data/./spill/"}});
            }),
            "session[two].pcapng.spill: '/data/./spill/': is written by session[web].pcapng.spill "
            "too");
}

TEST(ConfigCheck, OldFilesAreDeletedOnlyWhereNewOnesBegin) {
  EXPECT_THAT(problem_after([](Config&, auto& s) {
                s.pcapng.files_max = 3;
                s.pcapng.rotate_bytes = 0;
                s.pcapng.rotate_interval = {};
              }),
              HasSubstr("without a size or an interval"));
}

TEST(ConfigCheck, RulesAreWholeAndMeanOneThing) {
  const auto rule = [](const filter::RuleSpec& spec) {
    return problem_after([&](Config&, auto& s) { s.rules = {spec}; });
  };
  EXPECT_EQ(rule({.action = filter::RuleAction::Truncate}),
            "session[web].rule[1].action: 'truncate' without a size (add truncate = 128)");
  EXPECT_EQ(rule({.keep_bytes = 5}),
            "session[web].rule[1].truncate: has no effect (write action = \"truncate\")");
  EXPECT_EQ(rule({.action = filter::RuleAction::Cutoff}),
            "session[web].rule[1].action: 'cutoff' without a size (add cutoff = \"64KiB\")");
  EXPECT_EQ(rule({.cutoff_bytes = 5}),
            "session[web].rule[1].cutoff: has no effect (write action = \"cutoff\")");
  EXPECT_THAT(rule({.expression = "tcp", .vlans = {{1, 1}}}), HasSubstr("beside conditions"));
  EXPECT_THAT(rule({.name = "a b"}), HasSubstr("no name"));
  EXPECT_EQ(rule({.expression = "tcp"}), "0 problems");
  EXPECT_EQ(rule({}), "0 problems");
}

TEST(ConfigCheck, NamesOfRulesAreUniqueAlsoTheGivenOnes) {
  EXPECT_THAT(problem_after([](Config&, auto& s) {
                s.rules = {{.name = "rule-2"}, {}};
              }),
              HasSubstr("session[web].rule[2].name: 'rule-2': given twice"));
}

TEST(ConfigCheck, ASessionHasNoMoreConditionsThanCanBeCompiled) {
  const auto with_rules = [](std::size_t rules) {
    return problem_after([=](Config&, auto& s) {
      const std::vector<filter::NumberRange> ports(kListMax, {.first = 1, .last = 2});
      s.rules.assign(rules, {.ports = ports});
    });
  };
  EXPECT_EQ(with_rules(filter::kRuleValuesMax / kListMax), "0 problems");
  EXPECT_EQ(with_rules(filter::kRuleValuesMax / kListMax + 1),
            "session[web].rule: has 135168 nets, ranges and endpoints (at most 131072)");
}

TEST(ConfigCheck, ASessionThatRejectsEverythingIsAMistake) {
  EXPECT_THAT(problem_after([](Config&, auto& s) { s.otherwise = filter::RuleAction::Reject; }),
              HasSubstr("rejects every packet, because there is no rule"));
}

TEST(ConfigCheck, PrometheusScrapesOnLoopbackOnly) {
  const auto listen = [](const char* address) {
    return problem_after([=](Config& c, auto&) { c.telemetry.listen = address; });
  };
  for (const char* address : {"127.0.0.1:9478", "127.1.2.3:1", "[::1]:65535", "127.0.0.1:0"}) {
    EXPECT_EQ(listen(address), "0 problems") << address;
  }
  for (const char* address : {"0.0.0.0:9478", "10.0.0.1:1", "[::]:1", "localhost:1", ":1"}) {
    EXPECT_THAT(listen(address), HasSubstr("no loopback address")) << address;
  }
  for (const char* address : {"127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536"}) {
    EXPECT_THAT(listen(address), HasSubstr("no address with a port")) << address;
  }
}

TEST(ConfigCheck, ReportsGoToAWebAddressWithoutASecret) {
  const auto url = [](const char* text) {
    return problem_after([=](Config& c, auto&) { c.telemetry.report_url = text; });
  };
  EXPECT_EQ(url("https://collector.example:4318/v1/metrics"), "0 problems");
  EXPECT_EQ(url("http://[::1]:4318/v1/metrics"), "0 problems");
  EXPECT_THAT(url("ftp://x/"), HasSubstr("neither http:// nor https://"));
  EXPECT_THAT(url("http:///x"), HasSubstr("has no host"));
  EXPECT_THAT(url("http://x/a b"), HasSubstr("has blanks"));
  const std::string secret = url("http://me:word@x/");
  EXPECT_THAT(secret, HasSubstr("has a user or password in it"));
  EXPECT_EQ(secret.find("word@"), std::string::npos);
}

TEST(ConfigCheck, PathsOfTheEngineAreAbsoluteAndAccountsAreNames) {
  EXPECT_THAT(problem_after([](Config& c, auto&) { c.engine.state_dir = "x"; }),
              HasSubstr("no absolute path"));
  EXPECT_THAT(problem_after([](Config& c, auto&) { c.control.socket = ""; }),
              HasSubstr("no absolute path"));
  for (const char* name : {"a b", "-a", "17", "a:b"}) {
    EXPECT_THAT(problem_after([=](Config& c, auto&) { c.control.admin_group = name; }),
                HasSubstr("no name of a user or group"));
  }
}

TEST(ConfigCheck, ValuesThatCameFromElsewhereThanATextAreCheckedToo) {
  EXPECT_EQ(problem_after([](Config& c, auto&) { c.interfaces[0].snaplen = 0; }),
            "interface[eth0].snaplen: 0: not 1 to 262144");
  EXPECT_THAT(problem_after([](Config&, auto& s) { s.filter = "\xff"; }), HasSubstr("no UTF-8"));
  EXPECT_THAT(problem_after([](Config& c, auto&) {
                c.telemetry.log_levels = {{"b", {}}, {"a", {}}};
              }),
              HasSubstr("out of order"));
  EXPECT_THAT(problem_after([](Config& c, auto&) {
                for (std::size_t i = 1; i <= kSessionsMax; ++i) {
                  c.sessions.push_back({.name = "s" + std::to_string(i)});
                }
              }),
              HasSubstr("session: 65: more than 64"));
}

}  // namespace
}  // namespace weir::control
