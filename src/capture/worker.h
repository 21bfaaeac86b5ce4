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
#include "capture/core_choice.h"
#include "capture/pipeline.h"
#include "state/lifecycle.h"

namespace weir::capture {

// Why a worker ended; exit_reason of --stats-json.
enum class ExitReason : std::uint8_t { Eof, Count, Duration, Signal, Error };
std::string_view name_of(ExitReason reason) noexcept;

// Final results; valid when the worker has ended.
struct Outcome {
  ExitReason reason = ExitReason::Eof;
  Fault fault = Fault::None;
  std::optional<Error> error;  // the first of source, pipeline and sinks
  Duration elapsed{};
};

struct WorkerOptions {
  PipelineOptions pipeline;
  // Where workers that belong together choose a core to stay on; null: the scheduler decides.
  CoreChoice* cores = nullptr;
  // An eventfd that is written when the worker has ended: poll it, then join(). Borrowed; -1: none.
  int ended_fd = -1;
};

class Worker {
 public:
  // Source, sinks, clock and budget are borrowed and outlive the worker.
  Worker(interface::Source& source, filter::FrameFilter filter,
         std::span<output::Sink* const> sinks, const Clock& clock, AcceptBudget& budget,
         WorkerOptions options = {});
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
  void join();
  [[nodiscard]] bool ended() const noexcept { return ended_.load(); }

  // As Pipeline's, with the source woken. Any thread.
  void offer_filter(std::unique_ptr<filter::FrameFilter> next) noexcept;
  void wait_for_filter() const noexcept;

  // Any thread while it runs; exact after join().
  [[nodiscard]] LedgerSnapshot ledger() const noexcept;
  [[nodiscard]] state::LifecycleState state() const noexcept { return lifecycle_.state(); }
  // The core that the worker stays on; -1: none. Any thread.
  [[nodiscard]] int core() const noexcept { return core_.load(std::memory_order_relaxed); }
  // When it has ended.
  [[nodiscard]] const Outcome& outcome() const noexcept { return outcome_; }
  [[nodiscard]] const TimeRange& times() const noexcept { return pipeline_.times(); }

 private:
  void run();
  void run_packets();
  void drain();
  void close();
  void handle_requests();
  void fail(Fault fault, Error error);
  void tend(bool idle);

  interface::Source& source_;
  const Clock& clock_;
  const WorkerOptions options_;
  Pipeline pipeline_;
  state::Lifecycle lifecycle_;
  std::atomic<std::uint8_t> request_;  // nothing, an ExitReason to stop with, or abort
  bool discard_ = false;               // drain without accepting: the limit is reached
  MonotonicTime tended_;
  Outcome outcome_;
  std::atomic<int> core_ = -1;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace weir::capture
