#include "capture/worker.h"

#include <sys/eventfd.h>

#include <array>
#include <utility>

#include "base/thread_name.h"

namespace weir::capture {
namespace {

using state::LifecycleEvent;
using state::LifecycleState;

// How long a pull may wait: the pace at which requests are seen and counters refreshed on a quiet
// line.
constexpr Duration kPullTimeout = std::chrono::milliseconds(100);
constexpr Duration kTendInterval = std::chrono::milliseconds(100);

// Values of the request beside those of ExitReason.
constexpr std::uint8_t kNoRequest = 0xff;
constexpr std::uint8_t kAbortRequest = 0xfe;

constexpr std::array<std::string_view, 5> kReasonNames = {"eof", "count", "duration", "signal",
                                                          "error"};

}  // namespace

std::string_view name_of(ExitReason reason) noexcept {
  return kReasonNames[static_cast<std::size_t>(reason)];
}

Worker::Worker(interface::Source& source, std::unique_ptr<LanePlan> plan, const Clock& clock,
               WorkerOptions options)
    : source_(source),
      clock_(clock),
      options_(std::move(options)),
      pipeline_(source, std::move(plan), &clock),
      request_(kNoRequest) {
  pipeline_.tell_adoption(options_.adopted_fd);
}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  request_abort();
  thread_.join();
}

Result<void> Worker::start() {
  lifecycle_.handle(LifecycleEvent::Open);
  if (auto prepared = pipeline_.prepare(); !prepared) {
    lifecycle_.handle(LifecycleEvent::Fault);
    return prepared;
  }
  lifecycle_.handle(LifecycleEvent::Opened);
  thread_ = std::thread([this] { run(); });
  return ok();
}

void Worker::request_stop(ExitReason reason) noexcept {
  std::uint8_t nothing = kNoRequest;
  if (request_.compare_exchange_strong(nothing, static_cast<std::uint8_t>(reason))) source_.wake();
}

void Worker::request_abort() noexcept {
  request_.store(kAbortRequest);
  source_.wake();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::offer(std::unique_ptr<LanePlan> next) noexcept {
  pipeline_.offer(std::move(next));
  source_.wake();
}

LedgerSnapshot Worker::ledger() const noexcept { return pipeline_.ledger(); }

void Worker::run() {
  name_this_thread(options_.name);
  if (options_.cores != nullptr) core_ = options_.cores->stay_on_one();
  const MonotonicTime begin = clock_.monotonic();
  tended_ = begin;
  run_packets();
  drain();
  close();
  outcome_.elapsed = clock_.monotonic() - begin;
  ended_ = true;
  // Whoever waits for it to act by a plan need not any more.
  if (options_.adopted_fd >= 0) eventfd_write(options_.adopted_fd, 1);
  if (options_.ended_fd >= 0) eventfd_write(options_.ended_fd, 1);
}

void Worker::run_packets() {
  while (lifecycle_.state() == LifecycleState::Running) {
    heartbeat_.turn();
    handle_requests();
    if (lifecycle_.state() != LifecycleState::Running) break;
    const Step step = pipeline_.run_batch(kPullTimeout);
    switch (step) {
      case Step::Packets:
      case Step::Idle:
        break;
      case Step::LimitReached:
        outcome_.reason = ExitReason::Count;
        discard_ = true;
        lifecycle_.handle(LifecycleEvent::Stop);
        break;
      case Step::SourceEnded:
        outcome_.reason = ExitReason::Eof;
        lifecycle_.handle(LifecycleEvent::SourceEnded);
        break;
      case Step::Failed:
        fail(pipeline_.fault(), *pipeline_.error());
        break;
    }
    tend(step == Step::Idle);
  }
}

void Worker::drain() {
  if (lifecycle_.state() != LifecycleState::Draining) return;
  source_.close_intake();
  while (lifecycle_.state() == LifecycleState::Draining) {
    heartbeat_.turn();
    handle_requests();
    if (lifecycle_.state() != LifecycleState::Draining) break;
    switch (discard_ ? pipeline_.discard_batch(kPullTimeout) : pipeline_.run_batch(kPullTimeout)) {
      case Step::Packets:
      case Step::Idle:
        break;
      case Step::LimitReached:
        outcome_.reason = ExitReason::Count;
        discard_ = true;
        break;
      case Step::SourceEnded:
        lifecycle_.handle(LifecycleEvent::Drained);
        break;
      case Step::Failed:
        fail(pipeline_.fault(), *pipeline_.error());
        break;
    }
  }
}

void Worker::close() {
  source_.close();
  // Sessions of a service outlive its workers: whoever owns them closes them.
  if (auto closed = pipeline_.close_sessions(); !closed) {
    fail(Fault::Outputs, std::move(closed).error());
  }
  lifecycle_.handle(outcome_.error ? LifecycleEvent::Fault : LifecycleEvent::Closed);
}

void Worker::handle_requests() {
  const std::uint8_t request = request_.load();
  if (request == kNoRequest) return;
  const bool running = lifecycle_.state() == LifecycleState::Running;
  if (request == kAbortRequest) {
    if (running) outcome_.reason = ExitReason::Signal;
    lifecycle_.handle(LifecycleEvent::Abort);
  } else if (running) {
    outcome_.reason = static_cast<ExitReason>(request);
    lifecycle_.handle(LifecycleEvent::Stop);
  }
}

void Worker::fail(Fault fault, Error error) {
  outcome_.reason = ExitReason::Error;
  if (!outcome_.error) {
    outcome_.error = std::move(error);
    outcome_.fault = fault;
  }
  // In Closing the event waits until close() is through.
  if (lifecycle_.state() != LifecycleState::Closing) lifecycle_.handle(LifecycleEvent::Fault);
}

// Counters from the kernel about ten times a second, and recent packets to readers while the line
// is quiet.
void Worker::tend(bool idle) {
  if (idle) {
    pipeline_.flush_outputs();
    if (!source_.lossless()) pipeline_.pass_time(clock_.wall());
  }
  const MonotonicTime now = clock_.monotonic();
  if (now - tended_ < kTendInterval) return;
  tended_ = now;
  source_.refresh_statistics();
}

}  // namespace weir::capture
