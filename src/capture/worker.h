// One thread that runs one pipeline from the first packet to the last counter, under the lifecycle
// machine.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "capture/pipeline.h"
#include "state/lifecycle.h"

namespace weir::capture {

// Why a worker ended; exit_reason of --stats-json.
enum class ExitReason : std::uint8_t { Eof, Count, Duration, Signal, Error };
std::string_view name_of(ExitReason reason) noexcept;

// Final results; valid after join().
struct Outcome {
  ExitReason reason = ExitReason::Eof;
  std::optional<Error> error;  // the first of source, pipeline and sinks
  Duration elapsed{};
};

class Worker {
 public:
  // Source, sinks and clock are borrowed and outlive the worker. `accepted_max` 0: no limit.
  Worker(interface::Source& source, filter::FrameFilter filter,
         std::span<output::Sink* const> sinks, const Clock& clock, std::uint64_t accepted_max);
  ~Worker();  // aborts and joins when still running
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Checks the filter against the source's interfaces, then starts the thread.
  Result<void> start();

  // Close the intake, process what was received before, write out, end. Any thread; the first
  // reason stays.
  void request_stop(ExitReason reason) noexcept;
  // End at once: what is still in the ring is dropped{stop}. Any thread.
  void request_abort() noexcept;
  // Readable when the worker has ended; poll it, then join().
  [[nodiscard]] int finished_fd() const noexcept { return finished_.get(); }
  void join();

  // Any thread while it runs; exact after join().
  [[nodiscard]] LedgerSnapshot ledger() const noexcept;
  [[nodiscard]] state::LifecycleState state() const noexcept { return lifecycle_.state(); }
  // After join().
  [[nodiscard]] const Outcome& outcome() const noexcept { return outcome_; }
  [[nodiscard]] const TimeRange& times() const noexcept { return pipeline_.times(); }

 private:
  void run();
  void run_packets();
  void drain();
  void close();
  void handle_requests();
  void fail(Error error);
  void tend(bool idle);

  interface::Source& source_;
  std::vector<output::Sink*> sinks_;
  const Clock& clock_;
  Pipeline pipeline_;
  state::Lifecycle lifecycle_;
  std::atomic<std::uint8_t> request_;  // nothing, an ExitReason to stop with, or abort
  bool discard_ = false;               // drain without accepting: the limit is reached
  MonotonicTime tended_;
  Outcome outcome_;
  UniqueFd finished_;
  std::thread thread_;
};

}  // namespace weir::capture
