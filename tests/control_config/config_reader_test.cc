#include "control/config_reader.h"

#include <sys/stat.h>

#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/config_schema.h"
#include "support/temp_dir.h"

namespace weir::control {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> problems_of(std::string_view text) {
  std::vector<std::string> texts;
  for (const ConfigProblem& problem : read_config(text).problems) texts.push_back(text_of(problem));
  return texts;
}

Config good(std::string_view text) {
  ReadOutcome outcome = read_config(text);
  EXPECT_TRUE(outcome.ok()) << error_of(outcome.problems).context;
  return std::move(outcome.config);
}

constexpr std::string_view kLo = "[[interface]]\nname = \"lo\"\n";

std::string with_lo(std::string_view text) { return std::string(kLo) + std::string(text); }

TEST(ConfigReader, AnEmptyTextIsAllDefaults) { EXPECT_EQ(good(""), Config{}); }

TEST(ConfigReader, ReadsEveryKindOfValue) {
  const Config config = good(R"(
[engine]
state_dir = "/tmp/state"
user = "weir"
[[interface]]
name = "eth0"
mode = "afpacket"
promiscuous = false
snaplen = 128
direction = "in"
workers = 4
ring = "1.5GiB"
[[session]]
name = "web"
interfaces = ["eth0"]
filter = "tcp"
inner = true
snaplen = 96
limit = { packets = 5, bytes = "2kB", duration = "1.5m" }
rules_otherwise = "reject"
  [session.pcapng]
  path = "/tmp/web.pcapng"
  rotate = { size = "0", interval = "1d", files = 7 }
  [session.logs]
  path = "/tmp/logs"
  [[session.rule]]
  name = "dns"
  net = "10.0.0.0/8"
  source_net = ["192.0.2.1", "2001:db8::/32"]
  port = [53, "1024-65535", "99"]
  protocol = ["udp", 132, "200-255"]
  vlan = 7
  vni = "1-2"
  gwlb_endpoint = "0x0123456789abcdef"
  action = "truncate"
  truncate = 64
[telemetry]
log_level = "debug"
log_levels = { state = "error", capture = "info" }
listen = "[::1]:9478"
)");
  EXPECT_EQ(config.engine.user, "weir");
  const InterfaceConfig& interface = config.interfaces.at(0);
  EXPECT_FALSE(interface.promiscuous);
  EXPECT_EQ(interface.direction, interface::Direction::In);
  EXPECT_EQ(interface.ring_bytes, 1'610'612'736u);
  const SessionConfig& session = config.sessions.at(0);
  EXPECT_EQ(session.scope, filter::Scope::Innermost);
  EXPECT_EQ(session.limit.bytes, 2000u);
  EXPECT_EQ(session.limit.duration, 90s);
  EXPECT_EQ(session.otherwise, filter::RuleAction::Reject);
  EXPECT_EQ(session.pcapng.rotate_bytes, 0u);
  EXPECT_EQ(session.pcapng.rotate_interval, 24h);
  EXPECT_EQ(session.pcapng.files_max, 7u);
  const filter::RuleSpec& rule = session.rules.at(0);
  EXPECT_THAT(rule.nets, ElementsAre("10.0.0.0/8"));
  EXPECT_THAT(rule.ports, ElementsAre(filter::NumberRange{53, 53}, filter::NumberRange{1024, 65535},
                                      filter::NumberRange{99, 99}));
  EXPECT_THAT(rule.protocols,
              ElementsAre(filter::NumberRange{17, 17}, filter::NumberRange{132, 132},
                          filter::NumberRange{200, 255}));
  EXPECT_THAT(rule.gwlb_endpoints, ElementsAre(0x0123456789abcdefu));
  EXPECT_EQ(rule.keep_bytes, 64u);
  EXPECT_THAT(config.telemetry.log_levels,
              ElementsAre(std::pair("capture", telemetry::LogLevel::Info),
                          std::pair("state", telemetry::LogLevel::Error)));
}

TEST(ConfigReader, SourcesAreListsOrOneValue) {
  const security::SourceRules rules =
      good(
          "[[interface]]\nname = \"eth0\"\n[security.sources]\ninterfaces = [\"eth0\"]\n"
          "macs = \"02-00-5E-00-53-01\"\nnets = [\"10.0.0.0/8\", \"2001:db8::1\"]\n"
          "vnis = [7, \"100-199\"]\ngwlb_endpoints = \"0x1f\"\ndeny_macs = []\n"
          "deny_nets = \"10.1.0.0/16\"\ndeny_vnis = 150\n")
          .security.sources;
  EXPECT_EQ(rules, (security::SourceRules{.interfaces = {"eth0"},
                                          .macs = {"02-00-5E-00-53-01"},
                                          .nets = {"10.0.0.0/8", "2001:db8::1"},
                                          .vnis = {{7, 7}, {100, 199}},
                                          .gwlb_endpoints = {0x1f},
                                          .deny_nets = {"10.1.0.0/16"},
                                          .deny_vnis = {{150, 150}}}));
}

TEST(ConfigReader, APathOfAStoreIsOneStringOrAList) {
  const auto paths_of = [](const std::string& value) {
    const Config config =
        good(with_lo("[[session]]\nname = \"a\"\n[session.store]\npath = " + value + "\n"));
    return config.sessions.at(0).store.paths;
  };
  EXPECT_THAT(paths_of("\"/a\""), ElementsAre("/a"));
  EXPECT_THAT(paths_of("[\"/a\"]"), ElementsAre("/a"));
  EXPECT_THAT(paths_of("[\"/a\", \"/b\"]"), ElementsAre("/a", "/b"));
  EXPECT_THAT(paths_of("\"\""), ElementsAre());
  EXPECT_THAT(paths_of("[]"), ElementsAre());
  const auto problem_of = [](const std::string& value) {
    return problems_of(
               with_lo("[[session]]\nname = \"a\"\n[session.store]\npath = " + value + "\n"))
        .at(0);
  };
  EXPECT_THAT(problem_of("[\"/a\", \"\"]"), HasSubstr("an empty path in a list"));
  EXPECT_THAT(problem_of("7"), HasSubstr("not a string"));
  std::string many;
  for (int i = 0; i < 17; ++i) many += "\"/" + std::to_string(i) + "\", ";
  EXPECT_THAT(problem_of("[" + many + "]"), HasSubstr("more than 16 entries"));
}

TEST(ConfigReader, AnUnknownKeyNamesTheNearestOneAndItsPlace) {
  EXPECT_THAT(problems_of(with_lo("[[session]]\nname = \"a\"\n  filtre = \"tcp\"\n")),
              ElementsAre("5:3: session.filtre: unknown key (did you mean 'filter'?)"));
  EXPECT_THAT(problems_of("[[sesion]]\n"),
              ElementsAre("1:3: sesion: unknown key (did you mean 'session'?)"));
  EXPECT_THAT(problems_of(with_lo("[[session]]\nname = \"a\"\n[[session.rules]]\n")),
              ElementsAre("5:11: session.rules: unknown key (did you mean 'rule'?)"));
  EXPECT_THAT(problems_of(with_lo("[[session]]\nname = \"a\"\npcapng.rotate.sizes = \"1GiB\"\n")),
              ElementsAre("5:15: session.pcapng.rotate.sizes: unknown key (did you mean 'size'?)"));
}

TEST(ConfigReader, KeysThatAreAgreedButDoNotWorkYetAreUnknown) {
  EXPECT_THAT(problems_of("[store.retention]\n").size(), 1u);
  EXPECT_THAT(problems_of(with_lo("[[session]]\nname = \"a\"\nwhere = \"\"\n")),
              ElementsAre(HasSubstr("session.where: unknown key (there are: ")));
}

TEST(ConfigReader, TellsAllProblemsAtOnceInTheOrderOfTheText) {
  EXPECT_THAT(
      problems_of(R"([engine]
state_dir = 7
[[interface]]
name = "eth0"
ring = "64 MiB"
snaplen = 0
[[session]]
name = "a"
interfaces = ["eth1"]
snaplen = -1
[[session.rule]]
port = 65536
action = "drop"
)"),
      ElementsAre(
          "2:13: engine.state_dir: a whole number, not a string",
          "5:8: interface.ring: '64 MiB': not a size (like 4096, 64KiB, 100MiB, 1.5GiB)",
          "6:11: interface.snaplen: 0: not 1 to 262144",
          "9:1: session.interfaces: 'eth1': no [[interface]] of this name (did you mean 'eth0'?)",
          "10:11: session.snaplen: -1: negative", "12:8: session.rule.port: 65536: not 0 to 65535",
          "13:10: session.rule.action: 'drop': unknown (there are: accept, reject, truncate, "
          "headers-only, cutoff)"));
}

struct Wrong {
  const char* line;  // of a rule
  const char* why;
};

TEST(ConfigReader, RefusesWrongValuesOfRules) {
  for (const Wrong& wrong : std::vector<Wrong>{
           {"net = \"10.0.0.1/8\"", "the address has bits beyond the prefix"},
           {"net = \"10.0.0.0/33\"", "a prefix of 0 to 32 bits"},
           {"net = \"2001:db8::/129\"", "a prefix of 0 to 128 bits"},
           {"net = \"10.0.0.0/\"", "a prefix of 0 to 32 bits"},
           {"net = \"ten\"", "no network"},
           {"net = \"10.0.0.0\\u0000/8\"", "no network"},
           {"net = [7]", "a whole number, not a string"},
           {"port = \"80-70\"", "80-70: ends before it begins"},
           {"port = \"80-\"", "no number and no range"},
           {"port = \"1-65536\"", "more than 65535"},
           {"port = 1.5", "a number, not a number or a range"},
           {"port = \"4294967296\"", "no number and no range"},
           {"protocol = \"tpc\"", "did you mean 'tcp'?"},
           {"protocol = 256", "256: not 0 to 255"},
           {"vlan = 4096", "4096: not 0 to 4095"},
           {"vni = 16777216", "16777216: not 0 to 16777215"},
           {"gwlb_endpoint = \"12\"", "no endpoint"},
           {"gwlb_endpoint = \"0x\"", "no endpoint"},
           {"gwlb_endpoint = \"0x10000000000000000\"", "no endpoint"},
           {"gwlb_endpoint = 18", "a whole number, not a string"},
           {"truncate = 262145", "not 1 to 262144, or 0"},
       }) {
    const auto problems = problems_of(
        with_lo("[[session]]\nname = \"a\"\n[[session.rule]]\n" + std::string(wrong.line) + "\n"));
    ASSERT_FALSE(problems.empty()) << wrong.line;
    EXPECT_THAT(problems.front(), HasSubstr(wrong.why)) << wrong.line;
  }
}

TEST(ConfigReader, RefusesWrongValuesOfOtherKeys) {
  for (const Wrong& wrong : std::vector<Wrong>{
           {"[engine]\nuser = \"a\\u0000b\"", "no UTF-8, or with a NUL in it"},
           {"[telemetry]\nkeep = 3600", "a whole number, not a time (like \"1h\")"},
           {"[telemetry]\nkeep = \"1.0000001h\"", "finer than a millisecond"},
           {"[telemetry]\nkeep = \"0\"", "0s: not 1h to 365d"},
           {"[telemetry]\nkeep_size = 5", "a whole number, not a size (like \"64MiB\")"},
           {"[telemetry]\nlog_levels = { Capture = \"info\" }", "'Capture': no name of a module"},
           {"[telemetry]\nlog_levels = { capture = \"inof\" }", "did you mean 'info'?"},
           {"[telemetry]\nlog_levels = \"info\"", "a string, not a table"},
           {"[control]\nlisteners_max = 1.0", "a number, not a whole number"},
           {"[control]\nlisteners_max = 2024-01-01", "a date, not a whole number"},
           {"engine = 1", "a whole number, not a table (write [engine])"},
           {"[interface]\nname = \"a\"", "a table, not a list of tables (write [[interface]])"},
           {"interface = [1]", "a whole number, not a table"},
           {"[[interface]]\nname = \"a b\"", "'a b': no name"},
           {"[[interface]]\nname = \"a\"\npromiscuous = 1", "a whole number, not true or false"},
       }) {
    const auto problems = problems_of(std::string(wrong.line) + "\n");
    ASSERT_FALSE(problems.empty()) << wrong.line;
    EXPECT_THAT(problems.front(), HasSubstr(wrong.why)) << wrong.line;
  }
}

TEST(ConfigReader, AGroupThatIsNoTableIsAProblem) {
  EXPECT_THAT(problems_of(with_lo("[[session]]\nname = \"a\"\npcapng = \"/tmp/x\"\n")),
              ElementsAre("5:1: session.pcapng: a string, not a table"));
}

TEST(ConfigReader, NumbersOfItemsAreBounded) {
  std::string interfaces;
  for (std::size_t i = 0; i <= kInterfacesMax; ++i) {
    interfaces += "[[interface]]\nname = \"i" + std::to_string(i) + "\"\n";
  }
  EXPECT_THAT(problems_of(interfaces), ElementsAre(HasSubstr("interface: more than 64")));

  std::string rules = with_lo("[[session]]\nname = \"a\"\nrule = [");
  for (std::size_t i = 0; i <= kRulesMax; ++i) rules += "{},";
  EXPECT_THAT(problems_of(rules + "]\n"), ElementsAre(HasSubstr("session.rule: more than 16384")));
}

TEST(ConfigReader, RulesOfAllSessionsTogetherAreBounded) {
  std::string text(kLo);
  for (int session = 0; session < 5; ++session) {
    text += "[[session]]\nname = \"s" + std::to_string(session) + "\"\nrule = [";
    for (std::size_t i = 0; i < kRulesMax; ++i) text += "{},";
    text += "]\n";
  }
  EXPECT_THAT(problems_of(text), ElementsAre(HasSubstr("more than 65536 in all sessions")));
}

TEST(ConfigReader, AMillionProblemsAreAThousandAndOneLine) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "k" + std::to_string(i) + " = 1\n";
  const auto problems = problems_of(text);
  EXPECT_EQ(problems.size(), kProblemsMax + 1);
  EXPECT_EQ(problems.back(), "and more (mend these first)");
}

TEST(ConfigReader, AFaultOfTomlIsTheOnlyProblem) {
  const auto problems = problems_of("[engine\nuser = 5\n[[interface]]\n");
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].substr(0, 2), "1:");
}

