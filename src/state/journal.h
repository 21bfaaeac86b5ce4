// Where transitions of machines are written down: who, what, why, when, from, to. storage
// implements it; machines only know this interface.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace weir::state {

struct TransitionRecord {
  Timestamp when{};
  std::string machine;  // "engine", "session all", "command"
  std::string from;
  std::string event;
  std::string to;
  std::string who;
  std::string why;
  std::uint64_t generation = 0;  // of the configuration then in force
};

class Journal {
 public:
  virtual ~Journal() = default;
  // Any thread. What fails here must not stop the machine: the caller counts it.
  virtual Result<void> record(const TransitionRecord& transition) = 0;
};

}  // namespace weir::state
