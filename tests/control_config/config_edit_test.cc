#include "control/config_edit.h"

#include <gtest/gtest.h>

namespace weir::control {
namespace {

Config with_web() {
  Config config;
  config.interfaces = {{.name = "eth0"}};
  config.sessions = {{.name = "web", .filter = "tcp"}};
  return config;
}

TEST(ConfigEdit, ASessionComesAndGoes) {
  const auto with = with_session(with_web(), {.name = "dns"});
  ASSERT_TRUE(with.ok());
  EXPECT_EQ(with->sessions.at(1).name, "dns");
  const auto without = without_session(*with, "dns");
  ASSERT_TRUE(without.ok());
  EXPECT_EQ(*without, with_web());
}

TEST(ConfigEdit, ANameThatIsTakenIsRefused) {
  const auto twice = with_session(with_web(), {.name = "web"});
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.error().code, ErrorCode::Exists);
}

TEST(ConfigEdit, OneThingOfASessionChanges) {
  EXPECT_EQ(with_filter(with_web(), "web", "udp")->sessions[0].filter, "udp");
  EXPECT_TRUE(with_paused(with_web(), "web")->sessions[0].paused);
  EXPECT_FALSE(with_resumed(*with_paused(with_web(), "web"), "web")->sessions[0].paused);
}

TEST(ConfigEdit, AnUnknownSessionIsNotFound) {
  for (const auto& result : {without_session(with_web(), "wbe"), with_filter(with_web(), "wbe", ""),
                             with_paused(with_web(), "wbe"), with_resumed(with_web(), "wbe")}) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::NotFound);
    EXPECT_EQ(result.error().context,
              "session 'wbe': not in the configuration (did you mean 'web'?)");
  }
}

TEST(ConfigEdit, LevelsOfModulesStaySorted) {
  using telemetry::LogLevel;
  Config config = with_log_level({}, "state", LogLevel::Debug);
  config = with_log_level(config, "capture", LogLevel::Error);
  config = with_log_level(config, "state", LogLevel::Info);
  const decltype(config.telemetry.log_levels) expected = {{"capture", LogLevel::Error},
                                                          {"state", LogLevel::Info}};
  EXPECT_EQ(config.telemetry.log_levels, expected);
  EXPECT_EQ(with_log_level(config, "", LogLevel::Debug).telemetry.log_level, LogLevel::Debug);
}

}  // namespace
}  // namespace weir::control
