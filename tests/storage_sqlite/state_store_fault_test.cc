// A disk that is full, fails, or loses its power, at every single step of the store.
#include <sched.h>
#include <sys/mount.h>

#include <map>
#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fault_vfs.h"
#include "stores.h"

namespace weir::storage {
namespace {

using testing::AnyOf;

// What the store has acknowledged, and what it must therefore hold.
struct Acknowledged {
  std::uint64_t generation = 0;
  std::map<std::string, std::string> sessions;  // name, state
  std::map<std::string, std::string> values;
  std::uint64_t transition = 0;
  // Of the operation that failed: it may be there or not after a crash, but whole.
  std::optional<std::uint64_t> unsure_generation;
  std::optional<std::pair<std::string, std::string>> unsure_session;
};

constexpr std::uint64_t kSteps = 12;

// One more of several operations. The error, if it failed.
std::optional<Error> step(StateStore& store, std::uint64_t i, Acknowledged& acknowledged) {
  acknowledged.unsure_generation.reset();
  acknowledged.unsure_session.reset();
  Result<void> result;
  if (i % 4 == 0) {
    result = store.record(transition(i));
    if (result) acknowledged.transition = i;
  } else if (i % 4 == 1) {
    result = store.append_generation(generation(i, 9000));
    if (result) {
      acknowledged.generation = i;
    } else {
      acknowledged.unsure_generation = i;
    }
  } else if (i % 4 == 2) {
    const std::string name = "s" + std::to_string(i % 3);
    const SessionRecord record{.name = name,
                               .origin = "api",
                               .definition = generation(i, 5000).toml,
                               .state = std::to_string(i),
                               .changed = {static_cast<std::int64_t>(i)}};
    result = store.put_session(record);
    if (result) {
      acknowledged.sessions[name] = record.state;
    } else {
      acknowledged.unsure_session = {name, record.state};
    }
  } else {
    const std::string key = "k" + std::to_string(i % 2);
    result = store.put(key, std::to_string(i));
    if (result) acknowledged.values[key] = std::to_string(i);
  }
  if (result) return std::nullopt;
  return result.error();
}

enum class Unsure { Absent, Either };

void expect_holds(StateStore& store, const Acknowledged& acknowledged, Unsure unsure) {
  auto latest = store.latest_generation();
  ASSERT_TRUE(latest) << latest.error().context;
  const std::uint64_t number = *latest ? (*latest)->number : 0;
  if (unsure == Unsure::Either && acknowledged.unsure_generation) {
    ASSERT_THAT(number, AnyOf(acknowledged.generation, *acknowledged.unsure_generation));
  } else {
    ASSERT_EQ(number, acknowledged.generation);
  }
  if (number != 0) expect_same(**latest, generation(number, 9000));

  std::map<std::string, std::string> sessions;
  const auto records = store.sessions().value();
  for (const auto& record : records) {
    sessions[record.name] = record.state;
    const auto i = static_cast<std::uint64_t>(std::stoi(record.state));
    ASSERT_EQ(record.definition, generation(i, 5000).toml);
  }
  auto with_unsure = acknowledged.sessions;
  if (acknowledged.unsure_session) {
    with_unsure[acknowledged.unsure_session->first] = acknowledged.unsure_session->second;
  }
  if (unsure == Unsure::Either) {
    ASSERT_THAT(sessions, AnyOf(acknowledged.sessions, with_unsure));
  } else {
    ASSERT_EQ(sessions, acknowledged.sessions);
  }
}

void expect_small_things(StateStore& store, const Acknowledged& acknowledged) {
  for (const auto& [key, value] : acknowledged.values) ASSERT_EQ(store.get(key).value(), value);
  const auto newest = store.newest(0, 1).value();
  ASSERT_EQ(newest.empty() ? 0 : newest[0].transition.generation, acknowledged.transition);
}

class StateStoreFaults : public testing::TestWithParam<std::tuple<Fault, bool>> {};

// The n-th write or sync fails, for every n there is; then there is room again.
TEST_P(StateStoreFaults, NothingIsHalfAppliedAndTheStoreWorksAgain) {
  const auto [fault, lasting] = GetParam();
  const test::FakeClock clock;
  std::uint64_t failures = 0;
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("call " + std::to_string(n));
    const test::TempDir dir;
    FaultVfs vfs;
    auto store = open_state(dir.file("state.db"), clock);
    ASSERT_TRUE(store);
    vfs.fail_at(fault, n, lasting);
    Acknowledged acknowledged;
    std::uint64_t i = 1;
    for (; i <= kSteps && !vfs.has_struck(); ++i) {
      const auto error = step(*store, i, acknowledged);
      if (!error) continue;
      ++failures;
      ASSERT_TRUE(vfs.has_struck());
      ASSERT_EQ(error->code, fault == Fault::DiskFull ? ErrorCode::NoSpace : ErrorCode::Io)
          << error->context;
    }
    const bool struck = vfs.has_struck();
    vfs.heal();
    ASSERT_NO_FATAL_FAILURE(expect_holds(*store, acknowledged, Unsure::Absent));
    ASSERT_NO_FATAL_FAILURE(expect_small_things(*store, acknowledged));
    for (std::uint64_t more = 0; more < 4; ++more, ++i) {
      const auto error = step(*store, i, acknowledged);
      ASSERT_FALSE(error) << error->context;
    }
    store.reset();
    store = open_state(dir.file("state.db"), clock);
    ASSERT_TRUE(store);
    ASSERT_NO_FATAL_FAILURE(expect_holds(*store, acknowledged, Unsure::Absent));
    ASSERT_NO_FATAL_FAILURE(expect_small_things(*store, acknowledged));
    ASSERT_TRUE(siblings(dir.file("state.db"), ".damaged").empty());
    if (!struck) break;
  }
  EXPECT_GT(failures, kSteps / 2);
}

// As before, but the process dies at the fault and another opens the file.
TEST_P(StateStoreFaults, WhatWasAcknowledgedIsThereForTheNextProcess) {
  const auto [fault, lasting] = GetParam();
  const test::FakeClock clock;
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("call " + std::to_string(n));
    const test::TempDir dir;
    FaultVfs vfs;
    auto store = open_state(dir.file("state.db"), clock);
    ASSERT_TRUE(store);
    vfs.fail_at(fault, n, lasting);
    Acknowledged acknowledged;
    for (std::uint64_t i = 1; i <= kSteps && !vfs.has_struck(); ++i) {
      if (step(*store, i, acknowledged)) break;
    }
    const bool struck = vfs.has_struck();
    store.reset();
    vfs.heal();
    store = open_state(dir.file("state.db"), clock);
    ASSERT_TRUE(store);
    ASSERT_NO_FATAL_FAILURE(expect_holds(*store, acknowledged, Unsure::Either));
    if (!struck) break;
  }
}

