// Files that are not as they should be: damaged anywhere, of another kind, of a newer weir.
#include <sqlite3.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fault_vfs.h"
#include "stores.h"

namespace weir::storage {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kGenerations = 12;
constexpr std::uint64_t kTransitions = 100;

class StateStoreDamage : public testing::Test {
 protected:
  // A file as a store leaves it.
  std::string sound_file() {
    {
      const auto store = open_state(path_, clock_);
      for (std::uint64_t i = 1; i <= kTransitions; ++i) {
        EXPECT_TRUE(store->record(transition(i)));
      }
      for (std::uint64_t i = 1; i <= kGenerations; ++i) {
        EXPECT_TRUE(store->append_generation(generation(i, i * 500)));
      }
      for (std::uint64_t i = 0; i < 5; ++i) EXPECT_TRUE(store->put_session(session(i)));
      EXPECT_TRUE(store->put("policy", "normal"));
    }
    return read_file(path_);
  }

  static SessionRecord session(std::uint64_t i) {
    return {.name = "s" + std::to_string(i),
            .origin = "api",
            .definition = generation(i, 700).toml,
            .state = "running",
            .changed = {1}};
  }

  void remove_all() {
    for (const auto& name : siblings(path_, "")) std::filesystem::remove(dir_.path() / name);
  }

  // Everything that the store gives out is what was put in; things may be missing.
  static void expect_only_truth(StateStore& store) {
    if (const auto list = store.generations()) {
      for (const auto& summary : *list) {
        const auto stored = store.generation(summary.number);
        if (!stored) continue;
        ASSERT_GE(stored->number, 1U);
        ASSERT_LE(stored->number, kGenerations);
        ASSERT_NO_FATAL_FAILURE(
            expect_same(*stored, generation(stored->number, stored->number * 500)));
      }
    }
    if (const auto latest = store.latest_generation(); latest && *latest) {
      const std::uint64_t number = (*latest)->number;
      ASSERT_NO_FATAL_FAILURE(expect_same(**latest, generation(number, number * 500)));
    }
    if (const auto sessions = store.sessions()) {
      for (const auto& record : *sessions) {
        ASSERT_EQ(record, session(static_cast<std::uint64_t>(record.name.at(1) - '0')));
      }
    }
    if (const auto entries = store.newest(0, 1000)) {
      for (const auto& entry : *entries) {
        ASSERT_EQ(entry.transition.why, transition(entry.id).why);
      }
    }
    const auto value = store.get("policy");
    ASSERT_TRUE(!value || !*value || **value == "normal");
  }

  // Opens what is there, looks at everything, and uses it.
  void expect_survives() {
    RecordedWarnings warnings;
    auto opened = StateStore::open(path_, {.observer = &warnings}, clock_);
    ASSERT_TRUE(opened) << opened.error().context;
    StateStore& store = *opened->store;
    ASSERT_NO_FATAL_FAILURE(expect_only_truth(store));
    const bool moved = !opened->warning.empty() || store.generations().value().empty();
    ASSERT_EQ(moved, !siblings(path_, ".damaged").empty());
    ASSERT_TRUE(store.record(transition(1)));
    const auto list = store.generations().value();
    const std::uint64_t next = list.empty() ? 1 : list.front().number + 1;
    const auto appended = store.append_generation(generation(next));
    ASSERT_TRUE(appended) << appended.error().context;
    expect_same(**store.latest_generation(), generation(next));
    ASSERT_TRUE(store.put_session(session(9)));
  }

