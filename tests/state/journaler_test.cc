#include "state/journaler.h"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "recording_journal.h"
#include "state/session_state.h"
#include "support/fake_clock.h"

namespace weir::state {
namespace {

using namespace std::chrono_literals;

class Watcher final : public JournalWatcher {
 public:
  void recorded(const TransitionRecord& record) noexcept override { seen.push_back(record.event); }
  void journal_failed(const Error& error) noexcept override { failed.push_back(error.context); }
  void journal_recovered(std::uint64_t late, std::uint64_t lost) noexcept override {
    recovered.emplace_back(late, lost);
  }
  std::vector<std::string> seen;
  std::vector<std::string> failed;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> recovered;
};

class JournalerTest : public ::testing::Test {
 protected:
  void record(const std::string& event) {
    journaler_.record({.machine = "engine", .from = "a", .event = event, .to = "b", .cause = {}});
  }
  std::vector<std::string> events() const {
    std::vector<std::string> events;
    for (const auto& record : journal_.records()) events.push_back(record.event);
    return events;
  }

  test::RecordingJournal journal_;
  test::FakeClock clock_;
  Watcher watcher_;
  Journaler journaler_{journal_, clock_, &watcher_, {.waiting_max = 3, .retry_interval = 1s}};
};

using Events = std::vector<std::string>;

TEST_F(JournalerTest, WritesWhoMovedWhatFromWhereToWhereWhyAndWhen) {
  journaler_.set_generation(7);
  MoveRecorder recorder(journaler_, "session web");
  SessionMachine session(&recorder);
  session.handle(SessionEvent::Open, {.who = "alice (uid 1000)", .why = "she asked"});
  ASSERT_EQ(journal_.records().size(), 1u);
  EXPECT_EQ(journal_.records()[0], (TransitionRecord{.when = clock_.wall(),
                                                     .machine = "session web",
                                                     .from = "created",
                                                     .event = "open",
                                                     .to = "opening",
                                                     .who = "alice (uid 1000)",
                                                     .why = "she asked",
                                                     .generation = 7}));
  EXPECT_EQ(journaler_.written(), 1u);
}

TEST_F(JournalerTest, SaysWhenATransitionIsAFault) {
  MoveRecorder recorder(journaler_, "session web");
  SessionMachine session(&recorder);
  session.handle(SessionEvent::Open);
  session.handle(SessionEvent::Opened);
  session.handle(SessionEvent::Opened, {.who = "engine", .why = "twice"});
  const TransitionRecord last = journal_.records().back();
  EXPECT_EQ(last.to, "closing");
  EXPECT_EQ(last.event, "opened");
  EXPECT_EQ(last.why, "not expected in this state: a fault in weir; twice");
}

TEST_F(JournalerTest, KeepsWhatCannotBeWrittenAndWritesItLaterInOrder) {
  record("1");
  journal_.set_full(true);
  record("2");
  record("3");
  EXPECT_EQ(journaler_.waiting(), 2u);
  journal_.set_full(false);
  record("4");
  EXPECT_EQ(events(), Events({"1"})) << "not tried again before its time";
  clock_.advance(1s);
  journaler_.retry();
  EXPECT_EQ(events(), Events({"1", "2", "3", "4"}));
  record("5");
  EXPECT_EQ(events().back(), "5");
  EXPECT_EQ(journaler_.waiting(), 0u);
  EXPECT_EQ(journaler_.lost(), 0u);
  EXPECT_EQ(watcher_.seen, Events({"1", "2", "3", "4", "5"})) << "told when they happened";
}

TEST_F(JournalerTest, ANewRecordAlsoEndsAnOutage) {
  journal_.set_full(true);
  record("1");
  journal_.set_full(false);
  clock_.advance(1s);
  record("2");
  EXPECT_EQ(events(), Events({"1", "2"}));
}

TEST_F(JournalerTest, TellsOnceThatItFailsAndOnceThatItWorksAgain) {
  for (std::size_t outage = 0; outage < 2; ++outage) {
    journal_.set_full(true);
    record("x");
    for (int i = 0; i < 10; ++i) {
      clock_.advance(1s);
      journaler_.retry();
      record("y");
    }
    EXPECT_EQ(watcher_.failed.size(), outage + 1);
    EXPECT_EQ(watcher_.failed.back(), "write journal: disk full");
    EXPECT_EQ(watcher_.recovered.size(), outage);
    journal_.set_full(false);
    clock_.advance(1s);
    journaler_.retry();
    ASSERT_EQ(watcher_.recovered.size(), outage + 1);
    EXPECT_EQ(watcher_.recovered.back(), (std::pair<std::uint64_t, std::uint64_t>(3, 8)));
  }
}

TEST_F(JournalerTest, LosesTheOldestCountsThemAndSaysSoInTheJournal) {
  journal_.set_full(true);
  for (const char* event : {"1", "2", "3", "4", "5"}) record(event);
  EXPECT_EQ(journaler_.waiting(), 3u);
  EXPECT_EQ(journaler_.lost(), 2u);
  journal_.set_full(false);
  clock_.advance(1s);
  journaler_.retry();
  EXPECT_EQ(events(), Events({"3", "4", "5", "recovered"}));
  EXPECT_EQ(journal_.records().back().why,
            "2 records were lost before these 3 while it could not be written");
}

TEST_F(JournalerTest, AsksAFailingDiskOnceASecond) {
  journal_.set_full(true);
  for (int i = 0; i < 100; ++i) record("x");
  EXPECT_EQ(journal_.attempts(), 1u);
  clock_.advance(1s);
  for (int i = 0; i < 100; ++i) journaler_.retry();
  EXPECT_EQ(journal_.attempts(), 2u);
  EXPECT_EQ(journaler_.failures(), 2u);
}

}  // namespace
}  // namespace weir::state
