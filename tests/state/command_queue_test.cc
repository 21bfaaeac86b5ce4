#include "state/command_queue.h"

#include <poll.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "recording_journal.h"
#include "support/fake_clock.h"

namespace weir::state {
namespace {

using namespace std::chrono_literals;

// Runs what a test gives it.
template <typename Run>
class Action final : public CommandAction {
 public:
  explicit Action(Run run) : run_(std::move(run)) {}
  Result<CommandOutcome> run() override { return run_(); }

 private:
  Run run_;
};
template <typename Run>
std::unique_ptr<CommandAction> action(Run run) {
  return std::make_unique<Action<Run>>(std::move(run));
}
std::unique_ptr<CommandAction> nothing() {
  return action([] { return Result<CommandOutcome>(CommandOutcome{}); });
}

class CommandQueueTest : public ::testing::Test {
 protected:
  static CommandRequest pause(std::string who = "alice", Duration deadline = 1min) {
    return {.who = std::move(who), .name = "session.pause", .object = "web", .deadline = deadline};
  }
  std::unique_ptr<CommandQueue> opened(const CommandQueue::Options& options = {}) {
    auto queue = CommandQueue::open(journaler_, options);
    EXPECT_TRUE(queue);
    return std::move(queue).value();
  }
  // Readiness without waiting, or waiting at most a minute.
  static bool readable(const CommandQueue& queue, int timeout_ms = 0) {
    pollfd fd{.fd = queue.fd(), .events = POLLIN, .revents = 0};
    return ::poll(&fd, 1, timeout_ms) == 1;
  }
  // As the engine's loop does.
  static void run_next(CommandQueue& queue) {
    do {
      ASSERT_TRUE(readable(queue, 60'000));
    } while (queue.run_pending() == 0);
  }

  test::RecordingJournal journal_;
  test::FakeClock clock_;
  Journaler journaler_{journal_, clock_};
  std::unique_ptr<CommandQueue> queue_ = opened();
};

TEST_F(CommandQueueTest, CarriesOutACommandAndGivesItsOutcomeAndId) {
  Result<CommandDone> done = Error{};
  std::thread submitter([&] {
    done = queue_->submit(pause(), action([] {
                            return Result<CommandOutcome>(CommandOutcome{
                                .generation = 4, .message = "paused", .needs_restart = {"x"}});
                          }));
  });
  run_next(*queue_);
  submitter.join();
  ASSERT_TRUE(done) << done.error().context;
  EXPECT_EQ(done->id, 1u);
  EXPECT_EQ(done->outcome.generation, 4u);
  EXPECT_EQ(done->outcome.needs_restart, std::vector<std::string>{"x"});
  ASSERT_EQ(journal_.records().size(), 1u);
  const TransitionRecord record = journal_.records()[0];
  EXPECT_EQ(record.machine, "command 1");
  EXPECT_EQ(record.event, "session.pause web");
  EXPECT_EQ(record.to, "done");
  EXPECT_EQ(record.who, "alice");
  EXPECT_EQ(record.why, "paused");
  EXPECT_EQ(queue_->done(), 1u);
}

TEST_F(CommandQueueTest, GivesTheErrorOfWhatIsRefused) {
  Result<CommandDone> done = Error{};
  std::thread submitter([&] {
    done = queue_->submit(pause(), action([] {
                            return Result<CommandOutcome>(
                                Error{.code = ErrorCode::Conflict, .context = "it is paused"});
                          }));
  });
  run_next(*queue_);
  submitter.join();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::Conflict);
  EXPECT_EQ(journal_.records().at(0).to, "refused");
  EXPECT_EQ(journal_.records().at(0).why, "refused: it is paused");
  EXPECT_EQ(queue_->refused(), 1u);
}

TEST_F(CommandQueueTest, WithdrawsWhatHasNotBegunByItsDeadline) {
  bool ran = false;
  const auto done = queue_->submit(pause("alice", 1ms), action([&ran] {
                                     ran = true;
                                     return Result<CommandOutcome>(CommandOutcome{});
                                   }));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::TimedOut);
  EXPECT_EQ(done.error().context,
            "session.pause web: not begun within 1 ms and withdrawn (the engine is busy; try "
            "again)");
  EXPECT_EQ(queue_->run_pending(), 0u);
  EXPECT_FALSE(ran);
  EXPECT_EQ(journal_.lines(),
            (std::vector<std::string>{"command 1: waiting -session.pause web-> timed_out"}));
  EXPECT_EQ(queue_->timed_out(), 1u);
}

TEST_F(CommandQueueTest, WhatHasBegunGoesOnBehindItsDeadline) {
  std::binary_semaphore given_up(0);
  std::atomic<bool> over = false;
  std::thread engine([&] {
    while (!over) {
      if (readable(*queue_, 10)) queue_->run_pending();
    }
  });
  // On a machine so busy that the engine does not begin in time: again, with more time.
  std::string told;
  for (Duration deadline = 20ms; deadline < 20s; deadline *= 2) {
    const auto done =
        queue_->submit(pause("alice", deadline), action([&] {
                         given_up.acquire();
                         return Result<CommandOutcome>(CommandOutcome{.message = "late"});
                       }));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::TimedOut);
    told = done.error().context;
    if (told.find("withdrawn") == std::string::npos) break;
  }
  given_up.release();
  over = true;
  engine.join();
  const TransitionRecord last = journal_.records().back();
  const std::string id = last.machine.substr(std::string("command ").size());
  EXPECT_NE(told.find("it has begun and goes on (see command " + id + " in the journal)"),
            std::string::npos)
      << told;
  EXPECT_EQ(last.to, "done");
  EXPECT_EQ(last.why, "late");
}

TEST_F(CommandQueueTest, RefusesWhatIsTooMuch) {
  queue_ = opened({.waiting_max = 2, .first_id = 100});
  EXPECT_EQ(*queue_->post(pause(), nothing()), 100u);
  EXPECT_EQ(*queue_->post(pause(), nothing()), 101u);
  const auto third = queue_->submit(pause(), nothing());
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::Resource);
  EXPECT_EQ(queue_->turned_away(), 1u);
  EXPECT_EQ(queue_->run_pending(), 2u);
  EXPECT_TRUE(queue_->post(pause(), nothing()));
}