  test::TempDir dir_;
  test::FakeClock clock_{{1'795'291'200'000'000'000}};  // 2026-11-21 20:00:00
  std::string path_ = dir_.file("state.db");
};

TEST_F(StateStoreDamage, WhatIsNoDatabaseIsMovedAsideAndSaid) {
  FaultVfs vfs;
  write_file(path_, std::string(5000, 'x'));
  auto opened = StateStore::open(path_, {}, clock_);
  ASSERT_TRUE(opened) << opened.error().context;
  EXPECT_THAT(opened->warning, HasSubstr("was damaged"));
  EXPECT_THAT(opened->warning, HasSubstr(path_ + ".damaged-20261121T200000Z"));
  EXPECT_EQ(read_file(path_ + ".damaged-20261121T200000Z"), std::string(5000, 'x'));
  ASSERT_TRUE(opened->store->append_generation(generation(1)));
  opened->store.reset();
  expect_same(**open_state(path_, clock_)->latest_generation(), generation(1));
}

TEST_F(StateStoreDamage, TheLogGoesWithItsFile) {
  FaultVfs vfs;
  write_file(path_, std::string(5000, 'x'));
  write_file(path_ + "-wal", "a log");
  ASSERT_TRUE(StateStore::open(path_, {}, clock_));
  EXPECT_EQ(read_file(path_ + ".damaged-20261121T200000Z-wal"), "a log");
}

TEST_F(StateStoreDamage, OfManyDamagedFilesTheLastAreKept) {
  FaultVfs vfs;
  for (int i = 0; i < 12; ++i) {
    write_file(path_, std::string(5000, static_cast<char>('a' + i)));
    write_file(path_ + "-wal", "a log");
    if (i % 3 != 0) clock_.advance(std::chrono::seconds(1));  // else two of one second
    ASSERT_TRUE(StateStore::open(path_, {}, clock_));
  }
  EXPECT_EQ(siblings(path_, ".damaged").size(), 2 * 4U);
}

TEST_F(StateStoreDamage, AFlippedByteAnywhereGivesNoWrongData) {
  FaultVfs vfs;
  const std::string sound = sound_file();
  Prng random(20'261'121);
  std::uint64_t moved = 0;
  constexpr std::size_t kHeader = 100;
  for (std::size_t round = 0; round < 500; ++round) {
    const std::size_t at = round < kHeader ? round : random.below(sound.size());
    const auto flip =
        static_cast<char>(round < kHeader ? 1 << random.below(8) : 1 + random.below(255));
    SCOPED_TRACE("byte " + std::to_string(at) + " ^ " + std::to_string(flip));
    remove_all();
    std::string damaged = sound;
    damaged[at] ^= flip;
    write_file(path_, damaged);
    ASSERT_NO_FATAL_FAILURE(expect_survives());
    moved += siblings(path_, ".damaged").size();
  }
  EXPECT_GT(moved, 50U);
  EXPECT_LT(moved, 400U);  // most of a file is texts
}

TEST_F(StateStoreDamage, APieceOverwrittenOrCutOffGivesNoWrongData) {
  FaultVfs vfs;
  const std::string sound = sound_file();
  Prng random(7);
  for (int round = 0; round < 120; ++round) {
    remove_all();
    std::string damaged = sound;
    const std::size_t at = random.below(sound.size());
    if (random.chance(1, 3)) {
      damaged.resize(at);
    } else {
      const std::size_t length = std::min(sound.size() - at, std::size_t{1} << random.below(14));
      for (std::size_t i = 0; i < length; ++i) {
        damaged[at + i] = random.chance(1, 2) ? '\0' : static_cast<char>(random.below(256));
      }
    }
    SCOPED_TRACE("round " + std::to_string(round) + ", at " + std::to_string(at));
    write_file(path_, damaged);
    // An empty file is no damage: it is new.
    if (damaged.empty()) continue;
    ASSERT_NO_FATAL_FAILURE(expect_survives());
  }
}

TEST_F(StateStoreDamage, ADamagedLogGivesAnEarlierStateButNoWrongOne) {
  FaultVfs vfs;
  std::string file;
  std::string log;
  {
    const auto store = open_state(path_, clock_);
    for (std::uint64_t i = 1; i <= kGenerations; ++i) {
      ASSERT_TRUE(store->append_generation(generation(i, i * 500)));
    }
    file = read_file(path_);  // as a kill would leave them
    log = read_file(path_ + "-wal");
  }
  Prng random(3);
  for (int round = 0; round < 120; ++round) {
    const std::size_t at = random.below(log.size());
    SCOPED_TRACE("byte " + std::to_string(at));
    remove_all();
    std::string damaged = log;
    damaged[at] ^= static_cast<char>(1 + random.below(255));
    write_file(path_, file);
    write_file(path_ + "-wal", damaged);
    auto opened = StateStore::open(path_, {}, clock_);
    ASSERT_TRUE(opened) << opened.error().context;
    ASSERT_NO_FATAL_FAILURE(expect_only_truth(*opened->store));
    ASSERT_TRUE(opened->store->append_generation(generation(1000)));
  }
}

TEST_F(StateStoreDamage, AGenerationThatDoesNotFitItsChecksumIsNotGivenOut) {
  FaultVfs vfs;
  std::string content = sound_file();
  const std::size_t at = content.find("# generation 12\n");
  ASSERT_NE(at, std::string::npos);
  content[at + 3] ^= 1;
  write_file(path_, content);
  RecordedWarnings warnings;
  auto opened = StateStore::open(path_, {.observer = &warnings}, clock_);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->warning, "");
  StateStore& store = *opened->store;
  const auto damaged = store.generation(12);
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, ErrorCode::Damaged);
  EXPECT_TRUE(warnings.sentences.empty());
  EXPECT_EQ((*store.latest_generation())->number, 11U);
  EXPECT_EQ(store.newest_generation().value(), 12U) << "damaged, and taken";
  ASSERT_EQ(warnings.sentences.size(), 1U);
  EXPECT_THAT(warnings.sentences[0], HasSubstr("generation 12 is damaged"));
  EXPECT_FALSE(store.generations().value().at(0).sound);
  EXPECT_TRUE(store.generations().value().at(1).sound);
  EXPECT_EQ(store.append_generation(generation(12)).error().code, ErrorCode::Conflict);
  EXPECT_TRUE(store.append_generation(generation(13)));
}

