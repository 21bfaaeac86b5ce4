// The journal of transitions: who moved which machine from where to where, why and when. The store
// implements it; journaler.h feeds it.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace weir::state {

struct TransitionRecord {
  Timestamp when{};
  std::string machine;  // "engine", "session all", "module api", "command 17"
  std::string from;
  std::string event;
  std::string to;
  std::string who;               // "supervisor", "alice (uid 1000)"
  std::string why;               // a sentence, or empty
  std::uint64_t generation = 0;  // of the configuration in force
  friend bool operator==(const TransitionRecord&, const TransitionRecord&) = default;
};

class Journal {
 public:
  virtual ~Journal() = default;
  // Durable when it returns. Called by one thread at a time, which need not always be the same.
  virtual Result<void> record(const TransitionRecord& record) = 0;
};

}  // namespace weir::state
