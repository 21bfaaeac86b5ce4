// Who is told of what becomes of sessions: the engine makes events of it, and keeps their states.
#pragma once

#include <string_view>

#include "base/error.h"

namespace weir::app {

class SessionEntry;
struct SpillMove;

class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  // Its machine has moved.
  virtual void session_moved(const SessionEntry& session) noexcept = 0;
  virtual void session_removed(std::string_view name) noexcept = 0;
  // Something is wrong with its outputs, and it goes on.
  virtual void session_in_trouble(const SessionEntry& session, const Error& why) noexcept = 0;
  // The spill queue of its pipe is in use, full, or empty again.
  virtual void session_spilling(const SessionEntry& session, const SpillMove& move) noexcept = 0;
};

}  // namespace weir::app