TEST_F(StateStoreDamage, DamagedSessionsAndEntriesAreLeftOutAndSaid) {
  FaultVfs vfs;
  std::string content = sound_file();
  const std::size_t entry = content.find("number 77");
  const std::size_t session_at =
      content.find("# generation 3\n" + session(3).definition.substr(15));
  ASSERT_NE(entry, std::string::npos);
  ASSERT_NE(session_at, std::string::npos);
  content[entry + 8] = '8';
  content[session_at + 100] ^= 1;
  write_file(path_, content);
  RecordedWarnings warnings;
  auto opened = StateStore::open(path_, {.observer = &warnings}, clock_);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->store->sessions().value().size(), 4U);
  EXPECT_EQ(opened->store->newest(0, 1000).value().size(), kTransitions - 1);
  ASSERT_EQ(warnings.sentences.size(), 2U);
  EXPECT_THAT(warnings.sentences[0], HasSubstr("session s3 is damaged"));
  EXPECT_THAT(warnings.sentences[1], HasSubstr("entry 77 of the journal is damaged"));
}

// The pages are read anew after the file was damaged under the open store.
TEST_F(StateStoreDamage, DamageWhileItIsOpenIsFoundSaidAndMended) {
  FaultVfs vfs;
  (void)sound_file();
  RecordedWarnings warnings;
  auto opened = StateStore::open(path_, {.observer = &warnings}, clock_);
  ASSERT_TRUE(opened);
  StateStore& store = *opened->store;
  // More than SQLite keeps in memory, so that old pages are read again.
  for (std::uint64_t i = 0; i < 80; ++i) {
    ASSERT_TRUE(store.put("k" + std::to_string(i), std::string(60'000, 'x')));
  }
  ASSERT_TRUE(warnings.sentences.empty());
  std::string content = read_file(path_);
  for (std::size_t page = 1; page < content.size() / 4096; ++page) {
    content.replace(page * 4096, 8, "damaged!");
  }
  write_file(path_, content);
  for (std::uint64_t i = 0; i < 80 && warnings.sentences.empty(); ++i) {
    ASSERT_TRUE(store.record(transition(i)));
    ASSERT_TRUE(store.get("k" + std::to_string(i)));
  }
  ASSERT_EQ(warnings.sentences.size(), 1U);
  EXPECT_THAT(warnings.sentences[0], HasSubstr(path_ + ".damaged-20261121T200000Z"));
  ASSERT_TRUE(store.append_generation(generation(1)));
  ASSERT_TRUE(store.put("k", "v"));
  opened->store.reset();
  const auto again = open_state(path_, clock_);
  expect_same(**again->latest_generation(), generation(1));
  EXPECT_EQ(again->get("k").value(), "v");
}

TEST_F(StateStoreDamage, ANewerFileIsRefusedAndLeftAsItIs) {
  FaultVfs vfs;
  std::string content = sound_file();
  constexpr std::uint32_t kApplication = 0x77656972;
  const std::uint32_t newer_id = kApplication ^ (2 * 0x9e3779b1U);
  for (std::size_t i = 0; i < 4; ++i) {
    content[60 + i] = static_cast<char>(i == 3 ? 2 : 0);
    content[68 + i] = static_cast<char>(newer_id >> (24 - 8 * i));
  }
  write_file(path_, content);
  write_file(path_ + "-wal", "");
  const auto opened = StateStore::open(path_, {}, clock_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::Unsupported);
  EXPECT_THAT(opened.error().context, HasSubstr("version 2, this one knows 1"));
  EXPECT_EQ(read_file(path_), content);
  EXPECT_TRUE(std::filesystem::exists(path_ + "-wal"));
  EXPECT_TRUE(siblings(path_, ".damaged").empty());
}

TEST_F(StateStoreDamage, AStoreOfAnotherKindIsNotTakenForOne) {
  FaultVfs vfs;
  open_samples(path_, clock_).reset();
  auto opened = StateStore::open(path_, {}, clock_);
  ASSERT_TRUE(opened);
  EXPECT_THAT(opened->warning, HasSubstr("it is no state store of weir"));
}

}  // namespace
}  // namespace weir::storage