// Each of the calls that make a new file fails: an error, then a store that is new and works.
TEST_P(StateStoreFaults, AFileThatCouldNotBeMadeIsMadeTheNextTime) {
  const auto [fault, lasting] = GetParam();
  const test::FakeClock clock;
  std::uint64_t failures = 0;
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("call " + std::to_string(n));
    const test::TempDir dir;
    FaultVfs vfs;
    vfs.fail_at(fault, n, lasting);
    {
      const auto opened = StateStore::open(dir.file("state.db"), {}, clock);
      if (!opened) ++failures;
    }
    const bool struck = vfs.has_struck();
    vfs.heal();
    const auto store = open_state(dir.file("state.db"), clock);
    ASSERT_TRUE(store);
    ASSERT_TRUE(store->append_generation(generation(1)));
    if (!struck) break;
  }
  EXPECT_GT(failures, 2U);
}

std::string name_of_case(const testing::TestParamInfo<std::tuple<Fault, bool>>& info) {
  const auto [fault, lasting] = info.param;
  const std::string what = fault == Fault::DiskFull     ? "DiskFull"
                           : fault == Fault::WriteFails ? "WriteFails"
                                                        : "SyncFails";
  return what + (lasting ? "FromThenOn" : "Once");
}

INSTANTIATE_TEST_SUITE_P(Disk, StateStoreFaults,
                         testing::Combine(testing::Values(Fault::DiskFull, Fault::WriteFails,
                                                          Fault::SyncFails),
                                          testing::Bool()),
                         name_of_case);

