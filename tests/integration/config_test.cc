// `weir config` as a user runs it.
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/weir_command.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

class ConfigCommand : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    std::string path = dir_.file(name);
    std::ofstream(path) << text;
    return path;
  }
  // On the interface that every host has.
  std::string good() {
    return file("good.toml",
                "[[interface]]\nname = \"lo\"\n[[session]]\nname = \"web\"\nfilter = \"tcp\"\n"
                "[[session.rule]]\nport = 80\n");
  }
  TempDir dir_;
};

TEST_F(ConfigCommand, CheckSaysThatAConfigurationIsGood) {
  const auto result = run_weir({"config", "check", good()});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out, good() + ": good (1 interface, 1 session, 1 rule)\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(ConfigCommand, CheckTellsAllProblemsWithTheirPlaces) {
  const std::string path = file("bad.toml",
                                "[[interface]]\nname = \"lo\"\nring = \"1B\"\n[[session]]\n"
                                "name = \"web\"\nfiltre = \"tcp\"\n[[session.rule]]\n"
                                "filter = \"tcp prot 80\"\n[session.pcapng]\npath = \"-\"\n");
  const auto result = run_weir({"config", "check", path});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err,
            "weir: " + path + ":3:8: interface.ring: 1: not 2MiB to 16GiB\n" + "weir: " + path +
                ":6:1: session.filtre: unknown key (did you mean 'filter'?)\n" + "weir: " + path +
                ":8:1: session.rule.filter: can't parse filter expression: syntax error\n" +
                "weir: " + path +
                ":10:1: session.pcapng.path: '-': a service has no standard output (name a file "
                "or pipe)\n");

  const auto as_json = run_weir({"config", "check", "--json", path});
  EXPECT_EQ(as_json.status, 2);
  const json told = json::parse(as_json.out);
  EXPECT_EQ(told["problems"].size(), 4u);
  EXPECT_EQ(told["problems"][1]["line"], 6);
  EXPECT_EQ(told["problems"][1]["path"], "session.filtre");
}

TEST_F(ConfigCommand, CheckWarnsOfWhatThisHostDoesNotHave) {
  const std::string path = file("other.toml",
                                "[engine]\nuser = \"no-such-user\"\n[[interface]]\n"
                                "name = \"nosuch0\"\n[control]\nadmin_group = \"no-such-group\"\n");
  const auto result = run_weir({"config", "check", path});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("weir: warning: " + path +
                                    ":4:1: interface.name: no network interface is called "
                                    "'nosuch0' (there are: "));
  EXPECT_THAT(result.err, HasSubstr(":2:1: engine.user: no user is called 'no-such-user' here"));
  EXPECT_THAT(result.err, HasSubstr(":6:1: control.admin_group: no group is called "));
}

TEST_F(ConfigCommand, AFileThatIsNotThereIsNoUsageError) {
  const auto result = run_weir({"config", "check", dir_.file("none.toml")});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.err, "weir: read " + dir_.file("none.toml") + ": No such file or directory\n");
}

TEST_F(ConfigCommand, ShowPrintsTheWholeAndReadsItBackAsTheSame) {
  const auto shown = run_weir({"config", "show", good()});
  EXPECT_EQ(shown.status, 0);
  EXPECT_THAT(shown.out, HasSubstr("\nring = \"64MiB\"\n"));
  const std::string whole = file("whole.toml", shown.out);
  EXPECT_EQ(run_weir({"config", "show", whole}).out, shown.out);
  EXPECT_EQ(run_weir({"config", "diff", good(), whole}).status, 0);

  const json document = json::parse(run_weir({"config", "show", "--json", good()}).out);
  EXPECT_EQ(document["session"][0]["filter"], "tcp");
  EXPECT_EQ(document["interface"][0]["ring"], "64MiB");
}

TEST_F(ConfigCommand, DiffSaysWhatChangesAndWhatWaits) {
  const std::string next = file("next.toml",
                                "[[interface]]\nname = \"lo\"\nworkers = 2\n[[session]]\n"
                                "name = \"web\"\nfilter = \"udp\"\n[[session]]\nname = \"new\"\n");
  const auto result = run_weir({"config", "diff", good(), next});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.out,
            "interface[lo].workers: 1 -> 2 (restart)\n"
            "session[web].filter: \"tcp\" -> \"udp\" (live)\n"
            "session[web].rule[1]: removed (live)\n"
            "session[new]: added (live)\n");
  const json changes = json::parse(run_weir({"config", "diff", "--json", good(), next}).out);
  EXPECT_EQ(changes[0]["reload"], "restart");

  const auto same = run_weir({"config", "diff", good(), good()});
  EXPECT_EQ(same.status, 0);
  EXPECT_EQ(same.out, "");
  EXPECT_EQ(run_weir({"config", "diff", good(), dir_.file("none.toml")}).status, 2);
}

TEST_F(ConfigCommand, SchemaIsATableOrAJsonSchema) {
  const auto table = run_weir({"config", "schema"});
  EXPECT_EQ(table.status, 0);
  EXPECT_THAT(table.out, HasSubstr("\nsession[].pcapng.rotate.size "));
  const json schema = json::parse(run_weir({"config", "schema", "--json"}).out);
  EXPECT_EQ(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

TEST_F(ConfigCommand, EveryLevelHasAHelpWithAnExample) {
  EXPECT_THAT(run_weir({"--help"}).out, HasSubstr("config"));
  for (const char* what : {"", "check", "show", "diff", "schema"}) {
    std::vector<std::string> words = {"config"};
    if (*what != '\0') words.emplace_back(what);
    words.emplace_back("--help");
    const auto help = run_weir(words);
    EXPECT_EQ(help.status, 0) << what;
    EXPECT_THAT(help.out, HasSubstr("Example: weir config")) << what;
  }
}

TEST_F(ConfigCommand, AMistakeOnTheLineNamesTheHelpThatHelps) {
  const auto result = run_weir({"config", "diff", good()});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, StartsWith("weir: "));
  EXPECT_THAT(result.err, HasSubstr("(see weir config diff --help)"));
}

}  // namespace
}  // namespace weir::test
