// The completion script in a real bash, without the help of the package bash-completion.
#include <algorithm>
#include <cstdlib>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/fake_engine.h"
#include "integration/weir_command.h"
#include "support/command.h"

namespace weir::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;

std::string quoted(const std::string& word) { return "'" + word + "'"; }

// What bash offers behind these words, as it has cut them; the last is the one under the cursor.
std::vector<std::string> offered(const std::vector<std::string>& words,
                                 const std::string& working_directory = "") {
  const std::string weir = std::string(std::getenv("WEIR_BINARY_DIR")) + "/bin/weir";
  std::string script =
      "source <(" + quoted(weir) + " completion bash)\nCOMP_WORDS=(" + quoted(weir);
  for (const std::string& word : words) script += " " + quoted(word);
  script += ")\nCOMP_CWORD=" + std::to_string(words.size()) + "\n" +
            "set -u\ncomplete -p weir >/dev/null || exit 9\n_weir\n" +
            "printf '%s\\n' \"${COMPREPLY[@]}\"\n";
  const CommandResult result =
      run_command({"bash", "--norc", "-c", script}, {.working_directory = working_directory});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  std::vector<std::string> lines;
  std::istringstream text(result.out);
  for (std::string line; std::getline(text, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

TEST(BashCompletion, EveryCommandOfCtlCompletesAndHasHelp) {
  const auto commands = offered({"ctl", ""});
  EXPECT_THAT(
      commands,
      IsSupersetOf({"status",  "sessions", "session",  "create",     "pause",       "resume",
                    "stop",    "filter",   "tail",     "interfaces", "generations", "config",
                    "apply",   "reload",   "rollback", "drain",      "log-level",   "journal",
                    "history", "events",   "health",   "metrics",    "policy"}));
  EXPECT_THAT(offered({"ctl", "journal", "--"}), IsSupersetOf({"--lines", "--follow", "--help"}));
  for (const std::string& command : commands) {
    const CommandResult help = run_weir({"ctl", command, "--help"});
    EXPECT_EQ(help.status, 0) << command;
    EXPECT_THAT(help.out, testing::HasSubstr("Example: weir ctl " + command)) << command;
  }
}

TEST(BashCompletion, SessionsAreThoseOfTheEngineOnThatSocket) {
  FakeEngine engine;
  engine.answer("GET /v1/sessions", json_answer(R"({"sessions":[{"name":"web"},{"name":"dns"}]})"));
  EXPECT_THAT(offered({"ctl", "--socket", engine.socket(), "pause", ""}),
              ElementsAre("web", "dns"));
  EXPECT_THAT(offered({"ctl", "--socket", "=", engine.socket(), "tail", "w"}), ElementsAre("web"));
}

TEST(BashCompletion, WithoutAnEngineNothingIsOfferedAndNothingIsSaid) {
  EXPECT_THAT(offered({"ctl", "--socket", "/no/such", "pause", ""}), IsEmpty());
}

TEST(BashCompletion, FilesAreTheShellsToOffer) {
  const TempDir directory;
  ASSERT_EQ(run_command({"touch", directory.file("a file.toml")}).status, 0);
  ASSERT_EQ(run_command({"mkdir", directory.file("a folder")}).status, 0);
  const std::string& here = directory.path().string();
  EXPECT_THAT(offered({"ctl", "create", "a"}, here),
              testing::UnorderedElementsAre("a file.toml", "a folder"));
  EXPECT_THAT(offered({"read", "--logs", "a"}, here), ElementsAre("a folder"));
  EXPECT_THAT(offered({"ctl", "tail", "web", "--write", "=", "a fi"}, here),
              ElementsAre("a file.toml"));
}

// bash cuts words at '='.
TEST(BashCompletion, ValuesBehindAnEqualsSign) {
  EXPECT_THAT(offered({"capture", "--direction", "=", "i"}), ElementsAre("in", "inout"));
  EXPECT_THAT(offered({"capture", "--direction", "="}), ElementsAre("in", "out", "inout"));
  EXPECT_THAT(offered({"capture", "--direction", "o"}), ElementsAre("out"));
}

}  // namespace
}  // namespace weir::test
