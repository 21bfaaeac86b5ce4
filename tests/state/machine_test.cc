#include "state/machine.h"

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"
#include "state/module_state.h"
#include "state/session_state.h"

namespace weir::state {
namespace {

using namespace std::chrono_literals;

enum class Door : std::uint8_t { Shut, Open, Alarm, Gone, kCount };
enum class Hand : std::uint8_t { Push, Pull, Slam, Wait, Panic, Remove, kCount };
enum class Lock : std::uint8_t { None, Unlocked, kCount };
enum class Sound : std::uint8_t { None, Creak, Bang, Siren, kCount };

using DoorRow = StateRow<Door, Sound>;
constexpr std::array kDoorStates = {
    DoorRow{.state = Door::Shut,
            .name = "shut",
            .meaning = "closed",
            .kind = Kind::Resting,
            .otherwise = Policy::Refuse,
            .entry = Sound::Bang},
    DoorRow{.state = Door::Open,
            .name = "open",
            .meaning = "to be shut soon",
            .otherwise = Policy::Ignore,
            .entry = Sound::Creak,
            .exit = Sound::Creak,
            .timeout = 10s},
    DoorRow{.state = Door::Alarm,
            .name = "alarm",
            .meaning = "somebody broke in",
            .otherwise = Policy::Ignore,
            .entry = Sound::Siren},
    DoorRow{.state = Door::Gone,
            .name = "gone",
            .meaning = "a hole",
            .kind = Kind::Final,
            .otherwise = Policy::Ignore},
};
constexpr std::array<std::string_view, 6> kDoorEvents = {"push", "pull",  "slam",
                                                         "wait", "panic", "remove"};
constexpr std::array<std::string_view, 2> kDoorGuards = {"", "unlocked"};
constexpr std::array<std::string_view, 4> kDoorActions = {"", "creak", "bang", "siren"};
using DoorMove = Transition<Door, Hand, Lock>;
constexpr std::array kDoorRows = {
    DoorMove{Door::Shut, Hand::Push, Door::Open, Lock::Unlocked},
    DoorMove{Door::Shut, Hand::Panic, Door::Alarm},
    DoorMove{Door::Open, Hand::Pull, Door::Shut},
    DoorMove{Door::Open, Hand::Wait, Door::Shut},
    DoorMove{Door::Open, Hand::Push, Door::Open},
    DoorMove{Door::Alarm, Hand::Remove, Door::Gone},
};
constexpr std::array kDoorPolicies = {
    EventPolicy<Door, Hand>{Hand::Remove, Policy::Ignore},
    EventPolicy<Door, Hand>{Hand::Slam, Policy::Fault, Door::Shut},
};
constexpr Table<Door, Hand, Lock, Sound> kDoor = {
    .name = "door",
    .initial = Door::Shut,
    .states = kDoorStates,
    .events = kDoorEvents,
    .rows = kDoorRows,
    .policies = kDoorPolicies,
    .guards = kDoorGuards,
    .actions = kDoorActions,
    .timeout = Hand::Wait,
    .fault = Hand::Panic,
};

// Writes down in one list what is asked, done and seen.
class Porch final : public MachineHandler<Lock, Sound>, public MachineObserver {
 public:
  bool allows(Lock /*guard*/) noexcept override { return unlocked; }
  void perform(Sound action) noexcept override { log.emplace_back(kDoor.name_of(action)); }
  void moved(const Move& move) noexcept override {
    log.push_back(std::string(move.from) + "-" + std::string(move.event) +
                  (move.guard.empty() ? "" : "[" + std::string(move.guard) + "]") +
                  (move.fault ? "!" : "") + ">" + std::string(move.to) + " by " +
                  std::string(move.cause.who) + ": " + std::string(move.cause.why));
  }
  std::vector<std::string> take() { return std::exchange(log, {}); }

