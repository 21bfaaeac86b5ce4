// Engines of random modules with random failures, under a fake clock. Whatever happens: nothing
// starts before what it needs is up, nothing stops before what needs it is down, no wait is shorter
// than stated, and a module is given up at exactly its number of failures.
#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "recording_journal.h"
#include "sham_module.h"
#include "state/supervisor.h"
#include "support/fake_clock.h"

namespace weir::state {
namespace {

using namespace std::chrono_literals;
using test::ShamModule;
using Way = ShamModule::Way;

struct Part {
  std::unique_ptr<ShamModule> module;
  ModulePlan plan;
};

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed) : prng_(seed), supervisor_(journaler_, {.seed = seed}) {
    const std::size_t count = 2 + prng_.below(7);
    for (std::size_t i = 0; i < count; ++i) {
      Part& part = parts_.emplace_back();
      part.module = std::make_unique<ShamModule>("m" + std::to_string(i));
      part.plan = random_plan(i);
    }
    // Handed in in any order.
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < count; ++i) {
      order.insert(order.begin() + static_cast<std::ptrdiff_t>(prng_.below(i + 1)), i);
    }
    for (const std::size_t i : order) {
      EXPECT_TRUE(supervisor_.add(*parts_[i].module, parts_[i].plan));
    }
  }

  [[nodiscard]] std::size_t count_of(std::string_view state) const {
    std::size_t count = 0;
    for (const TransitionRecord& record : journal_.records()) count += record.to == state ? 1u : 0u;
    return count;
  }

  void run() {
    ASSERT_TRUE(supervisor_.start(clock_.monotonic(), {.who = "simulation"}));
    for (int i = 0; i < 400 && !supervisor_.ended(); ++i) {
      if (i == 350) supervisor_.drain(clock_.monotonic(), {.who = "simulation"});
      change_something();
      step();
      if (::testing::Test::HasFatalFailure()) return;
    }
    ASSERT_TRUE(supervisor_.ended());
    for (const Part& part : parts_) ASSERT_EQ(part.module->misuse, "");
    check_journal();
  }

 private:
  ModulePlan random_plan(std::size_t i) {
    ModulePlan plan{
        .criticality = prng_.chance(1, 4) ? Criticality::Critical : Criticality::Optional,
        .start_limit = std::chrono::milliseconds(100 + prng_.below(2000)),
        .stop_limit = std::chrono::milliseconds(100 + prng_.below(2000)),
        .grace = std::chrono::milliseconds(prng_.below(3000)),
        .failures_max = 1 + prng_.below(6),
        .failure_window = std::chrono::seconds(1 + prng_.below(60))};
    for (std::size_t other = 0; other < i; ++other) {
      const bool weak = plan.criticality == Criticality::Critical &&
                        parts_[other].plan.criticality == Criticality::Optional;
      if (!weak && prng_.chance(1, 3)) {
        plan.needs.push_back("m" + std::to_string(other));
      } else if (prng_.chance(1, 5)) {
        plan.after.push_back("m" + std::to_string(other));
      }
    }
    return plan;
  }

  Way random_way() {
    if (prng_.chance(1, 6)) return Way::Never;
    if (prng_.chance(1, 4)) return Way::WithError;
    return prng_.chance(1, 2) ? Way::AtOnce : Way::Slowly;
  }

  void change_something() {
    Part& part = parts_[prng_.below(parts_.size())];
    const std::string name(part.module->name());
    switch (prng_.below(6)) {
      case 0:
        part.module->start = random_way();
        break;
      case 1:
        part.module->stop = prng_.chance(1, 2) ? Way::AtOnce : random_way();
        break;
      case 2:
        part.module->well = {.level = static_cast<HealthLevel>(prng_.below(4)), .reason = "drawn"};
        break;
      case 3:
        static_cast<void>(supervisor_.retry(name, clock_.monotonic(), {.who = "operator"}).ok());
        break;
      case 4:
        static_cast<void>(supervisor_.restart(name, clock_.monotonic(), {.who = "operator"}).ok());
        break;
      default:
        break;
    }
  }

  void step() {
    const MonotonicTime next = supervisor_.step(clock_.monotonic());
    ASSERT_GT(next, clock_.monotonic()) << "it would spin";
    // Sometimes late, as a busy engine is.
    const Duration late = prng_.chance(1, 5) ? Duration(prng_.below(2'000'000'000)) : Duration{};
    clock_.advance(next - clock_.monotonic() + late);
  }

  const Part& part(const std::string& name) const {
    return parts_[static_cast<std::size_t>(std::stoul(name.substr(1)))];
  }
  static bool is_running(const std::string& state) {
    return state == "starting" || state == "up" || state == "failing" || state == "stopping";
  }

  // Plays the journal again and looks at every transition with what all others were then.
  void check_journal() {
    std::map<std::string, std::string> states;
    std::map<std::string, bool> settled;
    std::map<std::string, std::deque<Timestamp>> failures;
    std::map<std::string, std::uint32_t> waits;  // in a row
    std::map<std::string, Timestamp> waits_since;
    std::map<std::string, Timestamp> up_since;
    bool draining = false;
    for (const Part& each : parts_) states[std::string(each.module->name())] = "down";
    for (const TransitionRecord& record : journal_.records()) {
      if (record.machine == "engine") {
        draining = draining || record.to == "draining";
        continue;
      }
      const std::string name = record.machine.substr(std::string("module ").size());
      const ModulePlan& plan = part(name).plan;
      ASSERT_EQ(states[name], record.from) << record.machine;
      if (record.to == "starting") {
        ASSERT_FALSE(draining);
        for (const auto& need : plan.needs) ASSERT_EQ(states[need], "up") << name << " " << need;
        for (const auto& other : plan.after) ASSERT_TRUE(settled[other]) << name << " " << other;
      }
      // What hangs has been given up, and nobody waits for it; and what has not come up in time has
      // at most such a one above it, which an operator asks to go down at last.
      const bool never_up = record.from == "starting" && record.event == "timed_out";
      if (record.to == "stopping" && record.from != "given_up" && !never_up) {
        for (const Part& other : parts_) {
          const std::string user(other.module->name());
          if (std::ranges::count(other.plan.needs, name) != 0 ||
              (draining && std::ranges::count(other.plan.after, name) != 0)) {
            ASSERT_FALSE(is_running(states[user])) << name << " stops under " << user;
          }
        }
      }
      if (record.event == "retry") {
        failures[name].clear();
        waits[name] = 0;
        up_since.erase(name);
      }
      const bool failed =
          (record.from == "starting" && record.event != "started" && record.event != "stop") ||
          (record.from == "failing" && record.event == "timed_out");
      if (failed) {
        failures[name].push_back(record.when);
        while (record.when - failures[name].front() > plan.failure_window) {
          failures[name].pop_front();
        }
        ASSERT_LE(failures[name].size(), plan.failures_max) << "not given up in time: " << name;
      }
      const bool stop_timed_out = record.from == "stopping" && record.event == "timed_out";
      if (record.to == "given_up" && !stop_timed_out) {
        ASSERT_EQ(failures[name].size(), plan.failures_max) << name;
      }
      if (record.to == "backing_off") {
        // While the engine ends there is nothing to give up: the next event is its stop.
        ASSERT_TRUE(draining || failures[name].size() < plan.failures_max) << name;
        const bool healthy =
            up_since.contains(name) && record.when - up_since[name] >= plan.back_off.healthy;
        waits[name] = healthy ? 1 : waits[name] + 1;
        waits_since[name] = record.when;
        up_since.erase(name);
      }
      if (record.from == "backing_off" && record.event == "timed_out") {
        ASSERT_GE(record.when - waits_since[name], BackOff::least(plan.back_off, waits[name]))
            << name;
      }
      if (record.to == "up" && record.from == "starting") up_since[name] = record.when;
      if (record.to == "up" || record.to == "given_up") settled[name] = true;
      states[name] = record.to;
    }
    for (const auto& [name, state] : states) {
      ASSERT_TRUE(state == "down" || state == "given_up") << name << " is " << state;
    }
  }

  Prng prng_;
  test::RecordingJournal journal_;
  test::FakeClock clock_;
  Journaler journaler_{journal_, clock_};
  Supervisor supervisor_;
  std::vector<Part> parts_;
};

TEST(SupervisorSimulation, KeepsItsPromisesWhateverFails) {
  constexpr std::uint64_t kSeeds = 400;
  std::map<std::string, std::size_t> seen;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Simulation simulation(seed);
    simulation.run();
    if (::testing::Test::HasFatalFailure()) return;
    for (const char* state : {"failing", "backing_off", "given_up", "degraded", "failed"}) {
      seen[state] += simulation.count_of(state);
    }
  }
  // The promises were put to the test.
  for (const auto& [state, count] : seen) EXPECT_GT(count, kSeeds / 20) << state;
}

}  // namespace
}  // namespace weir::state
