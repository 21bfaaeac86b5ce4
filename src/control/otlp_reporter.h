// Reports to a control plane: metrics and events as OTLP/HTTP JSON to a configured endpoint, kept
// in a queue while nobody takes them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "control/api_statistics.h"
#include "control/otlp_payload.h"

namespace weir::control {

// Where payloads wait: bounded in bytes by whoever implements it; what falls out is the oldest.
class PayloadQueue {
 public:
  virtual ~PayloadQueue() = default;
  // How many older ones had to go for it.
  virtual Result<std::uint64_t> push(std::string payload) = 0;
  [[nodiscard]] virtual Result<std::optional<std::string>> front() = 0;  // the oldest
  virtual Result<void> pop() = 0;                                        // the oldest
  [[nodiscard]] virtual std::uint64_t bytes() const noexcept = 0;
};

// Told when the receiver stops taking reports, and when it takes them again; from step().
class OutageObserver {
 public:
  virtual ~OutageObserver() = default;
  virtual void outage_began(std::string_view why) = 0;
  virtual void outage_ended(Duration lasted) = 0;
  // It will never take a report of this kind, which is thrown away; once until it takes one again.
  virtual void reports_refused(int status) = 0;
};

struct OtlpOptions {
  std::string url;  // "http://127.0.0.1:4318": /v1/metrics and /v1/logs are added to its path
  ReportResource resource;
  Duration time_limit = std::chrono::seconds(5);  // of one POST, connecting included
  Duration backoff_min = std::chrono::seconds(1);
  Duration backoff_max = std::chrono::minutes(5);
  std::size_t batch_max = 32;  // payloads that one step sends at most
};

struct OtlpStatistics {
  SharedCounter sent;  // payloads that were taken
  SharedCounter sent_bytes;
  SharedCounter failed;      // attempts
  SharedCounter refused;     // payloads that the receiver will never take: dropped
  SharedCounter overflowed;  // payloads that fell out of the queue
  SharedCounter queue_errors;
};

// One thread calls report() and step(); the statistics are read by any.
class OtlpReporter {
 public:
  // Error Usage: a URL that is none. `queue`, `observer` and `clock` outlive it.
  static Result<std::unique_ptr<OtlpReporter>> create(OtlpOptions options, PayloadQueue& queue,
                                                      OutageObserver& observer, const Clock& clock);
  virtual ~OtlpReporter() = default;

  // Puts a report into the queue. Empty lists cost nothing.
  virtual void report(std::span<const ReportMetric> metrics,
                      std::span<const ReportEvent> events) = 0;
  // Whether step() has something to do.
  [[nodiscard]] virtual bool due(MonotonicTime now) const noexcept = 0;
  // Sends what waits, oldest first, until the queue is empty, batch_max are sent or one fails.
  // Blocks for the time limit at most per payload.
  virtual void step(MonotonicTime now) = 0;
  // Any thread: ends what step() has under way; the reporter sends nothing any more.
  virtual void stop() noexcept = 0;
  [[nodiscard]] virtual const OtlpStatistics& statistics() const noexcept = 0;
};

}  // namespace weir::control
