// A finite state machine given as a table. The table is checked when the machine is declared, at
// compile time: every state but the first is reached, no (state, event) pair has two rows, final
// states have no way out.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::state {

template <typename State, typename Event>
struct Transition {
  State from;
  Event event;
  State to;
};

// `State` and `Event` are enum classes counted from 0 that end in kCount.
template <typename State, typename Event>
constexpr bool is_sound(std::span<const Transition<State, Event>> table, State initial) {
  constexpr auto kStates = static_cast<std::size_t>(State::kCount);
  std::array<bool, kStates> reached{};
  reached[static_cast<std::size_t>(initial)] = true;
  for (std::size_t round = 0; round < kStates; ++round) {
    for (const auto& row : table) {
      if (reached[static_cast<std::size_t>(row.from)])
        reached[static_cast<std::size_t>(row.to)] = true;
    }
  }
  for (const bool state : reached) {
    if (!state) return false;
  }
  for (std::size_t i = 0; i < table.size(); ++i) {
    for (std::size_t j = i + 1; j < table.size(); ++j) {
      if (table[i].from == table[j].from && table[i].event == table[j].event) return false;
    }
  }
  return true;
}

// One thread drives the machine, any thread may look at its state. An event that the current state
// has no row for is ignored, as the table says by leaving it out, and counted.
template <typename State, typename Event>
class Machine {
 public:
  constexpr Machine(std::span<const Transition<State, Event>> table, State initial) noexcept
      : table_(table), state_(initial) {}

  // True when the event moved the machine (also to the same state).
  bool handle(Event event) noexcept {
    const State now = state();
    for (const auto& row : table_) {
      if (row.from == now && row.event == event) {
        state_.store(row.to, std::memory_order_release);
        return true;
      }
    }
    ++ignored_;
    return false;
  }
  [[nodiscard]] State state() const noexcept { return state_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t ignored() const noexcept { return ignored_; }

 private:
  std::span<const Transition<State, Event>> table_;
  std::atomic<State> state_;
  std::uint64_t ignored_ = 0;  // of the driving thread
};

}  // namespace weir::state
