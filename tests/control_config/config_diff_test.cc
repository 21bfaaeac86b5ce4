#include "control/config_diff.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "control_config/random_config.h"

namespace weir::control {
namespace {

using testing::ElementsAre;

Config two_sessions() {
  Config config;
  config.interfaces = {{.name = "eth0"}, {.name = "eth1"}};
  config.sessions = {{.name = "web", .filter = "tcp"}, {.name = "dns", .filter = "udp"}};
  config.sessions[0].rules = {{.ports = {{80, 80}}}, {.ports = {{443, 443}}}};
  return config;
}

template <typename Change>
std::vector<std::string> changes_after(Change&& change) {
  const Config before = two_sessions();
  Config after = before;
  change(after);
  std::vector<std::string> texts;
  for (const ConfigChange& one : diff(before, after)) texts.push_back(text_of(one));
  return texts;
}

TEST(ConfigDiff, WhatHasOnlyMovedHasNotChanged) {
  EXPECT_THAT(changes_after([](Config& c) {
                std::swap(c.sessions[0], c.sessions[1]);
                std::swap(c.interfaces[0], c.interfaces[1]);
              }),
              ElementsAre());
}

TEST(ConfigDiff, NamesTheKeyBothValuesAndWhetherItWaits) {
  EXPECT_THAT(changes_after([](Config& c) {
                c.sessions[1].filter = "udp port 53";
                c.sessions[1].pcapng.rotate_bytes = 0;
                c.interfaces[1].ring_bytes = 32 << 20;
                c.control.socket = "/tmp/s";
              }),
              ElementsAre("interface[eth1].ring: \"64MiB\" -> \"32MiB\" (restart)",
                          "session[dns].filter: \"udp\" -> \"udp port 53\" (live)",
                          "session[dns].pcapng.rotate.size: \"1GiB\" -> \"0\" (live)",
                          "control.socket: \"/run/weir/weir.sock\" -> \"/tmp/s\" (restart)"));
}

TEST(ConfigDiff, SessionsInterfacesAndRulesComeAndGo) {
  EXPECT_THAT(changes_after([](Config& c) {
                c.interfaces[1].name = "eth2";
                c.sessions.erase(c.sessions.begin() + 1);
                c.sessions[0].rules.push_back({});
                c.sessions.push_back({.name = "new"});
              }),
              ElementsAre("interface[eth1]: removed (restart)", "interface[eth2]: added (restart)",
                          "session[web].rule[3]: added (live)", "session[dns]: removed (live)",
                          "session[new]: added (live)"));
}

TEST(ConfigDiff, RulesAreComparedByTheirPlace) {
  EXPECT_THAT(
      changes_after([](Config& c) { c.sessions[0].rules.erase(c.sessions[0].rules.begin()); }),
      ElementsAre("session[web].rule[1].port: 80 -> 443 (live)",
                  "session[web].rule[2]: removed (live)"));
}

TEST(ConfigDiff, IsJsonForMachines) {
  Config after = two_sessions();
  after.sessions[0].filter = "a\"b";
  after.sessions.pop_back();
  const auto json = nlohmann::json::parse(to_json(diff(two_sessions(), after)));
  ASSERT_EQ(json.size(), 2u);
  EXPECT_EQ(json[0]["path"], "session[web].filter");
  EXPECT_EQ(json[0]["after"], "\"a\\\"b\"");
  EXPECT_EQ(json[1]["kind"], "removed");
  EXPECT_FALSE(json[1].contains("before"));
}

TEST(ConfigDiff, ALivePartKeepsWhatWaitsAndTakesTheRest) {
  Config after = two_sessions();
  after.interfaces[0].ring_bytes = 32 << 20;
  after.interfaces.erase(after.interfaces.begin() + 1);
  after.interfaces.push_back({.name = "eth2"});
  after.sessions[0].filter = "icmp";
  after.telemetry.listen = "127.0.0.1:1";
  after.telemetry.log_level = telemetry::LogLevel::Debug;
  const Config live = live_part(two_sessions(), after);
  EXPECT_EQ(live.interfaces, two_sessions().interfaces);
  EXPECT_EQ(live.sessions, after.sessions);
  EXPECT_EQ(live.telemetry.listen, "");
  EXPECT_EQ(live.telemetry.log_level, telemetry::LogLevel::Debug);
}

// The live part is where all live changes have happened and no other.
TEST(ConfigDiff, ALivePartDividesTheChangesByChanceToo) {
  for (std::uint64_t seed = 1; seed <= 1'000; ++seed) {
    Prng prng(seed);
    const Config before = random_config(prng);
    const Config after = random_neighbour(before, prng);
    const Config live = live_part(before, after);
    EXPECT_TRUE(diff(after, after).empty());
    const auto now = diff(before, live);
    const auto later = diff(live, after);
    const auto waits = [](const ConfigChange& one) { return one.reload == Reload::Restart; };
    ASSERT_TRUE(std::none_of(now.begin(), now.end(), waits)) << "seed " << seed;
    ASSERT_TRUE(std::all_of(later.begin(), later.end(), waits)) << "seed " << seed;
    ASSERT_EQ(now.size() + later.size(), diff(before, after).size()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace weir::control
