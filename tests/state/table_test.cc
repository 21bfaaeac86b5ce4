// Tables that are not sound are refused when they are compiled: each test is a static_assert over
// a table that is wrong in one place.
#include "state/table.h"

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string_view>

#include <gtest/gtest.h>

#include "state/engine_state.h"
#include "state/lifecycle.h"
#include "state/module_state.h"
#include "state/session_state.h"
#include "state/table_check.h"

namespace weir::state {
namespace {

enum class Lamp : std::uint8_t { Off, On, Broken, kCount };
enum class Press : std::uint8_t { Button, Hit, Late, kCount };
enum class Ask : std::uint8_t { None, Power, kCount };

using Row = Transition<Lamp, Press, Ask>;
using Rule = EventPolicy<Lamp, Press>;
using LampRow = StateRow<Lamp>;

constexpr LampRow lamp(Lamp state, std::string_view name, Kind kind,
                       Policy otherwise = Policy::Ignore, Duration timeout = {}) {
  return {.state = state,
          .name = name,
          .meaning = "a lamp",
          .kind = kind,
          .otherwise = otherwise,
          .timeout = timeout};
}

constexpr std::array kStates = {lamp(Lamp::Off, "off", Kind::Resting),
                                lamp(Lamp::On, "on", Kind::Passing),
                                lamp(Lamp::Broken, "broken", Kind::Final)};
constexpr std::array<std::string_view, 3> kEvents = {"button", "hit", "late"};
constexpr std::array<std::string_view, 2> kGuards = {"", "power"};
constexpr std::array kRows = {Row{Lamp::Off, Press::Button, Lamp::On, Ask::Power},
                              Row{Lamp::On, Press::Button, Lamp::Off},
                              Row{Lamp::On, Press::Hit, Lamp::Broken}};

// The sound table, in which each test changes one thing.
struct Parts {
  std::span<const LampRow> states = kStates;
  std::span<const std::string_view> events = kEvents;
  std::span<const Row> rows = kRows;
  std::span<const Rule> policies = {};
  std::span<const std::string_view> guards = kGuards;
  std::optional<Press> timeout = std::nullopt;
  std::optional<Press> fault = std::nullopt;
};

consteval Problem problem_of(const Parts& parts) {
  return check(Table<Lamp, Press, Ask>{.name = "lamp",
                                       .initial = Lamp::Off,
                                       .states = parts.states,
                                       .events = parts.events,
                                       .rows = parts.rows,
                                       .policies = parts.policies,
                                       .guards = parts.guards,
                                       .timeout = parts.timeout,
                                       .fault = parts.fault});
}

// With one row more than the sound table.
template <std::size_t... kAt>
consteval auto rows_and(const Row& row, std::index_sequence<kAt...> /*at*/) {
  return std::array{kRows[kAt]..., row};
}
consteval auto rows_and(const Row& row) {
  return rows_and(row, std::make_index_sequence<kRows.size()>{});
}

TEST(Table, ASoundOneHasNoProblem) {
  static_assert(problem_of({}) == Problem::None);
  static_assert(check(kLifecycleTable) == Problem::None);
  static_assert(check(kSessionTable) == Problem::None);
  static_assert(check(kEngineTable) == Problem::None);
  static_assert(check(kModuleTable) == Problem::None);
}

TEST(Table, HasARowForEveryStateInTheirOrder) {
  static constexpr std::array kSwapped = {kStates[1], kStates[0], kStates[2]};
  static_assert(problem_of({.states = kSwapped}) == Problem::StatesNotInOrder);
  static_assert(problem_of({.states = std::span(kStates).first(2)}) == Problem::StatesNotInOrder);
}

TEST(Table, NamesEverythingOnce) {
  static constexpr std::array kNameless = {kStates[0], lamp(Lamp::On, "", Kind::Passing),
                                           kStates[2]};
  static_assert(problem_of({.states = kNameless}) == Problem::NamesMissing);
  static_assert(problem_of({.events = std::span(kEvents).first(2)}) == Problem::NamesMissing);
  static_assert(problem_of({.guards = std::span(kGuards).first(1)}) == Problem::NamesMissing);
  static constexpr std::array<std::string_view, 3> kTwice = {"button", "hit", "hit"};
  static_assert(problem_of({.events = kTwice}) == Problem::SameNameTwice);
  static constexpr std::array kBothOff = {kStates[0], lamp(Lamp::On, "off", Kind::Passing),
                                          kStates[2]};
  static_assert(problem_of({.states = kBothOff}) == Problem::SameNameTwice);
}

TEST(Table, ReachesEveryState) {
  static_assert(problem_of({.rows = std::span(kRows).first(2)}) == Problem::Unreachable);
}

TEST(Table, HasOneRowForAStateEventAndGuard) {
  static constexpr auto kTwice = rows_and(Row{Lamp::On, Press::Hit, Lamp::Off});
  static_assert(problem_of({.rows = kTwice}) == Problem::TwoRows);
  static constexpr auto kTwiceGuarded =
      rows_and(Row{Lamp::Off, Press::Button, Lamp::Off, Ask::Power});
  static_assert(problem_of({.rows = kTwiceGuarded}) == Problem::TwoRows);
}

TEST(Table, HasNoRowBehindOneThatIsAlwaysTaken) {
  static constexpr auto kBehind = rows_and(Row{Lamp::On, Press::Hit, Lamp::Off, Ask::Power});
  static_assert(problem_of({.rows = kBehind}) == Problem::RowNeverTaken);
  static constexpr auto kBefore = rows_and(Row{Lamp::Off, Press::Button, Lamp::Broken});
  static_assert(problem_of({.rows = kBefore}) == Problem::None);
}

TEST(Table, FinalStatesHaveNoWayOut) {
  static constexpr auto kRisen = rows_and(Row{Lamp::Broken, Press::Hit, Lamp::On});
  static_assert(problem_of({.rows = kRisen}) == Problem::FinalHasWayOut);
  static constexpr std::array kTimed = {
      kStates[0], kStates[1],
      lamp(Lamp::Broken, "broken", Kind::Final, Policy::Ignore, std::chrono::seconds(1))};
  static_assert(problem_of({.states = kTimed, .timeout = Press::Late}) == Problem::FinalHasWayOut);
}

TEST(Table, APassingStateLeadsToAnEnd) {
  static constexpr std::array kTrap = {Row{Lamp::Off, Press::Button, Lamp::On},
                                       Row{Lamp::Off, Press::Hit, Lamp::Broken}};
  static_assert(problem_of({.rows = kTrap}) == Problem::NoWayToEnd);
  static constexpr std::array kRests = {kStates[0], lamp(Lamp::On, "on", Kind::Resting),
                                        kStates[2]};
  static_assert(problem_of({.states = kRests, .rows = kTrap}) == Problem::None);
}

TEST(Table, WithoutFinalStatesAPassingStateLeadsToRest) {
  static constexpr std::array kNoEnd = {lamp(Lamp::Off, "off", Kind::Passing), kStates[1],
                                        lamp(Lamp::Broken, "broken", Kind::Passing)};
  static_assert(problem_of({.states = kNoEnd}) == Problem::NoWayToEnd);
  static constexpr std::array kRest = {kNoEnd[0], kNoEnd[1],
                                       lamp(Lamp::Broken, "broken", Kind::Resting)};
  static_assert(problem_of({.states = kRest}) == Problem::None);
}

TEST(Table, AStateWithATimeoutHandlesIt) {
  static constexpr std::array kTimed = {
      kStates[0], lamp(Lamp::On, "on", Kind::Passing, Policy::Ignore, std::chrono::seconds(1)),
      kStates[2]};
  static_assert(problem_of({.states = kTimed}) == Problem::TimeoutNotHandled);
  static_assert(problem_of({.states = kTimed, .timeout = Press::Late}) ==
                Problem::TimeoutNotHandled);
  // A guard could let the time pass for ever.
  static constexpr auto kGuarded = rows_and(Row{Lamp::On, Press::Late, Lamp::Off, Ask::Power});
  static_assert(problem_of({.states = kTimed, .rows = kGuarded, .timeout = Press::Late}) ==
                Problem::TimeoutNotHandled);
  static constexpr auto kHandled = rows_and(Row{Lamp::On, Press::Late, Lamp::Off});
  static_assert(problem_of({.states = kTimed, .rows = kHandled, .timeout = Press::Late}) ==
                Problem::None);
}

TEST(Table, SaysWhatBecomesOfEveryEvent) {
  static constexpr std::array kSilent = {
      kStates[0], lamp(Lamp::On, "on", Kind::Passing, Policy::None), kStates[2]};
  static_assert(problem_of({.states = kSilent}) == Problem::NoPolicy);
  static constexpr std::array kLateOnly = {Rule{Press::Late, Policy::Refuse, Lamp::On}};
  static_assert(problem_of({.states = kSilent, .policies = kLateOnly}) == Problem::None);
  // A row with a guard leaves open what happens when the guard says no.
  static constexpr std::array kSilentOff = {lamp(Lamp::Off, "off", Kind::Resting, Policy::None),
                                            kStates[1], kStates[2]};
  static constexpr std::array kAllButButton = {Rule{Press::Late, Policy::Refuse},
                                               Rule{Press::Hit, Policy::Ignore}};
  static_assert(problem_of({.states = kSilentOff, .policies = kAllButButton}) == Problem::NoPolicy);
}

TEST(Table, HasNoPolicyTwiceOrInVain) {
  static constexpr std::array kTwice = {Rule{Press::Late, Policy::Refuse},
                                        Rule{Press::Late, Policy::Ignore}};
  static_assert(problem_of({.policies = kTwice}) == Problem::TwoPolicies);
  static constexpr std::array kInVain = {Rule{Press::Hit, Policy::Refuse, Lamp::On}};
  static_assert(problem_of({.policies = kInVain}) == Problem::PolicyNeverUsed);
}

TEST(Table, AFaultIsHandledWhereItMayHappen) {
  static constexpr std::array kFault = {Rule{Press::Late, Policy::Fault, Lamp::On}};
  static_assert(problem_of({.policies = kFault}) == Problem::FaultNotHandled);
  static_assert(problem_of({.policies = kFault, .fault = Press::Hit}) == Problem::None);
  static constexpr std::array kElsewhere = {Rule{Press::Late, Policy::Fault, Lamp::Off}};
  static_assert(problem_of({.policies = kElsewhere, .fault = Press::Hit}) ==
                Problem::FaultNotHandled);
}

}  // namespace
}  // namespace weir::state
