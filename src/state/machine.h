// Runs a table (table.h). One thread drives a machine, any thread may look at its state. It
// allocates nothing and waits for nothing, so a worker may drive one.
//
// A transition does, in this order: the exit action of the old state, the change, the observer,
// the entry action of the new state, the new state's timeout. That holds too for a row that leads
// to the state it began in.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "base/assert.h"
#include "base/time.h"
#include "state/table.h"
#include "state/table_check.h"
#include "telemetry/counter.h"

namespace weir::state {

// Who sends an event, and why: "alice (uid 1000)", "the disk is full". Borrowed for the call.
struct Cause {
  std::string_view who = {};
  std::string_view why = {};
};

// A transition as an observer sees it. Names are those of the table; `cause` is borrowed.
struct Move {
  std::string_view from;
  std::string_view event;
  std::string_view to;
  std::string_view guard;  // that allowed it; empty where none was asked
  bool fault = false;  // `event` was not expected in `from`, and Policy::Fault moved the machine
  Cause cause;
};

class MachineObserver {
 public:
  virtual ~MachineObserver() = default;
  // The machine's thread, with the new state already visible.
  virtual void moved(const Move& move) noexcept = 0;
};

// Answers the guards and performs the actions that a table names. Called by the machine's thread,
// within handle(); it may drive other machines, but not this one.
template <typename Guard, typename Action>
class MachineHandler {
 public:
  virtual ~MachineHandler() = default;
  [[nodiscard]] virtual bool allows(Guard guard) noexcept = 0;
  virtual void perform(Action action) noexcept = 0;
};

enum class Answer : std::uint8_t { Moved, Ignored, Refused, Faulted };

// What became of an event; true when it moved the machine (also to the same state).
struct Handled {
  Answer answer;
  explicit constexpr operator bool() const noexcept { return answer == Answer::Moved; }
};

// `kTable` is a constexpr Table at namespace scope.
template <const auto& kTable>
class Machine {
  static_assert(check(kTable) == Problem::None, "see table_check.h for the problem of this number");

 public:
  using TableType = std::remove_cvref_t<decltype(kTable)>;
  using State = typename TableType::State;
  using Event = typename TableType::Event;
  using Guard = typename TableType::Guard;
  using Action = typename TableType::Action;
  using Handler = MachineHandler<Guard, Action>;
  static constexpr bool kHasHandler = TableType::kGuards > 1 || TableType::kActions > 1;

  explicit Machine(MachineObserver* observer = nullptr) noexcept
    requires(!kHasHandler)
      : observer_(observer) {
    take_timeouts();
  }
  // Both outlive the machine.
  explicit Machine(Handler& handler, MachineObserver* observer = nullptr) noexcept
    requires(kHasHandler)
      : observer_(observer), handler_(&handler) {
    take_timeouts();
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // Without the time: for tables, and transitions, that lead into no state with a timeout.
  Handled handle(Event event, const Cause& cause = {}) noexcept {
    return handle_at(event, cause, std::nullopt);
  }
  Handled handle(Event event, const Cause& cause, MonotonicTime now) noexcept {
    return handle_at(event, cause, now);
  }

  // When the present state's timeout will be over.
  [[nodiscard]] std::optional<MonotonicTime> deadline() const noexcept { return deadline_; }
  [[nodiscard]] bool due(MonotonicTime now) const noexcept {
    return deadline_ && *deadline_ <= now;
  }
  // Handles the table's timeout event if the timeout is over; true when that moved the machine.
  bool expire(MonotonicTime now, const Cause& cause = {}) noexcept {
    return due(now) && static_cast<bool>(handle_at(*kTable.timeout, cause, now));
  }
  // For a state that has a timeout in the table, from the next time that it is entered (an entry
  // action may still set that of the state being entered).
  void set_timeout(State state, Duration timeout) noexcept {
    WEIR_ASSERT(kTable.row_of(state).timeout != Duration{});
    timeouts_[index_of(state)] = timeout;
  }

  // Any thread.
  [[nodiscard]] State state() const noexcept { return state_.load(std::memory_order_acquire); }
  [[nodiscard]] std::string_view state_name() const noexcept { return kTable.name_of(state()); }
  [[nodiscard]] bool ended() const noexcept { return kTable.row_of(state()).kind == Kind::Final; }
  [[nodiscard]] std::uint64_t ignored() const noexcept { return ignored_.value(); }
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_.value(); }
  [[nodiscard]] std::uint64_t faults() const noexcept { return faults_.value(); }
  static constexpr const TableType& table() noexcept { return kTable; }

 private:
  using Row = Transition<State, Event, Guard>;

  static constexpr std::size_t index_of(State state) noexcept {
    return static_cast<std::size_t>(state);
  }
  void take_timeouts() noexcept {
    for (const auto& row : kTable.states) timeouts_[index_of(row.state)] = row.timeout;
  }

  Handled handle_at(Event event, const Cause& cause, std::optional<MonotonicTime> now) noexcept {
    WEIR_ASSERT(!busy_);  // a guard, action or observer must not drive its own machine
    busy_ = true;
    const Handled handled{decide(event, cause, now)};
    busy_ = false;
    return handled;
  }

  Answer decide(Event event, const Cause& cause, std::optional<MonotonicTime> now) noexcept {
    if (const Row* row = find(event)) {
      move(*row, event, cause, now);
      return Answer::Moved;
    }
    switch (kTable.policy_of(state(), event)) {
      case Policy::Refuse:
        refused_.add(1);
        return Answer::Refused;
      case Policy::Fault:
        faults_.add(1);
        move(*find(*kTable.fault), event, cause, now);
        return Answer::Faulted;
      case Policy::Ignore:
      case Policy::None:
        break;
    }
    ignored_.add(1);
    return Answer::Ignored;
  }

  const Row* find(Event event) noexcept {
    const State from = state();
    for (const Row& row : kTable.rows) {
      if (row.from != from || row.event != event) continue;
      if (row.guard == Guard::None || handler_->allows(row.guard)) return &row;
    }
    return nullptr;
  }

  // `event` is what was sent, which is not the row's where a policy turned it into a fault.
  void move(const Row& row, Event event, const Cause& cause,
            std::optional<MonotonicTime> now) noexcept {
    perform(kTable.row_of(row.from).exit);
    state_.store(row.to, std::memory_order_release);
    if (observer_ != nullptr) {
      observer_->moved({.from = kTable.name_of(row.from),
                        .event = kTable.name_of(event),
                        .to = kTable.name_of(row.to),
                        .guard = guard_name(row.guard),
                        .fault = event != row.event,
                        .cause = cause});
    }
    perform(kTable.row_of(row.to).entry);
    deadline_.reset();
    if (kTable.row_of(row.to).timeout == Duration{}) return;
    WEIR_ASSERT(now.has_value());  // a state with a timeout is entered by handle(…, now)
    deadline_ = *now + timeouts_[index_of(row.to)];
  }

  static std::string_view guard_name(Guard guard) noexcept {
    if constexpr (TableType::kGuards > 1) {
      if (guard != Guard::None) return kTable.name_of(guard);
    }
    return {};
  }

  void perform(Action action) noexcept {
    if (action != Action::None) handler_->perform(action);
  }

  std::atomic<State> state_{kTable.initial};
  MachineObserver* observer_;
  Handler* handler_ = nullptr;
  std::array<Duration, TableType::kStates> timeouts_{};
  std::optional<MonotonicTime> deadline_;
  bool busy_ = false;
  telemetry::Counter ignored_;
  telemetry::Counter refused_;
  telemetry::Counter faults_;
};

}  // namespace weir::state
