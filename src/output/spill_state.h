// What a pipe with a spill queue is doing.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "state/machine.h"
#include "state/table.h"

namespace weir::output {

enum class SpillState : std::uint8_t { Writing, Spilling, Blocked, Failed, Closed, kCount };
enum class SpillEvent : std::uint8_t { Stall, Fill, Drain, CatchUp, Fail, Close, kCount };

inline constexpr std::array kSpillStates = {
    state::StateRow<SpillState>{.state = SpillState::Writing,
                                .name = "writing",
                                .meaning = "the reader takes what there is",
                                .kind = state::Kind::Resting,
                                .otherwise = state::Policy::Refuse},
    state::StateRow<SpillState>{.state = SpillState::Spilling,
                                .name = "spilling",
                                .meaning = "it takes less: the rest waits in the queue",
                                .kind = state::Kind::Resting,
                                .otherwise = state::Policy::Refuse},
    state::StateRow<SpillState>{.state = SpillState::Blocked,
                                .name = "blocked",
                                .meaning = "the queue takes no more: packets wait, or are lost",
                                .kind = state::Kind::Resting,
                                .otherwise = state::Policy::Refuse},
    state::StateRow<SpillState>{.state = SpillState::Failed,
                                .name = "failed",
                                .meaning = "the reader is gone, or nobody waits for it any more",
                                .kind = state::Kind::Resting,
                                .otherwise = state::Policy::Refuse},
    state::StateRow<SpillState>{.state = SpillState::Closed,
                                .name = "closed",
                                .meaning = "the reader has everything, but for what is counted as "
                                           "lost",
                                .kind = state::Kind::Final,
                                .otherwise = state::Policy::Refuse},
};

inline constexpr std::array<std::string_view, 6> kSpillEvents = {"stall",    "fill", "drain",
                                                                 "catch_up", "fail", "close"};

using SpillRow = state::Transition<SpillState, SpillEvent>;
inline constexpr std::array kSpillRows = {
    SpillRow{SpillState::Writing, SpillEvent::Stall, SpillState::Spilling},
    SpillRow{SpillState::Writing, SpillEvent::Fail, SpillState::Failed},
    SpillRow{SpillState::Writing, SpillEvent::Close, SpillState::Closed},
    SpillRow{SpillState::Spilling, SpillEvent::Fill, SpillState::Blocked},
    SpillRow{SpillState::Spilling, SpillEvent::CatchUp, SpillState::Writing},
    SpillRow{SpillState::Spilling, SpillEvent::Fail, SpillState::Failed},
    SpillRow{SpillState::Blocked, SpillEvent::Drain, SpillState::Spilling},
    SpillRow{SpillState::Blocked, SpillEvent::CatchUp, SpillState::Writing},
    SpillRow{SpillState::Blocked, SpillEvent::Fail, SpillState::Failed},
    SpillRow{SpillState::Failed, SpillEvent::Close, SpillState::Closed},
};

inline constexpr state::Table<SpillState, SpillEvent> kSpillTable = {
    .name = "pipe",
    .initial = SpillState::Writing,
    .states = kSpillStates,
    .events = kSpillEvents,
    .rows = kSpillRows,
};
static_assert(check(kSpillTable) == state::Problem::None);

// Where an event leads; the state itself where it is refused.
[[nodiscard]] constexpr SpillState after(SpillState state, SpillEvent event) noexcept {
  for (const SpillRow& row : kSpillRows) {
    if (row.from == state && row.event == event) return row.to;
  }
  return state;
}

}  // namespace weir::output
