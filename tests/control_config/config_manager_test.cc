#include "control/config_manager.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/config_edit.h"
#include "control/config_reader.h"
#include "control/config_writer.h"
#include "support/fake_clock.h"

namespace weir::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class MemoryStore final : public GenerationStore {
 public:
  Result<void> append(const Generation& generation) override {
    if (full) return Error{.code = ErrorCode::NoSpace, .context = "no space left on device"};
    stored.push_back(generation);
    return ok();
  }
  Result<Generation> get(std::uint64_t number) const override {
    for (const Generation& one : stored) {
      if (one.number == number) return one;
    }
    return Error{.code = ErrorCode::NotFound, .context = "generation not kept"};
  }
  Result<Generation> latest() const override {
    return stored.empty() ? Generation{} : stored.back();
  }
  Result<std::vector<Generation>> list() const override {
    return std::vector<Generation>(stored.rbegin(), stored.rend());
  }

  bool full = false;
  std::vector<Generation> stored;
};

class Part final : public ConfigParticipant {
 public:
  Part(std::string name, std::vector<std::string>& calls) : name_(std::move(name)), calls_(calls) {}

  [[nodiscard]] std::string_view name() const noexcept override { return name_; }
  Result<void> stage(const Config& now, const Config& next, std::uint64_t number) override {
    calls_.push_back("stage " + name_);
    EXPECT_FALSE(staged_) << "the last change is still open";
    EXPECT_EQ(now, in_force);
    if (fails) return Error{.code = ErrorCode::Permission, .context = "not allowed"};
    staged_ = next;
    generation_ = number;
    return ok();
  }
  void commit() noexcept override {
    calls_.push_back("commit " + name_);
    in_force = *std::exchange(staged_, std::nullopt);
    generation = generation_;
  }
  void roll_back() noexcept override {
    calls_.push_back("back " + name_);
    EXPECT_TRUE(staged_) << "nothing to roll back";
    staged_.reset();
  }

  bool fails = false;
  Config in_force;
  std::uint64_t generation = 0;

 private:
  std::string name_;
  std::vector<std::string>& calls_;
  std::optional<Config> staged_;
  std::uint64_t generation_ = 0;
};

class Manager : public testing::Test {
 protected:
  Manager() {
    for (Part* part : {&a_, &b_, &c_}) manager_.add(*part);
    first_.interfaces = {{.name = "eth0"}};
    first_.sessions = {{.name = "web", .filter = "tcp"}};
    EXPECT_TRUE(manager_.start(first_, {.who = "test", .why = "start"}).ok());
    calls_.clear();
  }

  Config with(std::string filter) const { return *with_filter(first_, "web", std::move(filter)); }
  // Everything is as it was after the start.
  void expect_nothing_changed() {
    EXPECT_EQ(manager_.generation(), 1u);
    EXPECT_EQ(*manager_.current(), first_);
    EXPECT_EQ(*manager_.wanted(), first_);
    EXPECT_EQ(store_.stored.size(), 1u);
    for (const Part* part : {&a_, &b_, &c_}) {
      EXPECT_EQ(part->in_force, first_);
      EXPECT_EQ(part->generation, 1u);
    }
  }

  test::FakeClock clock_;
  MemoryStore store_;
  std::vector<std::string> calls_;
  Part a_{"a", calls_};
  Part b_{"b", calls_};
  Part c_{"c", calls_};
  ConfigManager manager_{store_, clock_};
  Config first_;
};

TEST_F(Manager, ApplyingStagesInAllThenStoresThenCommitsInAll) {
  const auto applied = manager_.apply(with("udp"), {.who = "alice", .why = "reload"});
  ASSERT_TRUE(applied.ok()) << applied.error().context;
  EXPECT_EQ(applied->generation, 2u);
  EXPECT_THAT(calls_,
              ElementsAre("stage a", "stage b", "stage c", "commit a", "commit b", "commit c"));
  EXPECT_EQ(*manager_.current(), with("udp"));
  EXPECT_EQ(b_.in_force, with("udp"));
  EXPECT_EQ(b_.generation, 2u);
  const Generation& stored = store_.stored.back();
  EXPECT_EQ(stored.number, 2u);
  EXPECT_EQ(stored.who, "alice");
  EXPECT_EQ(stored.why, "reload");
  EXPECT_EQ(stored.when, clock_.wall());
  EXPECT_EQ(read_config(stored.toml).config, with("udp"));
}

TEST_F(Manager, WhereOneStagingFailsAllOthersRollBackInReverseOrder) {
  const std::vector<std::pair<Part*, std::vector<std::string>>> cases = {
      {&a_, {"stage a"}},
      {&b_, {"stage a", "stage b", "back a"}},
      {&c_, {"stage a", "stage b", "stage c", "back b", "back a"}}};
  for (const auto& [part, expected] : cases) {
    calls_.clear();
    part->fails = true;
    const auto applied = manager_.apply(with("udp"), {.who = "alice"});
    part->fails = false;
    ASSERT_FALSE(applied.ok());
    EXPECT_EQ(applied.error().code, ErrorCode::Permission);
    EXPECT_EQ(applied.error().context, "stage " + std::string(part->name()) + ": not allowed");
    EXPECT_EQ(calls_, expected);
    expect_nothing_changed();
  }
  EXPECT_TRUE(manager_.apply(with("udp"), {}).ok());
}

