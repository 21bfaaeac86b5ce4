// What the engine counts of attacks, for whoever judges them: telemetry knows nobody, so that
// `security` implements the observer and `app` samples.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace weir::telemetry {

// Totals since the engine began, or differences of such.
struct SecurityMetrics {
  std::uint64_t received = 0;          // packets
  std::uint64_t malformed = 0;         // of these, with headers that cannot be followed
  std::uint64_t refused_sources = 0;   // of these, from where the policy allows none (not those
                                       // that a block turns away: it would keep itself up)
  std::uint64_t refused_requests = 0;  // of the API, for lack of a role
  std::uint64_t policy_refusals = 0;   // documents that were not put in force
  friend bool operator==(const SecurityMetrics&, const SecurityMetrics&) = default;
};

class SecurityObserver {
 public:
  virtual ~SecurityObserver() = default;
  virtual void on_security(const SecurityMetrics& totals, MonotonicTime now) noexcept = 0;
};

}  // namespace weir::telemetry
