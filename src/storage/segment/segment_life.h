// The life of a segment, as the manifest of its store tells it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "state/machine.h"
#include "state/table.h"

namespace weir::storage::segment {

enum class LifeState : std::uint8_t { Open, Sealed, Damaged, Expired, Gone, kCount };
enum class LifeEvent : std::uint8_t { Seal, FindDamage, Expire, Miss, kCount };

inline constexpr std::array kLifeStates = {
    state::StateRow<LifeState>{.state = LifeState::Open,
                               .name = "open",
                               .meaning = "a lane adds chunks to it, or died while it did",
                               .otherwise = state::Policy::Refuse},
    state::StateRow<LifeState>{.state = LifeState::Sealed,
                               .name = "sealed",
                               .meaning = "it has index and directory, and never changes again",
                               .kind = state::Kind::Resting,
                               .otherwise = state::Policy::Refuse},
    state::StateRow<LifeState>{.state = LifeState::Damaged,
                               .name = "damaged",
                               .meaning = "it is not what was written; it is left as it is",
                               .kind = state::Kind::Resting,
                               .otherwise = state::Policy::Refuse},
    state::StateRow<LifeState>{.state = LifeState::Expired,
                               .name = "expired",
                               .meaning = "retention has deleted it",
                               .kind = state::Kind::Final,
                               .otherwise = state::Policy::Refuse},
    state::StateRow<LifeState>{.state = LifeState::Gone,
                               .name = "gone",
                               .meaning = "somebody else has deleted it",
                               .kind = state::Kind::Final,
                               .otherwise = state::Policy::Refuse},
};

inline constexpr std::array<std::string_view, 4> kLifeEvents = {"seal", "find_damage", "expire",
                                                                "miss"};

using LifeRow = state::Transition<LifeState, LifeEvent>;
inline constexpr std::array kLifeRows = {
    LifeRow{LifeState::Open, LifeEvent::Seal, LifeState::Sealed},
    LifeRow{LifeState::Open, LifeEvent::FindDamage, LifeState::Damaged},
    LifeRow{LifeState::Open, LifeEvent::Miss, LifeState::Gone},
    LifeRow{LifeState::Sealed, LifeEvent::FindDamage, LifeState::Damaged},
    LifeRow{LifeState::Sealed, LifeEvent::Expire, LifeState::Expired},
    LifeRow{LifeState::Sealed, LifeEvent::Miss, LifeState::Gone},
    // By hand, from a copy.
    LifeRow{LifeState::Damaged, LifeEvent::Seal, LifeState::Sealed},
    LifeRow{LifeState::Damaged, LifeEvent::Expire, LifeState::Expired},
    LifeRow{LifeState::Damaged, LifeEvent::Miss, LifeState::Gone},
};

inline constexpr state::Table<LifeState, LifeEvent> kLifeTable = {
    .name = "segment",
    .initial = LifeState::Open,
    .states = kLifeStates,
    .events = kLifeEvents,
    .rows = kLifeRows,
};
static_assert(check(kLifeTable) == state::Problem::None);

// Where an event leads; the state itself where it is refused.
[[nodiscard]] constexpr LifeState after(LifeState state, LifeEvent event) noexcept {
  for (const LifeRow& row : kLifeRows) {
    if (row.from == state && row.event == event) return row.to;
  }
  return state;
}

}  // namespace weir::storage::segment