TEST_F(CommandQueueTest, AWithdrawnCommandHoldsNoPlace) {
  queue_ = opened({.waiting_max = 1});
  EXPECT_FALSE(queue_->submit(pause("alice", 0ms), nothing()));
  EXPECT_TRUE(queue_->post(pause(), nothing()));
  EXPECT_FALSE(queue_->post(pause(), nothing()));
  EXPECT_EQ(queue_->run_pending(), 1u);
}

TEST_F(CommandQueueTest, IsReadableWhileThereIsSomethingToDo) {
  EXPECT_FALSE(readable(*queue_));
  ASSERT_TRUE(queue_->post(pause(), nothing()));
  EXPECT_TRUE(readable(*queue_));
  queue_->run_pending();
  EXPECT_FALSE(readable(*queue_));
}

TEST_F(CommandQueueTest, LeavesForTheNextTurnWhatACommandHandsIn) {
  ASSERT_TRUE(queue_->post(pause(), action([this] {
                             EXPECT_TRUE(queue_->post(pause("bob"), nothing()));
                             return Result<CommandOutcome>(CommandOutcome{});
                           })));
  EXPECT_EQ(queue_->run_pending(), 1u);
  EXPECT_TRUE(readable(*queue_));
  EXPECT_EQ(queue_->run_pending(), 1u);
}

TEST_F(CommandQueueTest, RefusesWhatWaitsAndWhatComesOnceTheEngineEnds) {
  Result<CommandDone> done = CommandDone{};
  std::thread submitter([&] { done = queue_->submit(pause(), nothing()); });
  ASSERT_TRUE(readable(*queue_, 60'000));
  queue_->close();
  submitter.join();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::Conflict);
  EXPECT_EQ(journal_.lines(),
            (std::vector<std::string>{"command 1: waiting -session.pause web-> refused"}));
  const auto after = queue_->submit(pause(), nothing());
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, ErrorCode::Conflict);
  EXPECT_EQ(queue_->run_pending(), 0u);
}

// Two operators, each of whom wants a session of the same name: exactly one has it.
TEST_F(CommandQueueTest, TwoOperatorsAtOnceAreServedOneAfterTheOther) {
  constexpr int kRounds = 200;
  int inside = 0;
  std::vector<bool> taken(kRounds);
  std::atomic<int> won{0};
  std::atomic<int> lost{0};
  const auto operate = [&](const std::string& who) {
    for (int round = 0; round < kRounds; ++round) {
      const auto done = queue_->submit(
          pause(who), action([&, round] {
            EXPECT_EQ(++inside, 1);
            const bool first = !taken[static_cast<std::size_t>(round)];
            taken[static_cast<std::size_t>(round)] = true;
            --inside;
            if (first) return Result<CommandOutcome>(CommandOutcome{});
            return Result<CommandOutcome>(Error{.code = ErrorCode::Exists, .context = "taken"});
          }));
      ++(done ? won : lost);
    }
  };
  std::thread alice(operate, "alice");
  std::thread bob(operate, "bob");
  std::size_t ran = 0;
  while (ran < 2 * kRounds) {
    ASSERT_TRUE(readable(*queue_, 60'000));
    ran += queue_->run_pending();
  }
  alice.join();
  bob.join();
  EXPECT_EQ(won, kRounds);
  EXPECT_EQ(lost, kRounds);
  ASSERT_EQ(journal_.records().size(), 2u * kRounds);
  for (std::size_t i = 0; i < journal_.records().size(); ++i) {
    ASSERT_EQ(journal_.records()[i].machine, "command " + std::to_string(i + 1));
  }
}

// Deadlines that pass while the engine begins: every command ends in exactly one way, and its
// submitter and the journal agree.
TEST_F(CommandQueueTest, SubmitterAndJournalAgreeWhenDeadlinesRaceWithTheEngine) {
  constexpr int kThreads = 6;
  constexpr int kEach = 150;
  std::atomic<std::uint64_t> ran{0};
  std::atomic<std::uint64_t> withdrawn{0};
  std::atomic<std::uint64_t> waited{0};
  std::atomic<std::uint64_t> went_on{0};
  std::atomic<int> left{kThreads};
  std::vector<std::thread> submitters;
  for (int t = 0; t < kThreads; ++t) {
    submitters.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const auto done = queue_->submit(
            pause("t", std::chrono::microseconds((t * 31 + i * 7) % 200)), action([&ran] {
              ++ran;
              return Result<CommandOutcome>(CommandOutcome{});
            }));
        if (done) {
          ++waited;
        } else if (done.error().context.find("withdrawn") != std::string::npos) {
          ++withdrawn;
        } else {
          ++went_on;
        }
      }
      --left;
    });
  }
  while (left != 0) queue_->run_pending();
  for (auto& submitter : submitters) submitter.join();
  queue_->run_pending();
  EXPECT_EQ(ran, waited + went_on);
  EXPECT_EQ(ran + withdrawn, static_cast<std::uint64_t>(kThreads) * kEach);
  EXPECT_EQ(queue_->done(), ran);
  EXPECT_EQ(queue_->timed_out(), withdrawn);
  EXPECT_EQ(journal_.records().size(), static_cast<std::size_t>(kThreads) * kEach);
}

}  // namespace
}  // namespace weir::state
