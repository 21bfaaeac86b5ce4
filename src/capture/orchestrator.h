// The workers of one capture, one a source, as a whole: they start together, share outputs and
// limit, stop together, and their ledgers add up.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "capture/accept_budget.h"
#include "capture/core_choice.h"
#include "capture/worker.h"
#include "filter/frame_filter.h"
#include "output/interface_counts.h"

namespace weir::capture {

// What one worker reads.
struct Lane {
  interface::Source* source = nullptr;  // borrowed; outlives the orchestrator
  // Live: all packets of the lane are of this interface, and of this of its queues.
  InterfaceId interface = {};
  std::uint32_t queue = 0;
};

struct OrchestratorOptions {
  std::uint64_t accepted_max = 0;  // of all workers together; 0 = no limit
  std::uint32_t snaplen = 0;       // PipelineOptions::snaplen
  bool stay_on_cores = false;      // live captures: each worker on a core of its own
};

// Set-up and control: one thread, except where said otherwise.
class Orchestrator final : public output::InterfaceCountsReader {
 public:
  Orchestrator(std::vector<Lane> lanes, const Clock& clock, OrchestratorOptions options);
  ~Orchestrator() override;  // aborts and joins what still runs

  // The filter of all lanes, compiled for what the sources have already shown. Before start().
  Result<void> set_filter(std::string_view expression, filter::Scope scope);
  // Starts all workers. The sinks are borrowed; with several lanes they are called by several
  // threads (output/shared_sink.h). Each worker closes them, in the order given. `stages`: who
  // analyses what each lane accepts, one a lane, borrowed; none: nobody does.
  Result<void> start(std::span<output::Sink* const> sinks, std::span<DeepStage* const> stages = {});

  // While the workers run: from some moment during the call on the new expression decides. No
  // packet that both accept is lost: what the kernel leaves out is widened, the filters of the
  // workers are switched, what the kernel leaves out is narrowed. A refused expression changes
  // nothing.
  Result<void> change_filter(std::string_view expression);

  // See Worker. The first reason stays.
  void request_stop(ExitReason reason) noexcept;
  void request_abort() noexcept;
  // Readable when a worker has ended: call tend().
  [[nodiscard]] int ended_fd() const noexcept { return ended_.get(); }
  // Looks at who has ended: a limit that is reached and outputs that are broken end all, a lost
  // source only its own lane. True when all workers have ended.
  bool tend();
  // The fault of an interface that was lost while the capture goes on with others; each once.
  std::optional<Error> take_lane_fault();
  void join();

  [[nodiscard]] std::size_t lane_count() const noexcept { return lanes_.size(); }
  [[nodiscard]] const Lane& lane(std::size_t index) const { return lanes_[index]; }
  // Any thread while they run; exact after join().
  [[nodiscard]] LedgerSnapshot ledger() const noexcept;
  [[nodiscard]] LedgerSnapshot lane_ledger(std::size_t index) const noexcept;
  [[nodiscard]] LedgerSnapshot interface_ledger(InterfaceId interface) const noexcept;
  [[nodiscard]] int lane_core(std::size_t index) const noexcept;
  // The pre-filter that all lanes have in common.
  [[nodiscard]] interface::Prefilter prefilter() const noexcept;
  // After join().
  [[nodiscard]] Outcome outcome() const;
  [[nodiscard]] TimeRange times() const noexcept;
  [[nodiscard]] const TimeRange& lane_times(std::size_t index) const noexcept;

  // What was lost upstream of the capture is not known here: 0.
  [[nodiscard]] output::InterfaceCounts counts(InterfaceId interface) const override;

 private:
  Result<filter::FrameFilter> compile(std::string_view expression) const;
  [[nodiscard]] bool is_first_loss(std::size_t index) const;
  [[nodiscard]] bool others_go_on(InterfaceId lost) const;

  const std::vector<Lane> lanes_;
  const Clock& clock_;
  const OrchestratorOptions options_;
  AcceptBudget budget_;
  CoreChoice cores_;
  UniqueFd ended_;
  filter::Scope scope_ = filter::Scope::Frame;
  filter::FrameFilter filter_{"", scope_};  // as all workers have it
  std::optional<ExitReason> stop_reason_;
  std::vector<std::unique_ptr<Worker>> workers_;  // as lanes_; empty before start()
  std::vector<bool> seen_ended_;
  std::vector<Error> lane_faults_;
};

}  // namespace weir::capture
