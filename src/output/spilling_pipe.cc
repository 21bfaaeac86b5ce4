#include "output/spilling_pipe.h"

#include <signal.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/assert.h"
#include "output/output_error.h"

// What the worker does; spilling_pipe_thread.cc has the rest.
namespace weir::output {

Result<std::unique_ptr<SpillingPipe>> SpillingPipe::open(UniqueFd fd,
                                                         std::unique_ptr<buffer::SpillTarget> queue,
                                                         const Options& options) {
  WEIR_TRY(auto pipe, PipeWriter::open(std::move(fd), options.path));
  UniqueFd bell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!bell) return system_error(errno, "write " + options.path);
  WEIR_TRY(auto ring, RecordRing::create(std::uint64_t{options.credits_max} * kBatchRoomBytes +
                                         kTransitBytes));
  return std::unique_ptr<SpillingPipe>(new SpillingPipe(
      std::move(pipe), std::move(bell), std::move(ring), std::move(queue), options));
}

SpillingPipe::SpillingPipe(PipeWriter pipe, UniqueFd bell, std::unique_ptr<RecordRing> ring,
                           std::unique_ptr<buffer::SpillTarget> queue, const Options& options)
    : policy_(options.full_policy),
      path_(options.path),
      room_bytes_(std::uint64_t{options.credits_max} * kBatchRoomBytes),
      ring_(std::move(ring)),
      queue_(std::move(queue)),
      pipe_(std::move(pipe)),
      encoder_(options.identity, options.counts),
      bell_(std::move(bell)) {
  WEIR_ASSERT(options.credits_max >= 1 && options.credits_max <= kCreditsMax);
  collect_warning();
}

SpillingPipe::~SpillingPipe() {
  if (closed_) return;
  cancel();
  end_thread();
}

Result<void> SpillingPipe::reserve() {
  if (!error_ && !closed_) {
    if (become_sender()) send_directly();
    (void)wait_for_room(room_bytes_, Patience::ByPolicy);
    // Before it has to be waited for.
    if (short_of_room() && sender_.load() == Sender::Thread && !stuck_.load()) ring_bell();
    settle();
  }
  return state();
}

void SpillingPipe::write(const Offer& offer) {
  const std::uint32_t wanted = count_wanted(offer.batch, offer.verdicts, offer.session);
  statistics_.offered.add(wanted);
  if (error_ || closed_) {
    const auto reason = error_ ? lost_reason(error_->sys_errno) : LostReason::Closed;
    lost_[static_cast<std::size_t>(reason)].add(wanted);
    settle();
    return;
  }
  encoder_.begin(offer.batch, offer.interfaces, offer.verdicts, offer.session, offer.dropped);
  encode(Patience::ByPolicy);
  settle();
}

Result<void> SpillingPipe::flush() {
  if (!error_ && !closed_) {
    encoder_.begin_empty();
    encode(Patience::ByPolicy);
    if (become_sender()) {
      send_directly();
      // Nobody may come back soon, and the reader may: the thread waits for it.
      if (become_sender()) {
        if (ring_->empty()) {
          sender_.store(Sender::Nobody);
        } else {
          hand_over();
        }
      }
    }
    settle();
  }
  return state();
}

Result<void> SpillingPipe::close() {
  if (closed_) return state();
  if (!error_) {
    encoder_.begin_empty();
    encode(Patience::Endless);
    encoder_.begin_end();
    encode(Patience::Endless);
    for (;;) {
      const std::uint32_t seen = progress_.load();
      take_failure();
      if (error_) break;
      if (become_sender()) {
        if (ring_->empty()) break;
        hand_over();
      }
      progress_.wait(seen);
    }
  }
  end_thread();
  closed_ = true;
  settle();
  if (error_) note(SpillEvent::Fail);
  note(SpillEvent::Close);
  collect_warning();
  queue_->rest();
  const int error = pipe_.close();
  if (error != 0 && !error_) error_ = system_error(error, "close " + path_);
  return state();
}

void SpillingPipe::cancel() noexcept { pipe_.cancel(); }

bool SpillingPipe::become_sender() noexcept {
  Sender nobody = Sender::Nobody;
  return sender_.compare_exchange_strong(nobody, Sender::Worker);
}

// What the reader takes at once. The worker sends, and then nobody.
void SpillingPipe::send_directly() {
  const int error = send_from_ring(ring_->end() - ring_->begin());
  if (error != 0 && error != EAGAIN) {
    fail(error);
    take_failure();
    return;
  }
  if (ring_->empty()) ring_->rewind();
  sender_.store(Sender::Nobody);
}

