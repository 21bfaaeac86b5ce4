// Sessions against the [security.destinations] of their own configuration.
#include "control/config_destinations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/config_reader.h"
#include "control/config_writer.h"

namespace weir::control {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kSessions =
    "[[interface]]\nname = \"lo\"\n"
    "[[session]]\nname = \"web\"\n[session.pcapng]\npath = \"/data/web.pcapng\"\n"
    "[session.store]\npath = [\"/data/web\", \"/disk/web\"]\n"
    "[[session]]\nname = \"dns\"\n[session.logs]\npath = \"/var/log/dns\"\n";

std::vector<std::string> problems_of(const std::string& rules) {
  std::vector<std::string> texts;
  const std::string text = std::string(kSessions) + "[security.destinations]\n" + rules;
  for (const ConfigProblem& one : read_written_config(text).problems) texts.push_back(text_of(one));
  return texts;
}

TEST(ConfigDestinations, SessionsThatFitAreNoProblem) {
  EXPECT_THAT(problems_of(""), IsEmpty());
  EXPECT_THAT(problems_of("directories = [\"/data\", \"/disk/web\", \"/var/log\"]\n"), IsEmpty());
  EXPECT_THAT(problems_of("kinds = [\"pcapng\", \"store\", \"logs\"]\n"), IsEmpty());
  // Whether it is one is not said by its name.
  EXPECT_THAT(problems_of("kinds = [\"pipe\", \"store\", \"logs\"]\n"), IsEmpty());
}

TEST(ConfigDestinations, EveryDestinationThatDoesNotFitIsToldWithItsPlaceAndWhatToDo) {
  EXPECT_THAT(
      problems_of("directories = \"/data\"\nkinds = [\"pcapng\", \"store\"]\n"),
      ElementsAre(
          "8:1: session.store.path: '/disk/web': in session web, is below none of the directories "
          "that [security.destinations] allows: /data (choose a place below one of them, or add "
          "its directory to them)",
          "12:1: session.logs.path: '/var/log/dns': in session dns, 'logs' is none of the kinds "
          "that [security.destinations] allows: pcapng, store (add it to its kinds, or send "
          "packets elsewhere)",
          AllOf(HasSubstr("12:1: session.logs.path"), HasSubstr("/var/log/dns"))));
}

TEST(ConfigDestinations, WhatIsWrongWithTheRulesIsToldToo) {
  EXPECT_THAT(problems_of("directories = [\"data\", \"/a/..\"]\nkinds = [\"kafka\"]\n"),
              AllOf(testing::Contains(HasSubstr("security.destinations.directories: 'data'")),
                    testing::Contains(HasSubstr("security.destinations.directories: '/a/..'")),
                    testing::Contains(HasSubstr("security.destinations.kinds: 'kafka'"))));
}

TEST(ConfigDestinations, AStoredGenerationMayHaveSessionsThatItsRulesHaveEnded) {
  const std::string text =
      std::string(kSessions) + "[security.destinations]\ndirectories = \"/data\"\n";
  const ReadOutcome stored = read_config(text);
  EXPECT_TRUE(stored.ok());
  EXPECT_FALSE(read_written_config(text).ok());
  const ReadOutcome again = read_config(to_toml(stored.config));
  EXPECT_TRUE(again.ok());
  EXPECT_EQ(again.config, stored.config);
  EXPECT_THAT(to_toml(stored.config),
              HasSubstr("[security.destinations]\nkinds = []\ndirectories = \"/data\"\n"));
}

}  // namespace
}  // namespace weir::control
