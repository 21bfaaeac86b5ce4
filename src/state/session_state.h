// The life of a capture session in a running engine.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "state/machine.h"
#include "state/table.h"

namespace weir::state {

enum class SessionState : std::uint8_t {
  Created,
  Opening,
  Running,
  Paused,
  Closing,
  Stopped,
  Finished,
  Failed,
  kCount,
};

enum class SessionEvent : std::uint8_t {
  Open,
  Opened,
  Pause,
  Resume,
  Stop,
  LimitReached,  // packets, bytes or duration
  Fault,
  Closed,
  Retry,
  kCount,
};

enum class SessionGuard : std::uint8_t { None, WantsPause, HadFault, HadLimit, kCount };

// What people ask for at the wrong time is refused; what the engine reports of itself may come
// late, and is ignored.
using SessionStateRow = StateRow<SessionState>;
inline constexpr std::array kSessionStates = {
    SessionStateRow{.state = SessionState::Created,
                    .name = "created",
                    .meaning = "known, and nothing of it is open",
                    .otherwise = Policy::Refuse},
    SessionStateRow{.state = SessionState::Opening,
                    .name = "opening",
                    .meaning = "its filter is compiled and its outputs are opened",
                    .otherwise = Policy::Refuse},
    SessionStateRow{.state = SessionState::Running,
                    .name = "running",
                    .meaning = "it is offered every packet of its interfaces",
                    .otherwise = Policy::Refuse},
    SessionStateRow{.state = SessionState::Paused,
                    .name = "paused",
                    .meaning = "its outputs are open, and it is offered no packets",
                    .otherwise = Policy::Refuse},
    SessionStateRow{.state = SessionState::Closing,
                    .name = "closing",
                    .meaning = "it is offered no packets any more; its outputs write out what they "
                               "hold",
                    .otherwise = Policy::Refuse},
    SessionStateRow{.state = SessionState::Stopped,
                    .name = "stopped",
                    .meaning = "ended because somebody asked for it; all counters are final",
                    .kind = Kind::Final,
                    .otherwise = Policy::Refuse},
    SessionStateRow{.state = SessionState::Finished,
                    .name = "finished",
                    .meaning = "ended by its limit; all counters are final",
                    .kind = Kind::Final,
                    .otherwise = Policy::Refuse},
    SessionStateRow{.state = SessionState::Failed,
                    .name = "failed",
                    .meaning = "nothing of it is open, and an error says what went wrong; it may "
                               "be tried again",
                    .kind = Kind::Resting,
                    .otherwise = Policy::Refuse},
};

inline constexpr std::array<std::string_view, 9> kSessionEvents = {
    "open", "opened", "pause", "resume", "stop", "limit_reached", "fault", "closed", "retry"};
inline constexpr std::array<std::string_view, 4> kSessionGuards = {"", "wants_pause", "had_fault",
                                                                   "had_limit"};

using SessionRow = Transition<SessionState, SessionEvent, SessionGuard>;
inline constexpr std::array kSessionRows = {
    SessionRow{SessionState::Created, SessionEvent::Open, SessionState::Opening},
    SessionRow{SessionState::Created, SessionEvent::Stop, SessionState::Stopped},
    SessionRow{SessionState::Opening, SessionEvent::Opened, SessionState::Paused,
               SessionGuard::WantsPause},
    SessionRow{SessionState::Opening, SessionEvent::Opened, SessionState::Running},
    SessionRow{SessionState::Opening, SessionEvent::Stop, SessionState::Closing},
    SessionRow{SessionState::Opening, SessionEvent::Fault, SessionState::Failed},
    SessionRow{SessionState::Running, SessionEvent::Pause, SessionState::Paused},
    SessionRow{SessionState::Running, SessionEvent::Stop, SessionState::Closing},
    SessionRow{SessionState::Running, SessionEvent::LimitReached, SessionState::Closing},
    SessionRow{SessionState::Running, SessionEvent::Fault, SessionState::Closing},
    SessionRow{SessionState::Paused, SessionEvent::Resume, SessionState::Running},
    SessionRow{SessionState::Paused, SessionEvent::Stop, SessionState::Closing},
    SessionRow{SessionState::Paused, SessionEvent::LimitReached, SessionState::Closing},
    SessionRow{SessionState::Paused, SessionEvent::Fault, SessionState::Closing},
    SessionRow{SessionState::Closing, SessionEvent::Closed, SessionState::Failed,
               SessionGuard::HadFault},
    SessionRow{SessionState::Closing, SessionEvent::Closed, SessionState::Finished,
               SessionGuard::HadLimit},
    SessionRow{SessionState::Closing, SessionEvent::Closed, SessionState::Stopped},
    SessionRow{SessionState::Closing, SessionEvent::Fault, SessionState::Failed},
    SessionRow{SessionState::Failed, SessionEvent::Retry, SessionState::Opening},
    SessionRow{SessionState::Failed, SessionEvent::Stop, SessionState::Stopped},
};

using SessionPolicy = EventPolicy<SessionState, SessionEvent>;
inline constexpr std::array kSessionPolicies = {
    SessionPolicy{SessionEvent::Opened, Policy::Ignore},
    SessionPolicy{SessionEvent::Closed, Policy::Ignore},
    SessionPolicy{SessionEvent::LimitReached, Policy::Ignore},
    SessionPolicy{SessionEvent::Fault, Policy::Ignore},
    // Outputs that come or go under a session that has them open.
    SessionPolicy{SessionEvent::Opened, Policy::Fault, SessionState::Running},
    SessionPolicy{SessionEvent::Closed, Policy::Fault, SessionState::Running},
    SessionPolicy{SessionEvent::Opened, Policy::Fault, SessionState::Paused},
    SessionPolicy{SessionEvent::Closed, Policy::Fault, SessionState::Paused},
};

inline constexpr Table<SessionState, SessionEvent, SessionGuard> kSessionTable = {
    .name = "session",
    .initial = SessionState::Created,
    .states = kSessionStates,
    .events = kSessionEvents,
    .rows = kSessionRows,
    .policies = kSessionPolicies,
    .guards = kSessionGuards,
    .fault = SessionEvent::Fault,
};
static_assert(check(kSessionTable) == Problem::None);

// The machine, with the memory that its guards ask: why it closes, and whether it is to be paused.
class SessionMachine final : private MachineHandler<SessionGuard, NoAction> {
 public:
  enum class Begins : std::uint8_t { Running, Paused };

