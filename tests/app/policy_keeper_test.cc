// The policy of an engine: what is taken, what is refused, what is remembered, and what a threat
// adds.
#include "app/engine/policy_keeper.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_clock.h"
#include "support/temp_dir.h"
#include "telemetry/prometheus_text.h"

namespace weir::app {
namespace {

using security::ThreatLevel;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

// The clock's 2023-11-14T22:13:20Z lies within.
constexpr const char* kTimes = "issued = 2023-11-14T22:00:00Z\nexpires = 2023-11-14T23:00:00Z\n";

class PolicyKeeperTest : public testing::Test {
 protected:
  void SetUp() override {
    auto keys = security::make_keys();
    ASSERT_TRUE(keys.ok());
    keys_ = *keys;
    write(dir_.file("policy.pub"), keys_.public_pem);
    config_ = {.policy = dir_.file("policy.toml"), .policy_key = dir_.file("policy.pub")};
    ASSERT_NO_FATAL_FAILURE(start());
  }
  // As a start of the engine, with what it remembers.
  void start() {
    keeper_.reset();
    journaler_.reset();
    store_.reset();
    auto opened = storage::StateStore::open(dir_.file("state.db"), {}, clock_);
    ASSERT_TRUE(opened.ok()) << opened.error().context;
    store_ = std::move(opened->store);
    journaler_ = std::make_unique<state::Journaler>(*store_, clock_);
    keeper_ = std::make_unique<PolicyKeeper>(
        config_, PolicyKeeper::Parts{
                     .store = *store_, .journaler = *journaler_, .news = news_, .clock = clock_});
  }
  static void write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  void put(const std::string& text) {
    write(config_.policy, text);
    const auto signature = security::sign(text, keys_.private_pem);
    write(config_.policy + ".sig", {signature->begin(), signature->end()});
  }
  void put(int version, const std::string& rest = "") {
    put("version = " + std::to_string(version) + "\n" + kTimes + rest);
  }
  // As a reload: whether another document is in force; the error when it was refused.
  Result<bool> reload() {
    WEIR_TRY(auto staged, keeper_->stage("alice"));
    if (!staged) return false;
    keeper_->commit(*std::move(staged), "alice");
    return true;
  }
  void tend(const telemetry::SecurityMetrics& totals = {}) {
    clock_.advance(milliseconds(250));
    keeper_->tend(totals, clock_.monotonic());
  }
  void pass(Duration time, const telemetry::SecurityMetrics& totals = {}) {
    for (Duration passed{}; passed < time; passed += milliseconds(250)) tend(totals);
  }
  // "threat: normal > high", oldest first.
  [[nodiscard]] std::vector<std::string> journal() const {
    std::vector<std::string> rows;
    auto newest = store_->newest(0, 100);
    for (const auto& row : *newest) {
      const auto& move = row.transition;
      rows.insert(rows.begin(), move.machine + ": " + move.from + " > " + move.to);
    }
    return rows;
  }
  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> kinds;
    for (const auto& event : hub_.read_after(0, 100).events) {
      kinds.emplace_back(name_of(event.kind));
    }
    return kinds;
  }