TEST_F(Manager, WhereStoringFailsAllRollBack) {
  store_.full = true;
  const auto applied = manager_.apply(with("udp"), {});
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::NoSpace);
  EXPECT_EQ(applied.error().context, "store the configuration: no space left on device");
  EXPECT_THAT(calls_, ElementsAre("stage a", "stage b", "stage c", "back c", "back b", "back a"));
  expect_nothing_changed();
  store_.full = false;
  EXPECT_EQ(manager_.apply(with("udp"), {})->generation, 2u);
}

TEST_F(Manager, WhatIsWrongIsRefusedBeforeAnythingIsStaged) {
  Config wrong = with("udp");
  wrong.sessions[0].interfaces = {"eth7"};
  wrong.interfaces[0].snaplen = 0;
  const auto applied = manager_.apply(wrong, {});
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::Usage);
  EXPECT_THAT(applied.error().context, HasSubstr("interface[eth0].snaplen: "));
  EXPECT_THAT(applied.error().context, HasSubstr("\nsession[web].interfaces: 'eth7'"));
  EXPECT_THAT(calls_, ElementsAre());
  expect_nothing_changed();
}

TEST_F(Manager, OfTwoOperatorsAtOnceTheSecondIsTold) {
  ASSERT_TRUE(manager_.apply(with("udp"), {.expected_generation = 1}).ok());
  const auto second = manager_.apply(with("icmp"), {.expected_generation = 1});
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::Conflict);
  EXPECT_THAT(second.error().context, HasSubstr("generation 2 is in force"));
  EXPECT_EQ(*manager_.current(), with("udp"));
  EXPECT_FALSE(manager_.roll_back_to(1, {.expected_generation = 1}).ok());
  EXPECT_TRUE(manager_.apply(with("icmp"), {.expected_generation = 2}).ok());
}

TEST_F(Manager, TwoThreadsThatExpectTheSameGenerationNeverBothWin) {
  constexpr std::uint64_t kRounds = 200;
  std::atomic<int> applied = 0;
  const auto operate = [&](const char* who) {
    for (std::uint64_t i = 1; i <= kRounds; ++i) {
      const Config next = with(std::string(who) + std::to_string(i));
      if (manager_.apply(next, {.who = who, .expected_generation = i}).ok()) ++applied;
    }
  };
  std::thread other(operate, "b");
  operate("a");
  other.join();
  // Each generation has been replaced at most once.
  EXPECT_EQ(manager_.generation(), 1 + static_cast<std::uint64_t>(applied.load()));
  EXPECT_EQ(store_.stored.size(), manager_.generation());
}

TEST_F(Manager, EditsOfTwoThreadsAllHappen) {
  const auto create = [&](const char* prefix) {
    for (int i = 0; i < 20; ++i) {
      const SessionConfig session{.name = prefix + std::to_string(i)};
      const auto edited = manager_.edit(
          [&](const Config& config) { return with_session(config, session); }, {.who = prefix});
      ASSERT_TRUE(edited.ok()) << edited.error().context;
    }
  };
  std::thread other(create, "b");
  create("a");
  other.join();
  EXPECT_EQ(manager_.current()->sessions.size(), 41u);
  EXPECT_EQ(manager_.generation(), 41u);
}

TEST_F(Manager, AnEditThatFailsChangesNothing) {
  const auto edited = manager_.edit(
      [](const Config& config) { return without_session(config, "none"); }, {.who = "alice"});
  ASSERT_FALSE(edited.ok());
  EXPECT_EQ(edited.error().code, ErrorCode::NotFound);
  expect_nothing_changed();
}

TEST_F(Manager, WithoutAChangeThereIsNoGeneration) {
  const auto applied = manager_.apply(first_, {.who = "alice"});
  ASSERT_TRUE(applied.ok());
  EXPECT_EQ(applied->generation, 1u);
  EXPECT_TRUE(applied->changes.empty());
  EXPECT_THAT(calls_, ElementsAre());
  expect_nothing_changed();
}

