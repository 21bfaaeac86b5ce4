// One thread that runs one pipeline from the first packet to the last counter, under the lifecycle
// machine.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "capture/core_choice.h"
#include "capture/pipeline.h"
#include "state/lifecycle.h"
#include "telemetry/health.h"

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
  std::string name;  // of its thread: "eth0/1"
  // Where workers that belong together choose a core to stay on; null: the scheduler decides.
  CoreChoice* cores = nullptr;
  // An eventfd that is written when the worker has ended: poll it, then join(). Borrowed; -1: none.
  int ended_fd = -1;
  // Likewise, when it acts by a plan that was offered.
  int adopted_fd = -1;
};

class Worker {
 public:
  // Source and clock are borrowed and outlive the worker, and so does what the plan names.
  Worker(interface::Source& source, std::unique_ptr<LanePlan> plan, const Clock& clock,
         WorkerOptions options = {});
  ~Worker();  // aborts and joins when still running
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Checks the filters against the source's interfaces, then starts the thread.
  Result<void> start();

  // Close the intake, process what was received before, write out, end. Any thread; the first
  // reason stays.
  void request_stop(ExitReason reason) noexcept;
  // End at once: what is still in the ring is dropped{stop}. Any thread.
  void request_abort() noexcept;
  void join();
  [[nodiscard]] bool ended() const noexcept { return ended_.load(); }

  // As Pipeline's, with the source woken. Any thread.
  void offer(std::unique_ptr<LanePlan> next) noexcept;
  [[nodiscard]] std::uint64_t generation() const noexcept { return pipeline_.generation(); }

  // Any thread while it runs; exact after join().
  [[nodiscard]] LedgerSnapshot ledger() const noexcept;
  [[nodiscard]] state::LifecycleState state() const noexcept { return lifecycle_.state(); }
  // The core that the worker stays on; -1: none. Any thread.
  [[nodiscard]] int core() const noexcept { return core_.load(std::memory_order_relaxed); }
  // A turn a round: somebody watches whether it gets on. Any thread reads.
  [[nodiscard]] const telemetry::Heartbeat& heartbeat() const noexcept { return heartbeat_; }
  [[nodiscard]] const PipelineTelemetry& telemetry() const noexcept {
    return pipeline_.telemetry();
  }
  [[nodiscard]] const security::SourceAccount& refused_sources() const noexcept {
    return pipeline_.refused_sources();
  }
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
  telemetry::Heartbeat heartbeat_;
  std::atomic<std::uint8_t> request_;  // nothing, an ExitReason to stop with, or abort
  bool discard_ = false;               // drain without accepting: the limit is reached
  MonotonicTime tended_;
  Outcome outcome_;
  std::atomic<int> core_ = -1;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace weir::capture