// Not before it is needed: what a thread may do it has from the one that begins it, and a capture
// gives up its rights once everything is open.
bool SpillingPipe::begin_thread() {
  if (thread_.joinable()) return true;
  // The new thread inherits the mask of this one.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    fail(error.code().value());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread_.joinable();
}

void SpillingPipe::end_thread() {
  if (!thread_.joinable()) return;
  stopping_.store(true);
  ring_bell();
  thread_.join();
}

// The worker sends, and then the thread.
void SpillingPipe::hand_over() {
  if (!begin_thread()) return;
  note(SpillEvent::Stall);
  sender_.store(Sender::Thread);
  ring_bell();
}

void SpillingPipe::ring_bell() noexcept {
  if (!rung_.exchange(true)) (void)eventfd_write(bell_.get(), 1);
}

// Until the ring has so much room. False: it has not, and the policy is not to wait; or a failure.
bool SpillingPipe::wait_for_room(std::uint64_t bytes, Patience patience) {
  for (;;) {
    const std::uint32_t seen = progress_.load();
    if (ring_->free() >= bytes) return true;
    take_failure();
    if (error_) return false;
    if (become_sender()) {
      hand_over();
    } else if (stuck_.load()) {
      if (patience == Patience::ByPolicy && policy_ == FullPolicy::Drop) return false;
    } else {
      ring_bell();
    }
    progress_.wait(seen);
  }
}

// What the encoder holds goes into the ring; what finds no room there waits, or is dropped.
void SpillingPipe::encode(Patience patience) {
  for (;;) {
    Window free = ring_->window();
    const Fill filled = encoder_.fill(free);
    ring_->take(free);
    if (filled == Fill::Done) return;
    if (ring_->has_room()) continue;  // the window ended with the ring's memory
    if (wait_for_room(1, patience)) continue;
    if (error_) return;
    const std::uint32_t lost = encoder_.lose_rest();
    lost_[static_cast<std::size_t>(LostReason::SlowReader)].add(lost);
    return;
  }
}

// --- the ledger

// Pending is what is left: whoever counts meanwhile, the row is balanced.
SinkCounts SpillingPipe::counts() const noexcept {
  SinkCounts counts{.written = written_.value(), .written_bytes = written_bytes_.value()};
  for (std::size_t i = 0; i < counts.lost.size(); ++i) counts.lost[i] = lost_[i].value();
  counts.lost[static_cast<std::size_t>(LostReason::WriteError)] += unreadable_.value();
  std::uint64_t gone = counts.written;
  for (const std::uint64_t lost : counts.lost) gone += lost;
  counts.offered = std::max(statistics_.offered.value(), gone);
  counts.pending = counts.offered - gone;
  return counts;
}

// Takes over what the thread has done.
void SpillingPipe::settle() {
  take_failure();
  const SinkCounts now = counts();
  statistics_.written.set(now.written);
  statistics_.written_bytes.set(now.written_bytes);
  for (std::size_t i = 0; i < now.lost.size(); ++i) statistics_.lost[i].set(now.lost[i]);
  statistics_.pending.set(now.pending);
}

// What the thread ended with is the end of the sink.
void SpillingPipe::take_failure() {
  const int sys_errno = failure_.load();
  if (sys_errno == 0 || error_) return;
  error_ = output_error(sys_errno, path_, sent_bytes_.value(), written_.value());
  lost_[static_cast<std::size_t>(lost_reason(sys_errno))].add(counts().pending);
}

Result<void> SpillingPipe::state() const {
  if (error_) return *error_;
  return ok();
}

std::optional<SpillStatus> SpillingPipe::spill() const noexcept {
  const buffer::SpillCounts queue = queue_->counts();
  return SpillStatus{
      .state = kSpillTable.name_of(state_.load()), .bytes = queue.bytes, .packets = queue.packets};
}

double SpillingPipe::fill() const noexcept {
  const SpillState state = state_.load();
  if (state == SpillState::Failed || state == SpillState::Closed) return 0;
  if (state == SpillState::Blocked) return 1;
  const buffer::SpillCounts queue = queue_->counts();
  if (queue.bytes_max == 0) return 0;
  return static_cast<double>(queue.bytes) / static_cast<double>(queue.bytes_max);
}

std::optional<Error> SpillingPipe::take_warning() {
  const std::lock_guard lock(warning_lock_);
  return std::exchange(warning_, std::nullopt);
}

}  // namespace weir::output