  explicit SessionMachine(MachineObserver* observer = nullptr,
                          Begins begins = Begins::Running) noexcept
      : wants_pause_(begins == Begins::Paused), machine_(*this, observer) {}

  Handled handle(SessionEvent event, const Cause& cause = {}) noexcept {
    const Handled handled = machine_.handle(event, cause);
    if (handled.answer == Answer::Faulted) had_fault_ = true;
    if (!handled) return handled;
    if (event == SessionEvent::Fault) had_fault_ = true;
    if (event == SessionEvent::LimitReached) had_limit_ = true;
    if (event == SessionEvent::Pause) wants_pause_ = true;
    if (event == SessionEvent::Resume) wants_pause_ = false;
    if (event == SessionEvent::Retry) had_fault_ = had_limit_ = false;
    return handled;
  }
  // Of one that is not open: how it begins when it is opened next.
  void begin_as(Begins begins) noexcept { wants_pause_ = begins == Begins::Paused; }
  // For what people ask: an event that is refused or ignored becomes a Conflict that says in which
  // state the session called `name` is.
  Result<void> ask(SessionEvent event, const Cause& cause, std::string_view name) {
    const std::string_view was = state_name();
    if (handle(event, cause)) return ok();
    return Error{.code = ErrorCode::Conflict,
                 .context = std::string(kSessionTable.name_of(event)) + " session " +
                            std::string(name) + ": it is " + std::string(was) +
                            " (see weir ctl sessions)"};
  }

  // Any thread.
  [[nodiscard]] SessionState state() const noexcept { return machine_.state(); }
  [[nodiscard]] std::string_view state_name() const noexcept { return machine_.state_name(); }
  [[nodiscard]] bool ended() const noexcept { return machine_.ended(); }
  [[nodiscard]] std::uint64_t refused() const noexcept { return machine_.refused(); }
  [[nodiscard]] std::uint64_t faults() const noexcept { return machine_.faults(); }

 private:
  bool allows(SessionGuard guard) noexcept override {
    if (guard == SessionGuard::WantsPause) return wants_pause_;
    if (guard == SessionGuard::HadFault) return had_fault_;
    return had_limit_;
  }
  void perform(NoAction /*action*/) noexcept override {}

  bool wants_pause_;
  bool had_fault_ = false;
  bool had_limit_ = false;
  Machine<kSessionTable> machine_;
};

}  // namespace weir::state
