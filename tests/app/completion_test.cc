// What the command line completes to, word by word, from the parser's own tree.
#include "app/completion.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/command_line.h"

namespace weir::app {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

CompletionOptions asked(std::vector<const char*> words) {
  words.insert(words.begin(), {"weir", "completion", "candidates", "--"});
  Command command = parse_command_line(static_cast<int>(words.size()), words.data());
  if (auto* options = std::get_if<CompletionOptions>(&command)) return std::move(*options);
  ADD_FAILURE() << "no question for candidates";
  return {};
}

Completion completed(std::vector<const char*> words) {
  const CompletionOptions options = asked(std::move(words));
  return complete(options.root, options.words);
}

std::vector<std::string> candidates(std::vector<const char*> words) {
  std::vector<std::string> found;
  for (const Candidate& candidate : completed(std::move(words)).candidates) {
    found.push_back(candidate.word);
  }
  return found;
}

TEST(Completion, CommandsComeFirst) {
  EXPECT_THAT(candidates({""}), IsSupersetOf({"read", "capture", "ctl", "completion"}));
  EXPECT_THAT(candidates({"ct"}), ElementsAre("ctl"));
  EXPECT_THAT(candidates({"nothing-like-it"}), IsEmpty());
}

TEST(Completion, EveryCommandOfCtlIsThereAndHasHelpWithAnExample) {
  const auto commands = candidates({"ctl", ""});
  EXPECT_EQ(commands.size(), 28u);
  for (const std::string& command : commands) {
    EXPECT_THAT(candidates({"ctl", command.c_str(), "--h"}), Contains("--help")) << command;
    const std::vector<const char*> words = {"weir", "ctl", command.c_str(), "--help"};
    const Command parsed = parse_command_line(static_cast<int>(words.size()), words.data());
    const auto* help = std::get_if<PrintAndExit>(&parsed);
    ASSERT_NE(help, nullptr) << command;
    EXPECT_EQ(help->status, 0);
    EXPECT_THAT(help->text, testing::HasSubstr("Example: weir ctl " + command)) << command;
    const bool described = std::ranges::any_of(
        completed({"ctl", command.c_str()}).candidates,
        [&](const Candidate& one) { return one.word == command && !one.description.empty(); });
    EXPECT_TRUE(described) << command;
  }
}

TEST(Completion, OptionsOfTheCommandAndThoseThatItInherits) {
  EXPECT_THAT(candidates({"ctl", "tail", "--"}),
              IsSupersetOf({"--write", "--socket", "--json", "--deadline", "--help"}));
  EXPECT_THAT(candidates({"ctl", "tail", "-"}), Contains("-w"));
  EXPECT_THAT(candidates({"capture", "--ro"}),
              ElementsAre("--rotate-size", "--rotate-interval", "--rotate-files"));
  EXPECT_THAT(candidates({"capture", "--"}), Not(Contains("--socket")));
}

TEST(Completion, ValuesOfOptions) {
  EXPECT_THAT(candidates({"capture", "--direction", ""}), ElementsAre("in", "out", "inout"));
  EXPECT_THAT(candidates({"capture", "--direction=in"}),
              ElementsAre("--direction=in", "--direction=inout"));
  EXPECT_EQ(completed({"capture", "-w", "x"}).source, ValueSource::Files);
  EXPECT_EQ(completed({"capture", "--logs", ""}).source, ValueSource::Directories);
  EXPECT_EQ(completed({"capture", "-i", ""}).source, ValueSource::Interfaces);
  EXPECT_EQ(completed({"ctl", "--socket=/r"}).source, ValueSource::Files);
  EXPECT_EQ(completed({"ctl", "--socket=/r"}).word, "/r");
  EXPECT_EQ(completed({"capture", "-c", ""}).source, ValueSource::None);
  EXPECT_THAT(candidates({"capture", "-c", ""}), IsEmpty());
}

TEST(Completion, PositionalsByTheirPlace) {
  for (const char* command : {"session", "pause", "resume", "stop", "filter", "tail"}) {
    EXPECT_EQ(completed({"ctl", command, ""}).source, ValueSource::Sessions) << command;
    EXPECT_EQ(completed({"ctl", command, "web", ""}).source, ValueSource::None) << command;
  }
  EXPECT_EQ(completed({"ctl", "create", ""}).source, ValueSource::Files);
  EXPECT_EQ(completed({"read", "a.pcap", ""}).source, ValueSource::Files);
  EXPECT_THAT(candidates({"ctl", "log-level", ""}),
              ElementsAre("error", "warning", "info", "debug"));
  EXPECT_THAT(candidates({"ctl", "log-level", "output", "d"}), ElementsAre("debug"));
  EXPECT_THAT(candidates({"completion", ""}), ElementsAre("bash", "zsh", "fish"));
  EXPECT_THAT(candidates({"store", ""}),
              ElementsAre("ls", "verify", "repair", "gc", "pin", "unpin", "pins"));
  EXPECT_EQ(completed({"store", "ls", ""}).source, ValueSource::Directories);
  EXPECT_THAT(candidates({"store", "verify", "--j"}), ElementsAre("--json"));
}

TEST(Completion, TheEngineIsTheOneThatTheWordsName) {
  EXPECT_EQ(completed({"ctl", "--socket", "/a", "pause", ""}).socket, "/a");
  EXPECT_EQ(completed({"ctl", "--socket=/b", "pause", ""}).socket, "/b");
  EXPECT_EQ(completed({"ctl", "pause", "--socket", "/c", ""}).socket, "/c");
  EXPECT_EQ(completed({"ctl", "pause", ""}).socket, "");
}

TEST(Completion, OptionsDoNotCountAsPositionals) {
  EXPECT_EQ(completed({"ctl", "--json", "tail", "-w", "out", ""}).source, ValueSource::Sessions);
  EXPECT_EQ(completed({"ctl", "tail", "--", ""}).source, ValueSource::Sessions);
  EXPECT_THAT(candidates({"ctl", "tail", "--", "-"}), IsEmpty());
}

TEST(Completion, AddedCandidatesContinueTheWord) {
  Completion completion{.word = "we", .prefix = "--x="};
  add_candidates(completion, {"web", "dns", "west"});
  ASSERT_EQ(completion.candidates.size(), 2u);
  EXPECT_EQ(completion.candidates[0].word, "--x=web");
  EXPECT_EQ(completion.candidates[1].word, "--x=west");
}

}  // namespace
}  // namespace weir::app
