// Whether a policy document is in force.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "state/table.h"
#include "state/table_check.h"

namespace weir::security {

enum class PolicyState : std::uint8_t { None, Loaded, Expired, kCount };
enum class PolicyEvent : std::uint8_t { Load, Refuse, Expire, kCount };

inline constexpr std::array kPolicyStates = {
    state::StateRow<PolicyState>{.state = PolicyState::None,
                                 .name = "none",
                                 .meaning = "no document is in force",
                                 .kind = state::Kind::Resting,
                                 .otherwise = state::Policy::Ignore},
    state::StateRow<PolicyState>{.state = PolicyState::Loaded,
                                 .name = "loaded",
                                 .meaning = "a document is in force",
                                 .kind = state::Kind::Resting,
                                 .otherwise = state::Policy::Ignore},
    state::StateRow<PolicyState>{.state = PolicyState::Expired,
                                 .name = "expired",
                                 .meaning =
                                     "its time is over while it is in force: it stays so, and "
                                     "nothing that it forbids is allowed again",
                                 .kind = state::Kind::Resting,
                                 .otherwise = state::Policy::Ignore},
};

inline constexpr std::array<std::string_view, static_cast<std::size_t>(PolicyEvent::kCount)>
    kPolicyEvents = {"load", "refuse", "expire"};

using PolicyRow = state::Transition<PolicyState, PolicyEvent>;
// A refusal changes nothing, and stands in the journal.
inline constexpr std::array kPolicyRows = {
    PolicyRow{PolicyState::None, PolicyEvent::Load, PolicyState::Loaded},
    PolicyRow{PolicyState::None, PolicyEvent::Refuse, PolicyState::None},
    PolicyRow{PolicyState::Loaded, PolicyEvent::Load, PolicyState::Loaded},
    PolicyRow{PolicyState::Loaded, PolicyEvent::Refuse, PolicyState::Loaded},
    PolicyRow{PolicyState::Loaded, PolicyEvent::Expire, PolicyState::Expired},
    PolicyRow{PolicyState::Expired, PolicyEvent::Load, PolicyState::Loaded},
    PolicyRow{PolicyState::Expired, PolicyEvent::Refuse, PolicyState::Expired},
};

inline constexpr state::Table<PolicyState, PolicyEvent> kPolicyTable = {
    .name = "policy",
    .initial = PolicyState::None,
    .states = kPolicyStates,
    .events = kPolicyEvents,
    .rows = kPolicyRows,
};
static_assert(check(kPolicyTable) == state::Problem::None);

}  // namespace weir::security