// Reads fail while the file is opened and checked: an error, and a sound file is never moved away.
TEST(StateStoreReadFaults, AFileThatCannotBeReadIsNotTakenForDamaged) {
  const test::FakeClock clock;
  const test::TempDir dir;
  const std::string path = dir.file("state.db");
  FaultVfs vfs;
  {
    const auto store = open_state(path, clock);
    for (std::uint64_t i = 1; i <= 20; ++i) ASSERT_TRUE(store->append_generation(generation(i)));
    for (std::uint64_t i = 1; i <= 200; ++i) ASSERT_TRUE(store->record(transition(i)));
  }
  std::uint64_t failures = 0;
  for (std::uint64_t n = 0;; ++n) {
    SCOPED_TRACE("read " + std::to_string(n));
    vfs.fail_at(Fault::ReadFails, n, false);
    std::string warning;
    {
      const auto opened = StateStore::open(path, {}, clock);
      if (!opened) {
        ++failures;
        ASSERT_EQ(opened.error().code, ErrorCode::Io) << opened.error().context;
      } else {
        warning = opened->warning;
      }
    }
    const bool struck = vfs.has_struck();
    vfs.heal();
    ASSERT_TRUE(siblings(path, ".damaged").empty()) << warning;
    if (!struck) break;
  }
  EXPECT_GE(failures, 3U);  // SQLite or the store got over the others
  const auto store = open_state(path, clock);
  expect_same(**store->latest_generation(), generation(20));
  EXPECT_EQ(store->newest(0, 1000).value().size(), 200U);
}

// Power goes after each step; of the disk only what was synced is left.
TEST(StateStorePower, GenerationsSessionsAndValuesOutliveALossOfPower) {
  const test::FakeClock clock;
  for (std::uint64_t steps = 0; steps <= 4 * kSteps; ++steps) {
    SCOPED_TRACE("after step " + std::to_string(steps));
    const test::TempDir dir;
    FaultVfs vfs;
    vfs.remember_syncs();
    auto store = open_state(dir.file("state.db"), clock);
    ASSERT_TRUE(store);
    Acknowledged acknowledged;
    for (std::uint64_t i = 1; i <= steps; ++i) ASSERT_FALSE(step(*store, i, acknowledged));
    vfs.stop_writing();
    store.reset();
    vfs.lose_power();
    store = open_state(dir.file("state.db"), clock);
    ASSERT_TRUE(store);
    ASSERT_NO_FATAL_FAILURE(expect_holds(*store, acknowledged, Unsure::Absent));
    for (const auto& [key, value] : acknowledged.values) ASSERT_EQ(store->get(key).value(), value);
  }
}

// The same on a real file system that is full.
TEST(StateStoreFullDisk, SaysSoAndGoesOnWhenThereIsRoom) {
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << "needs root";
  ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  const test::TempDir dir;
  ASSERT_EQ(::mount("none", dir.path().c_str(), "tmpfs", 0, "size=1m"), 0);
  const test::FakeClock clock;
  {
    const auto store = open_state(dir.file("state.db"), clock);
    write_file(dir.file("ballast"), std::string(600'000, 'x'));
    std::uint64_t number = 0;
    Result<void> result;
    while (result && number < 1000) result = store->append_generation(generation(++number, 30'000));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::NoSpace) << result.error().context;
    EXPECT_EQ((*store->latest_generation())->number, number - 1);
    EXPECT_EQ(store->put("key", std::string(60'000, 'x')).error().code, ErrorCode::NoSpace);
    std::filesystem::remove(dir.file("ballast"));
    ASSERT_TRUE(store->append_generation(generation(number, 30'000)));
    expect_same(**store->latest_generation(), generation(number, 30'000));
  }
  ASSERT_EQ(::umount2(dir.path().c_str(), MNT_DETACH), 0);
}

}  // namespace
}  // namespace weir::storage
