#include "capture/orchestrator.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "capture/plan_compiler.h"

namespace weir::capture {
namespace {

// Kept apart in generation_counts().
constexpr std::size_t kGenerationsMax = 1024;

// "eth0/1"; of files, whose interfaces are not known yet, "weir-read".
std::string name_of(const Lane& lane) {
  const InterfaceTable& interfaces = lane.source->interfaces();
  if (lane.source->lossless() || lane.interface.index >= interfaces.count()) return "weir-read";
  return interfaces.at(lane.interface).name + "/" + std::to_string(lane.queue);
}

}  // namespace

Orchestrator::Orchestrator(std::vector<Lane> lanes, const Clock& clock, OrchestratorOptions options)
    : lanes_(std::move(lanes)),
      clock_(clock),
      options_(std::move(options)),
      cores_(static_cast<std::uint32_t>(lanes_.size())),
      ended_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      adopted_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      prefilters_(lanes_.size(), options_.prefilter),
      seen_ended_(lanes_.size()) {}

Orchestrator::~Orchestrator() = default;

Result<StagedPlan> Orchestrator::stage(const CapturePlan& plan) const {
  WEIR_ASSERT(plan.sessions.size() <= kSessionsMax);
  PlanCompiler compiler(plan, lanes_);
  StagedPlan staged{.generation = plan.generation};
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    WEIR_TRY(StagedPlan::Lane one, compiler.compile(lane));
    staged.lanes.push_back(std::move(one));
  }
  return staged;
}

Result<void> Orchestrator::start(StagedPlan plan) {
  if (!ended_ || !adopted_) return system_error(errno, "create an event descriptor");
  count_generation(plan);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    workers_.push_back(
        std::make_unique<Worker>(*lanes_[i].source, std::move(plan.lanes[i].plan), clock_,
                                 WorkerOptions{.name = name_of(lanes_[i]),
                                               .cores = options_.stay_on_cores ? &cores_ : nullptr,
                                               .ended_fd = ended_.get(),
                                               .adopted_fd = adopted_.get()}));
  }
  for (const auto& worker : workers_) {
    if (auto started = worker->start(); !started) {
      // Those before it must not outlive what the plan names.
      request_abort();
      join();
      return started;
    }
  }
  for (std::size_t i = 0; i < lanes_.size(); ++i) set_prefilter(i, plan.lanes[i].prefilter);
  return ok();
}

bool Orchestrator::change(StagedPlan plan, Duration patience) {
  count_generation(plan);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (plan.lanes[i].prefilter != prefilters_[i]) set_prefilter(i, "");
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i]->offer(std::move(plan.lanes[i].plan));
  }
  const bool adopted = wait_for_adoption(patience);
  for (std::size_t i = 0; adopted && i < lanes_.size(); ++i) {
    set_prefilter(i, plan.lanes[i].prefilter);
  }
  return adopted;
}

void Orchestrator::set_prefilter(std::size_t lane, const std::string& expression) {
  if (expression == prefilters_[lane]) return;
  prefilters_[lane] = expression;
  (void)lanes_[lane].source->set_prefilter(expression);
}

bool Orchestrator::all_adopted() const noexcept {
  return std::all_of(workers_.begin(), workers_.end(), [this](const auto& worker) {
    return worker->generation() == generation_ || worker->ended();
  });
}

bool Orchestrator::wait_for_adoption(Duration patience) {
  const MonotonicTime deadline = clock_.monotonic() + patience;
  while (!all_adopted()) {
    const Duration left = deadline - clock_.monotonic();
    if (left <= Duration(0)) return false;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    pollfd news{adopted_.get(), POLLIN, 0};
    (void)::poll(&news, 1, static_cast<int>(std::min<std::int64_t>(ms, 1000)));
    eventfd_t ignored = 0;
    (void)eventfd_read(adopted_.get(), &ignored);
  }
  return true;
}

void Orchestrator::count_generation(StagedPlan& plan) {
  const std::lock_guard lock(generations_mutex_);
  generation_ = plan.generation;
  forget_old_generations();
  generations_.push_back(
      {.number = plan.generation, .lanes = std::vector<telemetry::Counter>(lanes_.size())});
  for (std::size_t i = 0; i < plan.lanes.size(); ++i) {
    plan.lanes[i].plan->judged = &generations_.back().lanes[i];
  }
}

// Those that no worker acts by any more, when there are many.
void Orchestrator::forget_old_generations() {
  std::uint64_t oldest_used = generation_;
  for (const auto& worker : workers_) {
    if (!worker->ended()) oldest_used = std::min(oldest_used, worker->generation());
  }
  while (generations_.size() >= kGenerationsMax && generations_.front().number < oldest_used) {
    forgotten_packets_ += generations_.front().packets();
    generations_.pop_front();
  }
}

std::uint64_t Orchestrator::Generation::packets() const noexcept {
  std::uint64_t sum = 0;
  for (const telemetry::Counter& lane : lanes) sum += lane.value();
  return sum;
}

std::vector<GenerationCount> Orchestrator::generation_counts() const {
  const std::lock_guard lock(generations_mutex_);
  std::vector<GenerationCount> counts;
  if (forgotten_packets_ != 0) counts.push_back({.generation = 0, .packets = forgotten_packets_});
  for (const Generation& generation : generations_) {
    counts.push_back({.generation = generation.number, .packets = generation.packets()});
  }
  return counts;
}

