// The rules that are in force in an engine: staged, changed by a policy, told of.
#include "app/engine/destination_gate.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace weir::app {
namespace {

namespace fs = std::filesystem;
using security::DestinationKind;
using testing::HasSubstr;

TEST(RefusalLimit, ASessionIsToldOfAtOnceAndThenOnceInTenSecondsWithWhatWasWithheld) {
  RefusalLimit limit;
  const MonotonicTime begin{1'000'000'000};
  EXPECT_EQ(limit.admit("a", begin), 0u);
  EXPECT_EQ(limit.admit("a", begin), std::nullopt);
  EXPECT_EQ(limit.admit("a", begin + std::chrono::seconds(9)), std::nullopt);
  EXPECT_EQ(limit.admit("b", begin), 0u);
  EXPECT_EQ(limit.admit("a", begin + std::chrono::seconds(10)), 2u);
  EXPECT_EQ(limit.admit("a", begin + std::chrono::seconds(20)), 0u);
}

TEST(RefusalLimit, MadeUpNamesDoNotFillTheMemory) {
  RefusalLimit limit;
  const MonotonicTime begin{1'000'000'000};
  for (std::size_t i = 0; i < RefusalLimit::kSessionsMax; ++i) {
    EXPECT_EQ(limit.admit(std::to_string(i), begin), 0u);
  }
  EXPECT_EQ(limit.admit("one more", begin), std::nullopt);
  EXPECT_EQ(limit.admit("one more", begin + RefusalLimit::kInterval), 0u);
}

class Gate : public testing::Test {
 protected:
  Gate() {
    for (const char* name : {"a", "b"}) fs::create_directory(in(name));
  }
  [[nodiscard]] std::string in(const std::string& name) const {
    return (fs::canonical(dir_.path()) / name).string();
  }
  void stage(std::vector<std::string> directories, std::vector<std::string> kinds = {}) {
    control::Config next;
    next.security.destinations = {.kinds = std::move(kinds), .directories = std::move(directories)};
    ASSERT_TRUE(gate_.stage({}, next, 2));
  }
  void set(std::vector<std::string> directories, std::vector<std::string> kinds = {}) {
    stage(std::move(directories), std::move(kinds));
    gate_.commit();
  }
  [[nodiscard]] std::size_t told(telemetry::EventKind kind) const {
    const auto events = hub_.read_after(0, 1000).events;
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(), [kind](const auto& one) { return one.kind == kind; }));
  }

  test::TempDir dir_;
  test::FakeClock clock_;
  telemetry::EventHub hub_{clock_};
  EngineNews news_{hub_, telemetry::Logger()};
  DestinationGate gate_{news_, clock_};
};

TEST_F(Gate, GrantsAreByTheRulesToComeWhileTheyAreStagedAndClientsByThoseInForce) {
  stage({in("a")}, {"store"});
  EXPECT_TRUE(gate_.moves());
  EXPECT_TRUE(gate_.grant("s", DestinationKind::Store, in("a")));
  EXPECT_FALSE(gate_.grant("s", DestinationKind::Store, in("b")));
  EXPECT_TRUE(gate_.allows(DestinationKind::Tail));
  gate_.roll_back();
  EXPECT_FALSE(gate_.moves());
  EXPECT_TRUE(gate_.grant("s", DestinationKind::Store, in("b")));
  set({in("a")}, {"store"});
  EXPECT_FALSE(gate_.allows(DestinationKind::Tail));
  EXPECT_FALSE(gate_.grant("s", DestinationKind::Store, in("b")));
}

TEST_F(Gate, AConfigurationWithTheSameRulesMovesNothing) {
  set({in("a")});
  const std::uint64_t generation = gate_.generation();
  set({in("a")});
  EXPECT_EQ(gate_.generation(), generation);
}

TEST_F(Gate, APolicyTakesAwayAndWhatWasGrantedIsFoundByItsGeneration) {
  set({in("a"), in("b")});
  const auto a = gate_.grant("s", DestinationKind::Store, in("a"));
  const auto b = gate_.grant("s", DestinationKind::Store, in("b"));
  ASSERT_TRUE(a && b);
  EXPECT_EQ((*a)->generation(), gate_.generation());
  gate_.set_policy(
      security::DestinationRulesOf{.whose = "the policy", .rules = {.directories = {in("a")}}});
  EXPECT_NE((*a)->generation(), gate_.generation());
  EXPECT_EQ(gate_.refusal_of("s", **a), std::nullopt);
  const auto refusal = gate_.refusal_of("s", **b);
  ASSERT_TRUE(refusal);
  EXPECT_THAT(refusal->context, HasSubstr("the policy"));
  // The configuration changes under it, and cannot give more.
  set({in("b")});
  EXPECT_TRUE(gate_.refusal_of("s", **a));
  EXPECT_TRUE(gate_.refusal_of("s", **b));
  gate_.set_policy(std::nullopt);
  EXPECT_EQ(gate_.refusal_of("s", **b), std::nullopt);
}

TEST_F(Gate, WhatWasOpenedByItsPathMustBeOpenedAnewWhenDirectoriesAreNamed) {
  const auto open = gate_.grant("s", DestinationKind::Store, in("a"));
  ASSERT_TRUE(open);
  EXPECT_FALSE(gate_.must_reopen(**open));
  set({in("a")});
  EXPECT_TRUE(gate_.must_reopen(**open));
  const auto held = gate_.grant("s", DestinationKind::Store, in("a"));
  ASSERT_TRUE(held);
  EXPECT_FALSE(gate_.must_reopen(**held));
  set({});
  EXPECT_FALSE(gate_.must_reopen(**held));
}

TEST_F(Gate, RefusalsAreToldAndWhatTheSystemSaysIsNone) {
  set({in("a")});
  EXPECT_FALSE(gate_.grant("s", DestinationKind::Store, in("b")));
  EXPECT_FALSE(gate_.grant("s", DestinationKind::Store, in("b")));
  EXPECT_EQ(told(telemetry::EventKind::DestinationRefused), 1u);
  clock_.advance(RefusalLimit::kInterval);
  EXPECT_FALSE(gate_.grant("s", DestinationKind::Store, in("b")));
  EXPECT_EQ(told(telemetry::EventKind::DestinationRefused), 2u);
  const auto last = hub_.read_after(0, 1000).events.back();
  EXPECT_THAT(last.text, HasSubstr("session s: security: " + in("b")));
  EXPECT_THAT(last.fields, testing::Contains(telemetry::EventField{"withheld", "1"}));
  clock_.advance(RefusalLimit::kInterval);
  EXPECT_FALSE(gate_.grant("s", DestinationKind::Pcapng, in("a") + "/none/x.pcapng"));
  EXPECT_EQ(told(telemetry::EventKind::DestinationRefused), 2u);
}

}  // namespace
}  // namespace weir::app