TEST(ConfigReader, ASessionAloneIsReadForTheApi) {
  const auto session = read_session("[[session]]\nname = \"a\"\nfilter = \"udp\"\n");
  ASSERT_TRUE(session.ok());
  EXPECT_EQ(session->filter, "udp");
  for (const char* text :
       {"", "[engine]\n", "[[session]]\nname = \"a\"\n[[session]]\nname = \"b\"\n",
        "[[session]]\nname = \"a\"\n[engine]\n", "[[session]]\nnaem = \"a\"\n", "[[session"}) {
    const auto wrong = read_session(text);
    ASSERT_FALSE(wrong.ok()) << text;
    EXPECT_EQ(wrong.error().code, ErrorCode::Usage);
    EXPECT_NE(wrong.error().context, "");
  }
}

TEST(ConfigReader, AFileIsLoadedOrToldWhyNot) {
  const test::TempDir dir;
  const std::string path = dir.file("weir.toml");
  const auto missing = load_config(path);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  std::ofstream(path) << kLo;
  ASSERT_TRUE(load_config(path).ok());
  std::ofstream(path) << "[engnie]\n";
  const auto wrong = load_config(path);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().context, path + ":1:2: engnie: unknown key (did you mean 'engine'?)");
  const auto folder = load_config(dir.path().string());
  EXPECT_FALSE(folder.ok());
  std::ofstream(path) << std::string(TomlLimits{}.text_bytes_max + 1, ' ');
  const auto huge = load_config(path);
  ASSERT_FALSE(huge.ok());
  EXPECT_EQ(huge.error().code, ErrorCode::Usage);
}

}  // namespace
}  // namespace weir::control