void Orchestrator::request_stop(ExitReason reason) noexcept {
  if (!stop_reason_) stop_reason_ = reason;
  for (const auto& worker : workers_) worker->request_stop(reason);
}

void Orchestrator::request_abort() noexcept {
  for (const auto& worker : workers_) worker->request_abort();
}

bool Orchestrator::tend() {
  eventfd_t ignored = 0;
  (void)eventfd_read(ended_.get(), &ignored);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (seen_ended_[i] || !workers_[i]->ended()) continue;
    seen_ended_[i] = true;
    const Outcome& outcome = workers_[i]->outcome();
    if (outcome.reason == ExitReason::Count) request_stop(ExitReason::Count);
    if (outcome.fault == Fault::Outputs) request_stop(ExitReason::Error);
    if (outcome.fault == Fault::Source && is_first_loss(i) && others_go_on(lanes_[i].interface)) {
      lane_faults_.push_back(*outcome.error);
    }
  }
  return std::all_of(seen_ended_.begin(), seen_ended_.end(), [](bool ended) { return ended; });
}

// All lanes of an interface see it go.
bool Orchestrator::is_first_loss(std::size_t index) const {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (i != index && seen_ended_[i] && lanes_[i].interface == lanes_[index].interface &&
        workers_[i]->outcome().fault == Fault::Source) {
      return false;
    }
  }
  return true;
}

bool Orchestrator::others_go_on(InterfaceId lost) const {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (lanes_[i].interface != lost && !workers_[i]->ended()) return true;
  }
  return false;
}

std::optional<Error> Orchestrator::take_lane_fault() {
  if (lane_faults_.empty()) return std::nullopt;
  Error fault = std::move(lane_faults_.front());
  lane_faults_.erase(lane_faults_.begin());
  return fault;
}

void Orchestrator::join() {
  for (const auto& worker : workers_) worker->join();
}

LedgerSnapshot Orchestrator::lane_ledger(std::size_t index) const noexcept {
  return workers_.empty() ? LedgerSnapshot{} : workers_[index]->ledger();
}

LedgerSnapshot Orchestrator::ledger() const noexcept {
  LedgerSnapshot sum;
  for (std::size_t i = 0; i < workers_.size(); ++i) sum += lane_ledger(i);
  return sum;
}

LedgerSnapshot Orchestrator::interface_ledger(InterfaceId interface) const noexcept {
  LedgerSnapshot sum;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (lanes_[i].interface == interface) sum += lane_ledger(i);
  }
  return sum;
}

std::uint64_t Orchestrator::lane_generation(std::size_t index) const noexcept {
  return workers_.empty() ? 0 : workers_[index]->generation();
}

int Orchestrator::lane_core(std::size_t index) const noexcept {
  return workers_.empty() ? -1 : workers_[index]->core();
}

interface::Prefilter Orchestrator::prefilter() const noexcept {
  interface::Prefilter common {
    .place = interface::FilterPlace::User, .counted = true
  };
  for (const Lane& lane : lanes_) {
    const interface::Prefilter one = lane.source->prefilter();
    if (one.place == interface::FilterPlace::Kernel) common.place = one.place;
    common.counted = common.counted && one.counted;
  }
  return common;
}

Outcome Orchestrator::outcome() const {
  Outcome whole;
  bool counted = false;
  for (const auto& worker : workers_) {
    const Outcome& one = worker->outcome();
    whole.elapsed = std::max(whole.elapsed, one.elapsed);
    counted = counted || one.reason == ExitReason::Count;
    if (one.error && !whole.error) {
      whole.error = one.error;
      whole.fault = one.fault;
    }
  }
  if (whole.error && (!stop_reason_ || whole.fault == Fault::Outputs)) {
    whole.reason = ExitReason::Error;
  } else if (stop_reason_) {
    whole.reason = *stop_reason_;
  } else if (counted) {
    whole.reason = ExitReason::Count;
  } else {
    whole.reason = workers_.empty() ? ExitReason::Eof : workers_.front()->outcome().reason;
  }
  return whole;
}

const TimeRange& Orchestrator::lane_times(std::size_t index) const noexcept {
  return workers_[index]->times();
}

TimeRange Orchestrator::times() const noexcept {
  TimeRange all;
  for (const auto& worker : workers_) {
    all.first = std::min(all.first, worker->times().first);
    all.last = std::max(all.last, worker->times().last);
  }
  return all;
}

namespace {

output::InterfaceCounts counts_of(const LedgerSnapshot& ledger) noexcept {
  return {.received = ledger.received,
          .accepted = ledger.accepted,
          .dropped = ledger.dropped[static_cast<std::size_t>(DropReason::Kernel)],
          .delivered = ledger.delivered};
}

}  // namespace

output::InterfaceCounts Orchestrator::counts(InterfaceId interface) const {
  return counts_of(interface_ledger(interface));
}

output::InterfaceCounts Orchestrator::lane_counts(std::size_t lane, InterfaceId interface) const {
  return lanes_[lane].interface == interface ? counts_of(lane_ledger(lane))
                                             : output::InterfaceCounts{};
}

std::size_t Orchestrator::first_lane(InterfaceId interface) const noexcept {
  const auto first = std::find_if(lanes_.begin(), lanes_.end(),
                                  [&](const Lane& lane) { return lane.interface == interface; });
  return static_cast<std::size_t>(first - lanes_.begin());
}

}  // namespace weir::capture
