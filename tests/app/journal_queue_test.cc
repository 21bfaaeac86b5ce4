// Rows for the journal by one who does not wait for the disk.
#include "app/engine/journal_queue.h"

#include <condition_variable>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "state/recording_journal.h"
#include "support/fake_clock.h"

namespace weir::app {
namespace {

// A disk that answers when it is told to.
class StalledJournal final : public state::Journal {
 public:
  Result<void> record(const state::TransitionRecord& record) override {
    std::unique_lock lock(mutex_);
    called_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return answers_; });
    return journal.record(record);
  }
  void wait_until_called() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return called_; });
  }
  void answer() {
    const std::lock_guard lock(mutex_);
    answers_ = true;
    changed_.notify_all();
  }
  test::RecordingJournal journal;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool called_ = false;
  bool answers_ = false;
};

TEST(JournalQueue, WhatComesWhileTheDiskStallsIsWrittenInOrderAndABoundIsKept) {
  test::FakeClock clock;
  StalledJournal stalled;
  state::Journaler journaler(stalled, clock);
  {
    JournalQueue queue(journaler);
    EXPECT_TRUE(queue.record({.machine = "first", .from = "a", .event = "go", .to = "b"}).ok());
    stalled.wait_until_called();
    for (std::size_t i = 0; i < JournalQueue::kWaitingMax; ++i) {
      EXPECT_TRUE(
          queue.record({.machine = std::to_string(i), .from = "a", .event = "go", .to = "b"}).ok());
    }
    const auto refused = queue.record({.machine = "too many"});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, ErrorCode::Resource);
    stalled.answer();
  }
  const auto lines = stalled.journal.lines();
  ASSERT_EQ(lines.size(), JournalQueue::kWaitingMax + 1);
  EXPECT_EQ(lines.front(), "first: a -go-> b");
  EXPECT_EQ(lines[1], "0: a -go-> b");
  EXPECT_EQ(lines.back(), "1023: a -go-> b");
}

}  // namespace
}  // namespace weir::app
