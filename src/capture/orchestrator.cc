#include "capture/orchestrator.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::capture {

Orchestrator::Orchestrator(std::vector<Lane> lanes, const Clock& clock, OrchestratorOptions options)
    : lanes_(std::move(lanes)),
      clock_(clock),
      options_(options),
      budget_(options.accepted_max),
      cores_(static_cast<std::uint32_t>(lanes_.size())),
      ended_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      seen_ended_(lanes_.size()) {}

Orchestrator::~Orchestrator() = default;

Result<filter::FrameFilter> Orchestrator::compile(std::string_view expression) const {
  filter::FrameFilter filter(std::string(expression), scope_);
  for (const Lane& lane : lanes_) {
    const InterfaceTable& interfaces = lane.source->interfaces();
    for (std::uint32_t i = 0; i < interfaces.count(); ++i) {
      WEIR_CHECK(filter.prepare(interfaces.at({i}).link_type));
    }
  }
  return filter;
}

Result<void> Orchestrator::set_filter(std::string_view expression, filter::Scope scope) {
  scope_ = scope;
  WEIR_TRY(filter_, compile(expression));
  return ok();
}

Result<void> Orchestrator::start(std::span<output::Sink* const> sinks,
                                 std::span<DeepStage* const> stages) {
  if (!ended_) return system_error(errno, "create an event descriptor");
  WEIR_ASSERT(stages.empty() || stages.size() == lanes_.size());
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    DeepStage* const stage = stages.empty() ? nullptr : stages[i];
    workers_.push_back(std::make_unique<Worker>(
        *lanes_[i].source, filter_.clone(), sinks, clock_, budget_,
        WorkerOptions{.pipeline = {.snaplen = options_.snaplen, .deep = stage},
                      .cores = options_.stay_on_cores ? &cores_ : nullptr,
                      .ended_fd = ended_.get()}));
  }
  for (const auto& worker : workers_) WEIR_CHECK(worker->start());
  return ok();
}

Result<void> Orchestrator::change_filter(std::string_view expression) {
  WEIR_TRY(filter_, compile(expression));
  for (const Lane& lane : lanes_) (void)lane.source->set_prefilter("");
  for (const auto& worker : workers_) {
    worker->offer_filter(std::make_unique<filter::FrameFilter>(filter_.clone()));
  }
  for (const auto& worker : workers_) worker->wait_for_filter();
  if (scope_ == filter::Scope::Frame) {
    for (const Lane& lane : lanes_) (void)lane.source->set_prefilter(expression);
  }
  return ok();
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

output::InterfaceCounts Orchestrator::counts(InterfaceId interface) const {
  const LedgerSnapshot ledger = interface_ledger(interface);
  return {.received = ledger.received,
          .accepted = ledger.accepted,
          .dropped = ledger.dropped[static_cast<std::size_t>(DropReason::Kernel)],
          .delivered = ledger.delivered};
}

}  // namespace weir::capture