TEST_F(Manager, WhatNeedsARestartWaitsAndTheRestIsInForce) {
  Config next = with("udp");
  next.interfaces[0].ring_bytes = 32 << 20;
  next.telemetry.listen = "127.0.0.1:9478";
  const auto applied = manager_.apply(next, {});
  ASSERT_TRUE(applied.ok()) << applied.error().context;
  EXPECT_THAT(applied->needs_restart, ElementsAre("interface[eth0].ring", "telemetry.listen"));
  EXPECT_EQ(*manager_.current(), with("udp"));
  EXPECT_EQ(a_.in_force, with("udp"));
  EXPECT_EQ(*manager_.wanted(), next);
  EXPECT_EQ(read_config(store_.stored.back().toml).config, next);

  // What waits is not forgotten by the next change, and what is taken back waits no longer.
  const auto edited = manager_.edit([](const Config& config) { return with_paused(config, "web"); },
                                    {.who = "alice"});
  EXPECT_THAT(edited->needs_restart, ElementsAre("interface[eth0].ring", "telemetry.listen"));
  EXPECT_TRUE(manager_.current()->sessions[0].paused);
  next.interfaces[0].ring_bytes = first_.interfaces[0].ring_bytes;
  EXPECT_THAT(manager_.apply(next, {})->needs_restart, ElementsAre("telemetry.listen"));
  EXPECT_THAT(manager_.needs_restart(), ElementsAre("telemetry.listen"));
}

TEST_F(Manager, WhatNeedsARestartCanBeRefused) {
  Config next = with("udp");
  next.interfaces[0].workers = 2;
  const auto applied = manager_.apply(next, {.at_restart = ApplyRequest::AtRestart::Refuse});
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::Conflict);
  EXPECT_THAT(applied.error().context, HasSubstr("interface[eth0].workers would wait"));
  expect_nothing_changed();
}

TEST_F(Manager, ALiveChangeThatRestsOnAWaitingOneIsRefused) {
  Config next = first_;
  next.interfaces.push_back({.name = "eth1"});
  next.sessions.push_back({.name = "new", .interfaces = {"eth1"}});
  const auto applied = manager_.apply(next, {});
  ASSERT_FALSE(applied.ok());
  EXPECT_EQ(applied.error().code, ErrorCode::Conflict);
  EXPECT_THAT(applied.error().context, HasSubstr("session[new].interfaces: 'eth1'"));
  EXPECT_THAT(applied.error().context, HasSubstr("interface[eth1] waits for a restart"));
  expect_nothing_changed();
}

TEST_F(Manager, ARollbackIsANewGenerationWithTheOldConfiguration) {
  ASSERT_TRUE(manager_.apply(with("udp"), {}).ok());
  ASSERT_TRUE(manager_.apply(with("icmp"), {}).ok());
  const auto back = manager_.roll_back_to(1, {.who = "alice"});
  ASSERT_TRUE(back.ok()) << back.error().context;
  EXPECT_EQ(back->generation, 4u);
  EXPECT_EQ(*manager_.current(), first_);
  EXPECT_EQ(store_.stored.back().why, "rollback to 1");

  const auto undone = manager_.roll_back_to(0, {.who = "alice"});
  EXPECT_EQ(undone->generation, 5u);
  EXPECT_EQ(*manager_.current(), with("icmp"));
}

TEST_F(Manager, ARollbackToWhatIsNotKeptOrNotUnderstoodChangesNothing) {
  EXPECT_EQ(manager_.roll_back_to(7, {}).error().code, ErrorCode::NotFound);
  EXPECT_EQ(manager_.roll_back_to(0, {}).error().code, ErrorCode::NotFound);
  ASSERT_TRUE(manager_.apply(with("udp"), {}).ok());
  store_.stored.front().toml = "[engine]\nold_key = 1\n";
  const auto back = manager_.roll_back_to(1, {});
  ASSERT_FALSE(back.ok());
  EXPECT_THAT(back.error().context, HasSubstr("generation 1:2:1: engine.old_key: unknown key"));
  EXPECT_EQ(manager_.generation(), 2u);
}

TEST_F(Manager, AfterARestartNumbersGoOn) {
  ASSERT_TRUE(manager_.apply(with("udp"), {}).ok());
  ConfigManager same(store_, clock_);
  EXPECT_EQ(same.start(with("udp"), {.why = "start"})->generation, 2u);
  EXPECT_EQ(store_.stored.size(), 2u);
  ConfigManager other(store_, clock_);
  EXPECT_EQ(other.start(with("icmp"), {.why = "start"})->generation, 3u);
  EXPECT_EQ(store_.stored.size(), 3u);
}

TEST_F(Manager, AStartThatFailsCommitsNothing) {
  for (const bool full : {false, true}) {
    std::vector<std::string> calls;
    Part first("first", calls);
    Part second("second", calls);
    MemoryStore store;
    ConfigManager manager(store, clock_);
    manager.add(first);
    manager.add(second);
    store.full = full;
    second.fails = !full;
    ASSERT_FALSE(manager.start(first_, {}).ok());
    EXPECT_EQ(manager.generation(), 0u);
    EXPECT_EQ(first.in_force, Config{});
    EXPECT_EQ(calls.back(), "back first");
    store.full = second.fails = false;
    EXPECT_EQ(manager.start(first_, {})->generation, 1u);
  }
}

}  // namespace
}  // namespace weir::control
