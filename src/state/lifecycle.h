// The life of a capture, from the first system call to the last counter. Drives `weir read`,
// `weir capture` and each worker of `weir run` alike.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "state/machine.h"
#include "state/table.h"

namespace weir::state {

enum class LifecycleState : std::uint8_t {
  Created,
  Opening,
  Running,
  Draining,
  Closing,
  Stopped,
  Failed,
  kCount,
};

enum class LifecycleEvent : std::uint8_t {
  Open,
  Opened,
  Stop,         // asked for: signal, duration, count
  SourceEnded,  // nothing more will come
  Drained,
  Abort,  // stop at once: a second signal
  Closed,
  Fault,
  kCount,
};

// A worker's events come from several sides (its stop flag, its source, its outputs) and may cross:
// what a state has no row for is late, not wrong.
inline constexpr std::array kLifecycleStates = {
    StateRow<LifecycleState>{.state = LifecycleState::Created,
                             .name = "created",
                             .meaning = "nothing is open",
                             .otherwise = Policy::Ignore},
    StateRow<LifecycleState>{.state = LifecycleState::Opening,
                             .name = "opening",
                             .meaning = "sources and sinks are being opened",
                             .otherwise = Policy::Ignore},
    StateRow<LifecycleState>{.state = LifecycleState::Running,
                             .name = "running",
                             .meaning = "packets flow",
                             .otherwise = Policy::Ignore},
    StateRow<LifecycleState>{
        .state = LifecycleState::Draining,
        .name = "draining",
        .meaning = "intake is closed; what was received before is still processed",
        .otherwise = Policy::Ignore},
    StateRow<LifecycleState>{.state = LifecycleState::Closing,
                             .name = "closing",
                             .meaning = "sinks write out what they hold",
                             .otherwise = Policy::Ignore},
    StateRow<LifecycleState>{.state = LifecycleState::Stopped,
                             .name = "stopped",
                             .meaning = "all counters are final",
                             .kind = Kind::Final,
                             .otherwise = Policy::Ignore},
    StateRow<LifecycleState>{.state = LifecycleState::Failed,
                             .name = "failed",
                             .meaning = "all counters are final, and an error says what went wrong",
                             .kind = Kind::Final,
                             .otherwise = Policy::Ignore},
};

inline constexpr std::array<std::string_view, 8> kLifecycleEvents = {
    "open", "opened", "stop", "source_ended", "drained", "abort", "closed", "fault"};

using LifecycleRow = Transition<LifecycleState, LifecycleEvent>;
inline constexpr std::array kLifecycleRows = {
    LifecycleRow{LifecycleState::Created, LifecycleEvent::Open, LifecycleState::Opening},
    LifecycleRow{LifecycleState::Opening, LifecycleEvent::Opened, LifecycleState::Running},
    LifecycleRow{LifecycleState::Opening, LifecycleEvent::Fault, LifecycleState::Failed},
    LifecycleRow{LifecycleState::Running, LifecycleEvent::Stop, LifecycleState::Draining},
    LifecycleRow{LifecycleState::Running, LifecycleEvent::SourceEnded, LifecycleState::Draining},
    LifecycleRow{LifecycleState::Running, LifecycleEvent::Abort, LifecycleState::Closing},
    LifecycleRow{LifecycleState::Running, LifecycleEvent::Fault, LifecycleState::Closing},
    LifecycleRow{LifecycleState::Draining, LifecycleEvent::Drained, LifecycleState::Closing},
    LifecycleRow{LifecycleState::Draining, LifecycleEvent::Abort, LifecycleState::Closing},
    LifecycleRow{LifecycleState::Draining, LifecycleEvent::Fault, LifecycleState::Closing},
    LifecycleRow{LifecycleState::Closing, LifecycleEvent::Closed, LifecycleState::Stopped},
    LifecycleRow{LifecycleState::Closing, LifecycleEvent::Fault, LifecycleState::Failed},
};

inline constexpr Table<LifecycleState, LifecycleEvent> kLifecycleTable = {
    .name = "lifecycle",
    .initial = LifecycleState::Created,
    .states = kLifecycleStates,
    .events = kLifecycleEvents,
    .rows = kLifecycleRows,
};
static_assert(check(kLifecycleTable) == Problem::None);

using Lifecycle = Machine<kLifecycleTable>;

}  // namespace weir::state