  bool unlocked = true;
  std::vector<std::string> log;
};

using Log = std::vector<std::string>;
constexpr MonotonicTime kNow{1'000'000'000};
const Cause kAlice{.who = "alice", .why = "air"};

TEST(Machine, DoesExitActionChangeObserverAndEntryActionInThisOrder) {
  Porch porch;
  Machine<kDoor> door(porch, &porch);
  EXPECT_TRUE(door.handle(Hand::Push, kAlice, kNow));
  EXPECT_EQ(porch.take(), (Log{"shut-push[unlocked]>open by alice: air", "creak"}));
  EXPECT_TRUE(door.handle(Hand::Pull, kAlice));
  EXPECT_EQ(porch.take(), (Log{"creak", "open-pull>shut by alice: air", "bang"}));
  EXPECT_EQ(door.state_name(), "shut");
}

TEST(Machine, ARowToTheSameStateLeavesAndEntersIt) {
  Porch porch;
  Machine<kDoor> door(porch);
  door.handle(Hand::Push, {}, kNow);
  porch.take();
  EXPECT_TRUE(door.handle(Hand::Push, {}, kNow + 4s));
  EXPECT_EQ(porch.take(), (Log{"creak", "creak"}));
  EXPECT_EQ(door.deadline(), kNow + 14s);
}

TEST(Machine, AnswersByThePolicyOfStateAndEvent) {
  Porch porch;
  porch.unlocked = false;
  Machine<kDoor> door(porch);
  EXPECT_EQ(door.handle(Hand::Push).answer, Answer::Refused) << "its guard says no";
  EXPECT_EQ(door.handle(Hand::Pull).answer, Answer::Refused) << "the state's own policy";
  EXPECT_EQ(door.handle(Hand::Remove).answer, Answer::Ignored) << "the event's policy";
  EXPECT_FALSE(door.handle(Hand::Pull));
  EXPECT_EQ(door.state(), Door::Shut);
  EXPECT_EQ(door.refused(), 3u);
  EXPECT_EQ(door.ignored(), 1u);
  EXPECT_EQ(door.faults(), 0u);
  EXPECT_TRUE(porch.take().empty());
}

TEST(Machine, AFaultTakesTheWayOfTheFaultEvent) {
  Porch porch;
  Machine<kDoor> door(porch, &porch);
  const Handled handled = door.handle(Hand::Slam, kAlice);
  EXPECT_EQ(handled.answer, Answer::Faulted);
  EXPECT_FALSE(handled) << "the event itself moved nothing";
  EXPECT_EQ(door.state(), Door::Alarm);
  EXPECT_EQ(door.faults(), 1u);
  EXPECT_EQ(porch.take(), (Log{"shut-slam!>alarm by alice: air", "siren"}));
  EXPECT_TRUE(door.handle(Hand::Remove));
  EXPECT_TRUE(door.ended());
}

TEST(Machine, ATimeoutIsDueWhenItsTimeHasPassed) {
  Porch porch;
  Machine<kDoor> door(porch, &porch);
  EXPECT_FALSE(door.deadline());
  EXPECT_FALSE(door.expire(kNow + 1h)) << "no timeout where it is shut";
  door.handle(Hand::Push, {}, kNow);
  EXPECT_FALSE(door.due(kNow + (10s - 1ns)));
  EXPECT_FALSE(door.expire(kNow + (10s - 1ns)));
  EXPECT_TRUE(door.due(kNow + 10s));
  porch.take();
  EXPECT_TRUE(door.expire(kNow + 10s, {.who = "time", .why = ""}));
  EXPECT_EQ(porch.take(), (Log{"creak", "open-wait>shut by time: ", "bang"}));
  EXPECT_FALSE(door.deadline());
}

TEST(Machine, ATimeoutMayBeSetAnew) {
  Porch porch;
  Machine<kDoor> door(porch);
  door.set_timeout(Door::Open, 3s);
  door.handle(Hand::Push, {}, kNow);
  door.set_timeout(Door::Open, 7s);
  EXPECT_EQ(door.deadline(), kNow + 3s) << "holds from the next time on";
  door.handle(Hand::Push, {}, kNow);
  EXPECT_EQ(door.deadline(), kNow + 7s);
}

TEST(MachineDeathTest, AStateWithATimeoutIsEnteredWithTheTime) {
  Porch porch;
  Machine<kDoor> door(porch);
  EXPECT_DEATH(door.handle(Hand::Push), "now.has_value");
}

TEST(MachineDeathTest, AnActionMustNotDriveItsOwnMachine) {
  class Driver final : public MachineHandler<Lock, Sound> {
   public:
    bool allows(Lock /*guard*/) noexcept override { return true; }
    void perform(Sound /*action*/) noexcept override { door->handle(Hand::Pull); }
    Machine<kDoor>* door = nullptr;
  };
  Driver driver;
  Machine<kDoor> door(driver);
  driver.door = &door;
  EXPECT_DEATH(door.handle(Hand::Push, {}, kNow), "busy_");
}

// ---- random events against a naive model ----

// What a table says, read anew for each event: a list of candidates, then the policies from the
// most particular to the most general.
template <typename T>
struct Model {
  using State = typename T::State;
  using Event = typename T::Event;

  Answer step(const T& table, Event event, const std::vector<bool>& guards) {
    for (const auto& row : table.rows) {
      if (row.from == state && row.event == event &&
          (row.guard == T::Guard::None || guards[static_cast<std::size_t>(row.guard)])) {
        state = row.to;
        return Answer::Moved;
      }
    }
    Policy policy = table.states[static_cast<std::size_t>(state)].otherwise;
    for (const auto& rule : table.policies) {
      if (rule.event == event && !rule.state) policy = rule.policy;
    }
    for (const auto& rule : table.policies) {
      if (rule.event == event && rule.state && *rule.state == state) policy = rule.policy;
    }
    if (policy == Policy::Refuse) return Answer::Refused;
    if (policy == Policy::Ignore) return Answer::Ignored;
    EXPECT_EQ(step(table, *table.fault, guards), Answer::Moved);
    return Answer::Faulted;
  }

  State state;
};

template <typename T>
class DrawnGuards final : public MachineHandler<typename T::Guard, typename T::Action> {
 public:
  bool allows(typename T::Guard guard) noexcept override {
    return values[static_cast<std::size_t>(guard)];
  }
  void perform(typename T::Action /*action*/) noexcept override {}
  std::vector<bool> values = std::vector<bool>(T::kGuards);
};

template <const auto& kTable>
void compare_with_model(std::uint64_t seed) {
  using T = std::remove_cvref_t<decltype(kTable)>;
  Prng prng(seed);
  for (int life = 0; life < 200; ++life) {
    DrawnGuards<T> guards;
    Machine<kTable> machine(guards);
    Model<T> model{kTable.initial};
    std::array<std::uint64_t, 4> answers{};
    for (int i = 0; i < 60; ++i) {
      for (std::size_t g = 0; g < T::kGuards; ++g) guards.values[g] = prng.chance(1, 2);
      const auto event = static_cast<typename T::Event>(prng.below(T::kEvents));
      const Answer expected = model.step(kTable, event, guards.values);
      const Handled handled = machine.handle(event, {}, kNow);
      ++answers[static_cast<std::size_t>(handled.answer)];
      ASSERT_EQ(handled.answer, expected) << "seed " << seed << ", life " << life;
      ASSERT_EQ(machine.state(), model.state) << "seed " << seed << ", life " << life;
    }
    ASSERT_EQ(machine.ignored(), answers[static_cast<std::size_t>(Answer::Ignored)]);
    ASSERT_EQ(machine.refused(), answers[static_cast<std::size_t>(Answer::Refused)]);
    ASSERT_EQ(machine.faults(), answers[static_cast<std::size_t>(Answer::Faulted)]);
  }
}

TEST(Machine, DoesWhatANaiveReadingOfItsTableSays) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    compare_with_model<kDoor>(seed);
    compare_with_model<kSessionTable>(seed);
    compare_with_model<kModuleTable>(seed);
  }
}

}  // namespace
}  // namespace weir::state
