// One session of a running engine, as its table keeps it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/engine/session_parts.h"
#include "base/time.h"
#include "control/config.h"
#include "state/backoff.h"
#include "state/journaler.h"
#include "state/session_state.h"

namespace weir::app {

enum class SessionOrigin : std::uint8_t { Config, Api, Tail };
std::string_view name_of(SessionOrigin origin) noexcept;

// What a session has open. Each part is replaced as a whole when its configuration changes.
struct SessionParts {
  std::shared_ptr<OutputsPart> outputs;
  std::shared_ptr<AnalysisPart> analysis;
  std::shared_ptr<capture::SessionRules> rules;
};

// The engine's thread changes it, under the mutex of the table; others read it under that mutex.
class SessionEntry {
 public:
  SessionEntry(control::SessionConfig wanted, SessionOrigin from, std::size_t lanes, int news_fd,
               state::Journaler& journaler, std::uint64_t seed);

  control::SessionConfig config;
  SessionOrigin origin;
  std::vector<bool> lanes;  // that take part
  SessionParts parts;
  std::uint64_t generation = 0;  // of the configuration that changed it last
  Timestamp since{};
  std::optional<MonotonicTime> ends;  // its duration is over
  std::optional<Error> error;
  std::optional<MonotonicTime> next_try;  // while it has failed
  std::uint64_t refused_by = 0;           // generation of the rules, when it has failed by them
  std::vector<std::string> moved;         // paths of outputs that were told to lead elsewhere

  [[nodiscard]] capture::Session& account() noexcept { return account_; }
  [[nodiscard]] const capture::Session& account() const noexcept { return account_; }
  [[nodiscard]] state::SessionMachine& machine() noexcept { return machine_; }
  [[nodiscard]] const state::SessionMachine& machine() const noexcept { return machine_; }
  [[nodiscard]] state::BackOff& back_off() noexcept { return back_off_; }

  // It is in the plan: offered packets, or paused.
  [[nodiscard]] bool open() const noexcept {
    return machine_.state() == state::SessionState::Running ||
           machine_.state() == state::SessionState::Paused;
  }
  // It is to be in the next one: who is told that it runs may rely on it.
  [[nodiscard]] bool wants_packets() const noexcept {
    return open() || machine_.state() == state::SessionState::Opening;
  }
  [[nodiscard]] capture::SessionPlan plan() noexcept;

 private:
  capture::Session account_;
  state::MoveRecorder recorder_;
  state::SessionMachine machine_;
  state::BackOff back_off_;
};

capture::SessionLimits limits_of(const control::SessionConfig& config) noexcept;

}  // namespace weir::app
