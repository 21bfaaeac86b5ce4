// The store of state does what its header says; random operations against a model.
#include "storage/state_store.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "stores.h"

namespace weir::storage {
namespace {

using testing::HasSubstr;

class StateStoreTest : public testing::Test {
 protected:
  void reopen() {
    store_.reset();
    store_ = open_state(path_, clock_, options_);
    ASSERT_TRUE(store_);
  }
  void SetUp() override { reopen(); }

  test::TempDir dir_;
  test::FakeClock clock_;
  StateStoreOptions options_;
  std::string path_ = dir_.file("state.db");
  std::unique_ptr<StateStore> store_;
};

TEST_F(StateStoreTest, BelongsToItsOwnerAlone) {
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  ASSERT_TRUE(store_->put("key", "value"));
  ASSERT_EQ(::stat((path_ + "-wal").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
  store_.reset();
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  reopen();
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(StateStoreTest, KeepsTransitionsInTheirOrder) {
  for (std::uint64_t i = 1; i <= 5; ++i) {
    EXPECT_EQ(store_->append(transition(i)).value(), i);
  }
  ASSERT_TRUE(store_->record(transition(6)));
  reopen();
  const auto newest = store_->newest(0, 4).value();
  ASSERT_EQ(newest.size(), 4U);
  EXPECT_EQ(newest[0].id, 6U);
  EXPECT_EQ(newest[0].transition.why, "number 6");
  EXPECT_EQ(newest[0].transition.machine, "session s6");
  EXPECT_EQ(newest[0].transition.from, "running");
  EXPECT_EQ(newest[0].transition.event, "pause");
  EXPECT_EQ(newest[0].transition.to, "paused");
  EXPECT_EQ(newest[0].transition.who, "alice (uid 1000)");
  EXPECT_EQ(newest[0].transition.generation, 6U);
  EXPECT_EQ(newest[0].transition.when, transition(6).when);
  const auto before = store_->newest(newest.back().id, 10).value();
  ASSERT_EQ(before.size(), 2U);
  EXPECT_EQ(before[0].id, 2U);
  EXPECT_TRUE(store_->newest(1, 10).value().empty());
}

TEST_F(StateStoreTest, TheOldestTransitionsGoAndNoIdIsUsedAgain) {
  options_.journal_rows_max = 40;
  reopen();
  for (std::uint64_t i = 1; i <= 1000; ++i) {
    ASSERT_EQ(store_->append(transition(i)).value(), i);
    const auto all = store_->newest(0, 10'000).value();
    ASSERT_LE(all.size(), 40U);
    ASSERT_GE(all.size(), std::min<std::uint64_t>(i, 37));
    ASSERT_EQ(all.front().id, i);
  }
  options_.journal_rows_max = 3;
  reopen();
  EXPECT_EQ(store_->append(transition(1001)).value(), 1001U);
  EXPECT_EQ(store_->newest(0, 10'000).value().size(), 3U);
}

TEST_F(StateStoreTest, WordsOfATransitionAreCutBetweenCharacters) {
  auto record = transition(1);
  record.why = std::string(kJournalWordBytesMax - 1, 'x') + "\xc3\xa4" + std::string(100'000, 'y');
  ASSERT_TRUE(store_->record(record));
  EXPECT_EQ(store_->newest(0, 1).value().at(0).transition.why,
            std::string(kJournalWordBytesMax - 1, 'x'));
}

TEST_F(StateStoreTest, GenerationsGrowAndComeBack) {
  EXPECT_FALSE(store_->latest_generation().value());
  ASSERT_TRUE(store_->append_generation(generation(3)));
  ASSERT_TRUE(store_->append_generation(generation(7, 100'000)));
  for (const std::uint64_t number : {7U, 3U, 5U}) {
    const auto refused = store_->append_generation(generation(number));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::Conflict);
    EXPECT_THAT(refused.error().context, HasSubstr("the last one is 7"));
  }
  reopen();
  expect_same(*store_->latest_generation().value(), generation(7, 100'000));
  expect_same(store_->generation(3).value(), generation(3));
  const auto missing = store_->generation(5);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  const auto list = store_->generations().value();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].number, 7U);
  EXPECT_EQ(list[0].toml_bytes, 100'000U);
  EXPECT_TRUE(list[0].sound);
  EXPECT_EQ(list[1].number, 3U);
}

TEST_F(StateStoreTest, ImpossibleGenerationsAreRefused) {
  for (const std::uint64_t number : {std::uint64_t{0}, ~std::uint64_t{0}}) {
    EXPECT_EQ(store_->append_generation(generation(number)).error().code, ErrorCode::Usage);
  }
  auto large = generation(1);
  large.toml.assign(kConfigurationBytesMax + 1, 'x');
  const auto refused = store_->append_generation(large);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Usage);
  EXPECT_THAT(refused.error().context, HasSubstr("at most 16777216"));
  EXPECT_FALSE(store_->latest_generation().value());
}

TEST_F(StateStoreTest, OldGenerationsGoButNeverTheLastTwo) {
  options_.generations_max = 2;
  reopen();
  for (std::uint64_t number = 10; number <= 100; number += 10) {
    ASSERT_TRUE(store_->append_generation(generation(number)));
    if (number == 10) continue;
    const auto list = store_->generations().value();
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].number, number);
    EXPECT_EQ(list[1].number, number - 10);
  }
}

TEST_F(StateStoreTest, SessionsArePutAndErased) {
  const SessionRecord all{.name = "all",
                          .origin = "config",
                          .definition = "name = \"all\"\n",
                          .state = "running",
                          .changed = {5}};
  SessionRecord web = all;
  web.name = std::string("web\0x", 5);
  ASSERT_TRUE(store_->put_session(web));
  ASSERT_TRUE(store_->put_session(all));
  web.state = "paused";
  ASSERT_TRUE(store_->put_session(web));
  reopen();
  EXPECT_EQ(store_->sessions().value(), (std::vector<SessionRecord>{all, web}));
  ASSERT_TRUE(store_->erase_session("all"));
  ASSERT_TRUE(store_->erase_session("never was"));
  EXPECT_EQ(store_->sessions().value(), std::vector<SessionRecord>{web});
  web.definition.assign(kSessionBytesMax, 'x');
  EXPECT_EQ(store_->put_session(web).error().code, ErrorCode::Usage);
}

TEST_F(StateStoreTest, ValuesHaveALimitAndComeBackByteByByte) {
  std::string value(kValueBytesMax, '\0');
  Prng random(1);
  for (char& c : value) c = static_cast<char>(random.below(256));
  ASSERT_TRUE(store_->put("policy", value));
  ASSERT_TRUE(store_->put("empty", ""));
  reopen();
  EXPECT_EQ(store_->get("policy").value(), value);
  EXPECT_EQ(store_->get("empty").value(), "");
  EXPECT_EQ(store_->get("nothing").value(), std::nullopt);
  EXPECT_EQ(store_->put("policy", value + "x").error().code, ErrorCode::Usage);
  EXPECT_EQ(store_->put(std::string(kKeyBytesMax + 1, 'k'), "").error().code, ErrorCode::Usage);
  EXPECT_EQ(store_->get("policy").value(), value);
}

TEST_F(StateStoreTest, TheNumberOfValuesIsBounded) {
  for (std::size_t i = 0; i < kKeysMax; ++i) {
    ASSERT_TRUE(store_->put("key " + std::to_string(i), "x"));
  }
  EXPECT_EQ(store_->put("one more", "x").error().code, ErrorCode::Resource);
  EXPECT_TRUE(store_->put("key 7", "y"));
  EXPECT_EQ(store_->get("key 7").value(), "y");
}

TEST_F(StateStoreTest, OnlyOneOpensIt) {
  const auto second = StateStore::open(path_, {}, clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::Exists);
  EXPECT_THAT(second.error().context, HasSubstr("process " + std::to_string(::getpid())));
  EXPECT_THAT(second.error().context, HasSubstr(path_));
  ASSERT_TRUE(store_->put("still", "mine"));
  reopen();
  EXPECT_EQ(store_->get("still").value(), "mine");
}

TEST_F(StateStoreTest, AFolderThatIsNotThereIsNamed) {
  const auto opened = StateStore::open(dir_.file("no/state.db"), {}, clock_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::NotFound);
  EXPECT_THAT(opened.error().context, HasSubstr("the folder must exist"));
}

TEST_F(StateStoreTest, AFolderInItsPlaceIsNoFile) {
  std::filesystem::create_directory(dir_.file("folder.db"));
  const auto opened = StateStore::open(dir_.file("folder.db"), {}, clock_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::Io) << opened.error().context;
}

// In a child, which gives its rights up.
TEST_F(StateStoreTest, WithoutRightsItIsLeftAlone) {
  ASSERT_TRUE(store_->put("key", "value"));
  store_.reset();
  const std::string before = read_file(path_);
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0777), 0);
  ASSERT_EQ(::chmod((path_ + ".lock").c_str(), 0666), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65'534) != 0 || ::setuid(65'534) != 0) ::_exit(3);
    const auto opened = StateStore::open(path_, {}, clock_);
    ::_exit(!opened && opened.error().code == ErrorCode::Permission ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(read_file(path_), before);
  EXPECT_TRUE(siblings(path_, ".damaged").empty());
}

TEST_F(StateStoreTest, ThreadsTakeTurns) {
  constexpr std::uint64_t kEach = 50;
  std::vector<std::thread> threads;
  std::vector<int> failures(4, 0);
  for (std::size_t t = 0; t < failures.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < kEach; ++i) {
        const std::string key = "thread " + std::to_string(t);
        const bool fine = store_->record(transition(i)) && store_->put(key, std::to_string(i)) &&
                          store_->get(key).value() == std::to_string(i) && store_->newest(0, 5);
        failures[t] += fine ? 0 : 1;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(failures, std::vector<int>(4, 0));
  EXPECT_EQ(store_->newest(0, 1000).value().size(), 4 * kEach);
}

// What a store should hold, as plain containers.
struct Model {
  std::vector<std::string> journal;  // why of each; id = index + 1
  std::map<std::uint64_t, std::string> generations;
  std::map<std::string, SessionRecord> sessions;
  std::map<std::string, std::string> values;

  void expect_in(StateStore& store) const {
    const auto newest = store.newest(0, 1000).value();
    ASSERT_LE(newest.size(), journal.size());
    for (std::size_t i = 0; i < newest.size(); ++i) {
      ASSERT_EQ(newest[i].id, journal.size() - i);
      ASSERT_EQ(newest[i].transition.why, journal[journal.size() - i - 1]);
    }
    const auto list = store.generations().value();
    ASSERT_EQ(list.size(), generations.size());
    auto expected = generations.rbegin();
    for (const auto& summary : list) {
      ASSERT_EQ(summary.number, expected->first);
      ASSERT_EQ(store.generation(summary.number).value().toml, (expected++)->second);
    }
    std::vector<SessionRecord> records;
    for (const auto& [name, record] : sessions) records.push_back(record);
    ASSERT_EQ(store.sessions().value(), records);
    for (const auto& [key, value] : values) ASSERT_EQ(store.get(key).value(), value);
  }
};

TEST_F(StateStoreTest, RandomOperationsAgreeWithAModel) {
  options_ = {.journal_rows_max = 60, .generations_max = 5};
  reopen();
  Prng random(20'261'121);
  Model model;
  std::uint64_t number = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::uint64_t what = random.below(100);
    if (what < 40) {
      auto record = transition(1);
      record.why = random_text(random, 50);
      ASSERT_EQ(store_->append(record).value(), model.journal.size() + 1);
      model.journal.push_back(record.why);
    } else if (what < 55) {
      Generation added = generation(number += 1 + random.below(3));
      added.toml = random_text(random, 20'000);
      ASSERT_TRUE(store_->append_generation(added));
      model.generations[number] = added.toml;
      if (model.generations.size() > 5) model.generations.erase(model.generations.begin());
    } else if (what < 75) {
      const std::string name = "s" + std::to_string(random.below(12));
      SessionRecord record{.name = name,
                           .origin = random.chance(1, 2) ? "api" : "config",
                           .definition = random_text(random, 3000),
                           .state = random_text(random, 10),
                           .changed = {static_cast<std::int64_t>(random.next())}};
      ASSERT_TRUE(store_->put_session(record));
      model.sessions[name] = record;
    } else if (what < 82) {
      const std::string name = "s" + std::to_string(random.below(12));
      ASSERT_TRUE(store_->erase_session(name));
      model.sessions.erase(name);
    } else if (what < 95) {
      const std::string key = "k" + std::to_string(random.below(9));
      model.values[key] = random_text(random, 6000);
      ASSERT_TRUE(store_->put(key, model.values[key]));
    } else {
      ASSERT_NO_FATAL_FAILURE(reopen());
      ASSERT_NO_FATAL_FAILURE(model.expect_in(*store_));
    }
  }
  ASSERT_NO_FATAL_FAILURE(model.expect_in(*store_));
}

}  // namespace
}  // namespace weir::storage
