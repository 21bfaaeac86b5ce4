// The workers of one capture, one a source, as a whole: they start together, act by one plan, stop
// together, and their ledgers add up.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "capture/core_choice.h"
#include "capture/lane_plan.h"
#include "capture/worker.h"
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
  bool stay_on_cores = false;  // live captures: each worker on a core of its own
  // What all sources were opened with as pre-filter.
  std::string prefilter = {};
};

// A plan, compiled for every lane.
struct StagedPlan {
  std::uint64_t generation = 0;
  struct Lane {
    std::unique_ptr<LanePlan> plan;
    std::string prefilter;  // the kernel may leave out what this rejects; empty: nothing
  };
  std::vector<Lane> lanes;
};

// Packets that were judged under one generation of the plan.
struct GenerationCount {
  std::uint64_t generation = 0;
  std::uint64_t packets = 0;
};

// Set-up and control: one thread, except where said otherwise.
class Orchestrator final : public output::InterfaceCountsReader {
 public:
  Orchestrator(std::vector<Lane> lanes, const Clock& clock, OrchestratorOptions options = {});
  ~Orchestrator() override;  // aborts and joins what still runs

  // Compiles a plan for what the sources have already shown; nothing changes. Errors: BadFilter.
  Result<StagedPlan> stage(const CapturePlan& plan) const;
  // Starts all workers.
  Result<void> start(StagedPlan plan);
  // While the workers run: from some moment soon on each acts by the new plan. No packet that both
  // plans accept is lost: what the kernel leaves out is widened, the workers are switched, what the
  // kernel leaves out is narrowed. Returns when every worker acts by it, or has ended; false when
  // that took longer than `patience`: a worker waits for an output. Then the plan comes into force
  // there as soon as it goes on (all_adopted()), and the kernel leaves nothing out until the next
  // change.
  bool change(StagedPlan plan, Duration patience);
  // Every worker acts by the plan of the last change, or has ended: what only earlier plans named
  // is free.
  [[nodiscard]] bool all_adopted() const noexcept;
  // By generation, oldest first; what is no longer kept apart comes first, as generation 0. While
  // the workers run the last ones grow. Together: what all sources have delivered. Any thread.
  [[nodiscard]] std::vector<GenerationCount> generation_counts() const;

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
  [[nodiscard]] std::uint64_t lane_generation(std::size_t index) const noexcept;
  // 0 before start(), then one a lane.
  [[nodiscard]] std::size_t workers_started() const noexcept { return workers_.size(); }
  // The worker of a lane; after start().
  [[nodiscard]] const Worker& worker(std::size_t index) const { return *workers_[index]; }
  // The pre-filter that all lanes have in common.
  [[nodiscard]] interface::Prefilter prefilter() const noexcept;
  // After join().
  [[nodiscard]] Outcome outcome() const;
  [[nodiscard]] TimeRange times() const noexcept;
  [[nodiscard]] const TimeRange& lane_times(std::size_t index) const noexcept;

  // What was lost upstream of the capture is not known here: 0.
  [[nodiscard]] output::InterfaceCounts counts(InterfaceId interface) const override;
  [[nodiscard]] output::InterfaceCounts lane_counts(std::size_t lane,
                                                    InterfaceId interface) const override;
  // Of those that read the interface; lane_count() when there is none.
  [[nodiscard]] std::size_t first_lane(InterfaceId interface) const noexcept;

 private:
  // Packets judged under a generation, by lane.
  struct Generation {
    std::uint64_t number;
    std::vector<telemetry::Counter> lanes;
    [[nodiscard]] std::uint64_t packets() const noexcept;
  };

  void count_generation(StagedPlan& plan);
  void forget_old_generations();
  bool wait_for_adoption(Duration patience);
  void set_prefilter(std::size_t lane, const std::string& expression);
  [[nodiscard]] bool is_first_loss(std::size_t index) const;
  [[nodiscard]] bool others_go_on(InterfaceId lost) const;

  const std::vector<Lane> lanes_;
  const Clock& clock_;
  const OrchestratorOptions options_;
  CoreChoice cores_;
  UniqueFd ended_;
  UniqueFd adopted_;
  std::vector<std::string> prefilters_;  // in the kernel now, by lane
  std::uint64_t generation_ = 0;
  mutable std::mutex generations_mutex_;  // guards the next two
  std::deque<Generation> generations_;
  std::uint64_t forgotten_packets_ = 0;
  std::optional<ExitReason> stop_reason_;
  std::vector<std::unique_ptr<Worker>> workers_;  // as lanes_; empty before start()
  std::vector<bool> seen_ended_;
  std::vector<Error> lane_faults_;
};

}  // namespace weir::capture