  test::TempDir dir_;
  test::FakeClock clock_;
  security::KeyPair keys_;
  control::SecurityConfig config_;
  telemetry::EventHub hub_{clock_};
  EngineNews news_{hub_, {}};
  std::unique_ptr<storage::StateStore> store_;
  std::unique_ptr<state::Journaler> journaler_;
  std::unique_ptr<PolicyKeeper> keeper_;
};

TEST_F(PolicyKeeperTest, PutsADocumentInForce) {
  put(7, "[sources]\ndeny_nets = \"192.0.2.0/24\"\n");
  ASSERT_TRUE(keeper_->open().ok());
  const control::PolicyStatus status = keeper_->status();
  EXPECT_EQ(status.state, "loaded");
  EXPECT_EQ(status.version, 7u);
  EXPECT_EQ(status.newest_version, 7u);
  EXPECT_EQ(status.threat.level, "normal");
  ASSERT_NE(keeper_->effective(), nullptr);
  EXPECT_THAT(keeper_->effective()->sources.deny_nets, ElementsAre("192.0.2.0/24"));
  EXPECT_EQ(keeper_->generation(), 1u);
  EXPECT_THAT(journal(), ElementsAre("policy: none > loaded"));
  EXPECT_THAT(events(), ElementsAre("policy_loaded"));
}

TEST_F(PolicyKeeperTest, WithoutADocumentInTheConfigurationThereIsNothingToRefuse) {
  config_ = {};
  start();
  ASSERT_TRUE(keeper_->open().ok());
  EXPECT_EQ(keeper_->effective(), nullptr);
  EXPECT_EQ(keeper_->generation(), 0u);
  EXPECT_EQ(keeper_->status().state, "none");
  EXPECT_FALSE(*reload());
}

TEST_F(PolicyKeeperTest, AMissingDocumentOrKeyIsAnError) {
  const auto missing = keeper_->open();
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  EXPECT_THAT(missing.error().context, HasSubstr("policy.toml"));
  EXPECT_THAT(journal(), ElementsAre("policy: none > none"));
  config_.policy_key = dir_.file("other.pub");
  put(1);
  start();
  const auto no_key = keeper_->open();
  ASSERT_FALSE(no_key.ok());
  EXPECT_THAT(no_key.error().context, HasSubstr("security.policy_key: read "));
}

TEST_F(PolicyKeeperTest, ABadDocumentOfAReloadIsRefusedWholeAndTheOneBeforeStays) {
  put(7, "[sources]\nblock = true\n");
  ASSERT_TRUE(keeper_->open().ok());
  const auto before = keeper_->effective();
  struct Case {
    const char* reason;
    std::string text;
  };
  const std::vector<Case> cases = {
      {"malformed", "version = 8\n" + std::string(kTimes) + "[sources]\nblok = false\n"},
      {"downgraded", "version = 6\n" + std::string(kTimes)},
      {"downgraded", "version = 7\n" + std::string(kTimes)},
      {"expired", "version = 8\nissued = 2022-01-01T00:00:00Z\nexpires = 2023-01-01T00:00:00Z\n"},
      {"not_yet", "version = 8\nissued = 2024-01-01T00:00:00Z\nexpires = 2025-01-01T00:00:00Z\n"},
      {"too_large", std::string(security::kPolicyBytesMax + 1, '#')},
  };
  std::size_t refused = 0;
  const auto expect_refused = [&](const char* reason) {
    SCOPED_TRACE(reason);
    const auto outcome = reload();
    ASSERT_FALSE(outcome.ok());
    ++refused;
    EXPECT_EQ(keeper_->version(), 7u);
    EXPECT_EQ(keeper_->effective(), before);
    const control::PolicyStatus status = keeper_->status();
    EXPECT_EQ(status.state, "loaded");
    EXPECT_EQ(status.newest_version, 7u);
    EXPECT_EQ(status.refusal, outcome.error().context);
    bool counted = false;
    for (const auto& [name, documents] : status.refused) counted |= name == reason;
    EXPECT_TRUE(counted);
  };
  for (const auto& [reason, text] : cases) {
    put(text);
    expect_refused(reason);
  }
  put(8);
  write(config_.policy, "version = 9\n" + std::string(kTimes));
  expect_refused("forged");
  write(config_.policy + ".sig", "");
  expect_refused("forged");
  std::filesystem::remove(config_.policy + ".sig");
  expect_refused("missing");
  EXPECT_EQ(journal().size(), 1 + refused);
  EXPECT_EQ(journal().back(), "policy: loaded > loaded");
  EXPECT_THAT(events(), testing::SizeIs(1 + refused));
  put(8);
  EXPECT_TRUE(*reload());
  EXPECT_EQ(keeper_->status().refusal, "");
}

TEST_F(PolicyKeeperTest, TheSameDocumentAgainIsNoChange) {
  put(7);
  ASSERT_TRUE(keeper_->open().ok());
  EXPECT_FALSE(*reload());
  EXPECT_EQ(keeper_->generation(), 1u);
  put(8, "[sources]\nblock = true\n");
  EXPECT_TRUE(*reload());
  EXPECT_EQ(keeper_->generation(), 2u);
  EXPECT_TRUE(keeper_->status().block);
}

TEST_F(PolicyKeeperTest, WhatWasAcceptedOnceCannotBeReplayedAfterARestart) {
  put(8);
  ASSERT_TRUE(keeper_->open().ok());
  put(7);
  start();
  const auto replayed = keeper_->open();
  ASSERT_FALSE(replayed.ok());
  EXPECT_EQ(replayed.error().code, ErrorCode::Damaged);
  EXPECT_THAT(replayed.error().context, HasSubstr("version 7: version 8 has been accepted here"));
  put(8);
  start();
  EXPECT_TRUE(keeper_->open().ok());
}

TEST_F(PolicyKeeperTest, AnExpiredDocumentStaysInForceAndIsTold) {
  put(7, "[sources]\nblock = true\n");
  ASSERT_TRUE(keeper_->open().ok());
  tend();
  EXPECT_EQ(keeper_->status().state, "loaded");
  clock_.advance(hours(1));
  tend();
  tend();
  EXPECT_EQ(keeper_->status().state, "expired");
  EXPECT_TRUE(keeper_->effective()->sources.block);
  EXPECT_THAT(journal(), ElementsAre("policy: none > loaded", "policy: loaded > expired"));
  EXPECT_THAT(events(), ElementsAre("policy_loaded", "policy_expired"));
  EXPECT_FALSE(reload().ok()) << "it is read again, and refused as expired";
  EXPECT_EQ(keeper_->version(), 7u);
  put("version = 8\nissued = 2023-11-14T23:00:00Z\nexpires = 2024-11-14T23:00:00Z\n");
  EXPECT_TRUE(*reload());
  EXPECT_EQ(keeper_->status().state, "loaded");
}

TEST_F(PolicyKeeperTest, AThreatAddsItsTablesAndTakesThemAwayAgain) {
  put(7, "[threat]\nrefused_requests = [5, 10, 20]\n[threat.high]\nblock = true\n");
  ASSERT_TRUE(keeper_->open().ok());
  tend();
  tend({.refused_requests = 5});
  EXPECT_EQ(keeper_->threat(), ThreatLevel::Elevated);
  EXPECT_FALSE(keeper_->effective()->sources.block);
  tend({.refused_requests = 10});
  EXPECT_EQ(keeper_->status().level, "high");
  EXPECT_TRUE(keeper_->effective()->sources.block);
  EXPECT_EQ(keeper_->generation(), 3u);
  EXPECT_EQ(keeper_->status().threat.why, "10 refused requests of the API");
  pass(seconds(75), {.refused_requests = 10});
  EXPECT_EQ(keeper_->threat(), ThreatLevel::Normal);
  EXPECT_FALSE(keeper_->effective()->sources.block);
  EXPECT_THAT(journal(), ElementsAre("policy: none > loaded", "threat: normal > elevated",
                                     "threat: elevated > high", "threat: high > normal"));
  EXPECT_THAT(events(),
              ElementsAre("policy_loaded", "threat_changed", "threat_changed", "threat_changed"));
}

TEST_F(PolicyKeeperTest, AnExpiredDocumentDoesNotLetInAgainWhatAThreatHasShutOut) {
  put(7, "[threat]\nrefused_requests = [5, 10, 20]\n[threat.high]\nblock = true\n");
  ASSERT_TRUE(keeper_->open().ok());
  tend();
  tend({.refused_requests = 10});
  clock_.advance(hours(1));
  pass(seconds(75), {.refused_requests = 10});
  EXPECT_EQ(keeper_->threat(), ThreatLevel::Normal);
  EXPECT_EQ(keeper_->status().level, "high");
  EXPECT_TRUE(keeper_->effective()->sources.block);
  put("version = 8\nissued = 2023-11-14T23:00:00Z\nexpires = 2024-11-14T23:00:00Z\n"
      "[threat.high]\nblock = true\n");
  EXPECT_TRUE(*reload());
  EXPECT_EQ(keeper_->status().level, "normal");
  EXPECT_FALSE(keeper_->effective()->sources.block);
}

TEST_F(PolicyKeeperTest, ARestartKeepsTheThreatUntilItHasBeenQuieter) {
  put(7, "[threat]\nrefused_requests = [5, 10, 20]\n[threat.critical]\nblock = true\n");
  ASSERT_TRUE(keeper_->open().ok());
  tend();
  tend({.refused_requests = 20});
  ASSERT_EQ(keeper_->threat(), ThreatLevel::Critical);
  start();
  ASSERT_TRUE(keeper_->open().ok());
  EXPECT_EQ(keeper_->threat(), ThreatLevel::Critical);
  EXPECT_TRUE(keeper_->effective()->sources.block) << "before the first packet";
  pass(seconds(59));
  EXPECT_EQ(keeper_->threat(), ThreatLevel::Critical);
  pass(seconds(3));
  EXPECT_EQ(keeper_->threat(), ThreatLevel::Normal);
}

TEST_F(PolicyKeeperTest, RefusedDocumentsAreAThreatThemselves) {
  put(7);
  ASSERT_TRUE(keeper_->open().ok());
  tend();
  put(6);
  ASSERT_FALSE(reload().ok());
  tend();
  EXPECT_EQ(keeper_->threat(), ThreatLevel::Elevated);
}

TEST_F(PolicyKeeperTest, TellsMetrics) {
  put(7);
  ASSERT_TRUE(keeper_->open().ok());
  put(6);
  ASSERT_FALSE(reload().ok());
  tend();
  tend();
  telemetry::Registry registry;
  const auto registration = registry.add(*keeper_);
  const std::string text = telemetry::prometheus_text(registry.collect());
  EXPECT_THAT(text, HasSubstr("\nweir_policy_version 7\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_policy_expires_timestamp_seconds 1700002800\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_policy_refused_total{reason=\"downgraded\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nweir_threat_level 0\n"));
}

}  // namespace
}  // namespace weir::app
