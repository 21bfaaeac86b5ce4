#include "control/config_writer.h"

#include <gtest/gtest.h>

#include "control/config_reader.h"
#include "control/config_schema.h"
#include "control_config/random_config.h"

namespace weir::control {
namespace {

constexpr int kRounds = 500;

TEST(ConfigWriter, WhatIsWrittenReadsBackAsTheSame) {
  for (std::uint64_t seed = 1; seed <= kRounds; ++seed) {
    Prng prng(seed);
    const Config config = random_config(prng);
    const std::string text = to_toml(config);
    const ReadOutcome outcome = read_config(text);
    ASSERT_TRUE(outcome.ok()) << "seed " << seed << "\n"
                              << error_of(outcome.problems).context << "\n"
                              << text;
    ASSERT_EQ(outcome.config, config) << "seed " << seed << "\n" << text;
    ASSERT_EQ(to_toml(outcome.config), text) << "seed " << seed;
  }
}

TEST(ConfigWriter, ASessionIsWrittenForTheApi) {
  SessionConfig session{.name = "web", .filter = "tcp"};
  session.rules = {{.nets = {"10.0.0.0/8"}, .action = filter::RuleAction::HeadersOnly}};
  const auto read = read_session(to_toml(session));
  ASSERT_TRUE(read.ok()) << read.error().context;
  EXPECT_EQ(*read, session);
}

TEST(ConfigWriter, EveryKeyIsThereWithItsDefault) {
  Config config;
  config.interfaces = {{.name = "eth0"}};
  config.sessions = {{.name = "web"}};
  const std::string text = to_toml(config);
  for (const SectionDescription& section : describe_sections()) {
    if (section.path == "session[].rule[]") continue;
    EXPECT_NE(text.find(section.heading), std::string::npos);
    for (const KeyDescription& key : section.keys) {
      const std::string_view name = key.info->name;
      const std::string last(name.substr(name.rfind('.') + 1));
      if (key.info->type == KeyType::Name) continue;
      EXPECT_NE(text.find(last + " = " + toml_text(*key.info, key.fallback)), std::string::npos)
          << key.path << "\n"
          << text;
    }
  }
}

TEST(ConfigWriter, ARuleHasWhatItHasAndItsAction) {
  SessionConfig session{.name = "web"};
  session.rules = {{.ports = {{80, 80}}}, {.protocols = {{6, 6}, {200, 210}}, .vnis = {{1, 2}}}};
  const std::string text = to_toml(session);
  EXPECT_EQ(text.substr(text.find("[[session.rule]]")),
            "[[session.rule]]\nport = 80\naction = \"accept\"\n\n"
            "[[session.rule]]\nprotocol = [\"tcp\", \"200-210\"]\nvni = \"1-2\"\n"
            "action = \"accept\"\n");
}

}  // namespace
}  // namespace weir::control
