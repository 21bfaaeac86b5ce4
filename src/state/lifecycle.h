// The life of a capture, from the first system call to the last counter. Drives `weir read` and
// `weir capture` alike. What follows what:
//
//   Created ─ Open → Opening ─ Opened → Running ─ Stop, SourceEnded → Draining ─ Drained → Closing
//   Closing ─ Closed → Stopped
//
// Abort or Fault in Running or Draining leads to Closing, Fault in Opening or Closing to Failed.
#pragma once

#include <array>
#include <cstdint>

#include "state/machine.h"

namespace weir::state {

enum class LifecycleState : std::uint8_t {
  Created,
  Opening,   // sources and sinks are being opened
  Running,   // packets flow
  Draining,  // intake is closed; what was received before is still processed
  Closing,   // sinks write out what they hold
  Stopped,   // all counters are final
  Failed,    // all counters are final, and an error says what went wrong
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

inline constexpr std::array kLifecycleTable = {
    Transition<LifecycleState, LifecycleEvent>{LifecycleState::Created, LifecycleEvent::Open,
                                               LifecycleState::Opening},
    Transition<LifecycleState, LifecycleEvent>{LifecycleState::Opening, LifecycleEvent::Opened,
                                               LifecycleState::Running},
    Transition<LifecycleState, LifecycleEvent>{LifecycleState::Opening, LifecycleEvent::Fault,
                                               LifecycleState::Failed},
    Transition<LifecycleState, LifecycleEvent>{LifecycleState::Running, LifecycleEvent::Stop,
                                               LifecycleState::Draining},
    Transition<LifecycleState, LifecycleEvent>{LifecycleState::Running, LifecycleEvent::SourceEnded,
                                               LifecycleState::Draining},
    Transition<LifecycleState, LifecycleEvent>{LifecycleState::Running, LifecycleEvent::Abort,
                                               LifecycleState::Closing},
    Transition<LifecycleState, LifecycleEvent>{LifecycleState::Running, LifecycleEvent::Fault,
                                               LifecycleState::Closing},
    Transition<LifecycleState, LifecycleEvent>{LifecycleState::Draining, LifecycleEvent::Drained,
                                               LifecycleState::Closing},
    Transition<LifecycleState, LifecycleEvent>{LifecycleState::Draining, LifecycleEvent::Abort,
                                               LifecycleState::Closing},
    Transition<LifecycleState, LifecycleEvent>{LifecycleState::Draining, LifecycleEvent::Fault,
                                               LifecycleState::Closing},
    Transition<LifecycleState, LifecycleEvent>{LifecycleState::Closing, LifecycleEvent::Closed,
                                               LifecycleState::Stopped},
    Transition<LifecycleState, LifecycleEvent>{LifecycleState::Closing, LifecycleEvent::Fault,
                                               LifecycleState::Failed},
};
static_assert(is_sound<LifecycleState, LifecycleEvent>(kLifecycleTable, LifecycleState::Created));

class Lifecycle : public Machine<LifecycleState, LifecycleEvent> {
 public:
  Lifecycle() noexcept : Machine(kLifecycleTable, LifecycleState::Created) {}
};

}  // namespace weir::state
