#include "simulation/sim_threads.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace weir::test {
namespace {

using std::chrono::milliseconds;

// Real threads, of which this test has its own view: with a simulation in a process of its own.
class Silent final : public SimThreads::Witness {
 public:
  void all_wait_for_ever(const std::string&) override { ::_exit(kStuck); }
  void time_passed(MonotonicTime) override {}
  static constexpr int kStuck = 42;
};

// What the body returns, or kStuck.
template <typename Body>
int in_a_simulation(std::uint64_t seed, Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    Silent witness;
    int result = 0;
    {
      SimThreads threads({.seed = seed, .switches = 256}, witness);
      result = body(threads);
    }
    ::_exit(result);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Which of several threads gets a lock first, each time.
int order_of_turns(SimThreads&) {
  std::mutex mutex;
  unsigned order = 0;
  std::vector<std::thread> threads;
  for (unsigned i = 1; i <= 3; ++i) {
    threads.emplace_back([&, i] {
      for (int turn = 0; turn < 5; ++turn) {
        const std::lock_guard lock(mutex);
        order = order * 31 + i;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return static_cast<int>(order % 40);
}

TEST(SimThreads, TheSameSeedIsTheSameOrder) {
  std::vector<int> seen;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const int first = in_a_simulation(seed, order_of_turns);
    EXPECT_EQ(in_a_simulation(seed, order_of_turns), first);
    seen.push_back(first);
  }
  EXPECT_GT(std::set<int>(seen.begin(), seen.end()).size(), 4U) << "other seeds, other orders";
}

TEST(SimThreads, ADayPassesWhenAllSleep) {
  const auto day = [](SimThreads& threads) {
    const MonotonicTime before = threads.monotonic();
    std::thread other([] { std::this_thread::sleep_for(std::chrono::hours(24)); });
    other.join();
    const Duration passed = threads.monotonic() - before;
    return passed >= std::chrono::hours(24) && passed < std::chrono::hours(24) + milliseconds(1);
  };
  EXPECT_EQ(in_a_simulation(1, day), 1);
}

TEST(SimThreads, AConditionEndsByItsSignalOrItsTime) {
  const auto waits = [](SimThreads& threads) {
    std::mutex mutex;
    std::condition_variable changed;
    bool told = false;
    std::unique_lock lock(mutex);
    const MonotonicTime before = threads.monotonic();
    const bool in_time = changed.wait_for(lock, milliseconds(30), [&] { return told; });
    const bool took_so_long = threads.monotonic() - before >= milliseconds(30);
    std::thread teller([&] {
      const std::lock_guard tells(mutex);
      told = true;
      changed.notify_one();
    });
    changed.wait(lock, [&] { return told; });
    lock.unlock();
    teller.join();
    return !in_time && took_so_long ? 1 : 0;
  };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) EXPECT_EQ(in_a_simulation(seed, waits), 1);
}

TEST(SimThreads, AWordIsWaitedForAndToldOf) {
  const auto waits = [](SimThreads&) {
    std::atomic<std::uint32_t> word = 0;
    std::thread teller([&] {
      word.store(1);
      word.notify_all();
    });
    word.wait(0);
    teller.join();
    return static_cast<int>(word.load());
  };
  for (std::uint64_t seed = 1; seed <= 20; ++seed) EXPECT_EQ(in_a_simulation(seed, waits), 1);
}

TEST(SimThreads, ADescriptorIsSeenWhenAnotherThreadWritesToIt) {
  const auto waits = [](SimThreads& threads) {
    int ends[2] = {-1, -1};
    if (::pipe(ends) != 0) return 0;
    std::thread writer([&] {
      std::this_thread::sleep_for(milliseconds(50));
      if (::write(ends[1], "x", 1) != 1) std::abort();
    });
    pollfd fd{ends[0], POLLIN, 0};
    const MonotonicTime before = threads.monotonic();
    const int too_early = ::poll(&fd, 1, 10);
    const int there = ::poll(&fd, 1, 1'000);
    const Duration passed = threads.monotonic() - before;
    writer.join();
    return too_early == 0 && there == 1 && passed < milliseconds(100) ? 1 : 0;
  };
  EXPECT_EQ(in_a_simulation(7, waits), 1);
}

TEST(SimThreads, TwoThatWaitForEachOtherAreFoundOut) {
  const auto embrace = [](SimThreads& threads) {
    std::mutex one;
    std::mutex two;
    std::thread other([&] {
      const std::lock_guard first(two);
      threads.sleep_for(milliseconds(1));
      const std::lock_guard second(one);
    });
    {
      const std::lock_guard first(one);
      threads.sleep_for(milliseconds(1));
      const std::lock_guard second(two);
    }
    other.join();
    return 0;
  };
  EXPECT_EQ(in_a_simulation(1, embrace), Silent::kStuck);
}

TEST(SimThreads, AFrozenThreadGetsNoTurnUntilItsTime) {
  const auto freezes = [](SimThreads& threads) {
    std::atomic<bool> done = false;
    std::thread slow([&] {
      ::pthread_setname_np(::pthread_self(), "slow");
      threads.sleep_for(milliseconds(1));
      done = true;
    });
    threads.sleep_for(Duration(1));
    threads.freeze("slow", threads.monotonic() + milliseconds(100));
    threads.sleep_for(milliseconds(90));
    const bool too_early = done;
    threads.sleep_for(milliseconds(20));
    const bool in_time = done;
    slow.join();
    return !too_early && in_time ? 1 : 0;
  };
  EXPECT_EQ(in_a_simulation(1, freezes), 1);
}

TEST(SimThreads, OutsideOfASimulationAllIsAsItAlwaysIs) {
  std::mutex mutex;
  std::condition_variable changed;
  bool told = false;
  std::thread teller([&] {
    const std::lock_guard lock(mutex);
    told = true;
    changed.notify_one();
  });
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return told; });
  lock.unlock();
  teller.join();
  EXPECT_EQ(SimThreads::of_this_thread(), nullptr);
  EXPECT_GT(SystemClock().wall().ns, std::int64_t{1'700'000'000} * 1'000'000'000);
}

}  // namespace
}  // namespace weir::test
