#include "output/pcapng_pipe.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "output/output_error.h"

namespace weir::output {

namespace {

std::uint64_t ring_bytes(const PcapngPipe::Options& options) noexcept {
  const std::uint64_t credits = std::uint64_t{options.credits_max} * kBatchRoomBytes;
  const std::uint64_t least =
      options.full_policy == FullPolicy::Drop ? PcapngPipe::kDropBytes : credits;
  return std::max(credits, least);
}

PipeWriter::Wait wait_by(FullPolicy policy) noexcept {
  return policy == FullPolicy::Drop ? PipeWriter::Wait::Never : PipeWriter::Wait::ForReader;
}

}  // namespace

Result<std::unique_ptr<PcapngPipe>> PcapngPipe::open(UniqueFd fd, const Options& options) {
  WEIR_TRY(auto pipe, PipeWriter::open(std::move(fd), options.path));
  WEIR_TRY(auto ring, RecordRing::create(ring_bytes(options)));
  return std::unique_ptr<PcapngPipe>(new PcapngPipe(std::move(pipe), std::move(ring), options));
}

PcapngPipe::PcapngPipe(PipeWriter pipe, std::unique_ptr<RecordRing> ring, const Options& options)
    : pipe_(std::move(pipe)),
      policy_(options.full_policy),
      path_(options.path),
      encoder_(options.identity, options.counts),
      ring_(std::move(ring)) {
  WEIR_ASSERT(options.credits_max >= 1 && options.credits_max <= kCreditsMax);
}

// Credits need no counting: with Block the ring is empty after each reserve(), and as large as all
// that may be out.
Result<void> PcapngPipe::reserve() { return push(policy_); }

void PcapngPipe::write(const Offer& offer) {
  const std::uint32_t wanted = count_wanted(offer.batch, offer.verdicts, offer.session);
  statistics_.offered.add(wanted);
  if (error_ || closed_) {
    const auto reason = error_ ? lost_reason(error_->sys_errno) : LostReason::Closed;
    statistics_.lost[static_cast<std::size_t>(reason)].add(wanted);
    return;
  }
  statistics_.pending.set(statistics_.pending.value() + wanted);
  encoder_.begin(offer.batch, offer.interfaces, offer.verdicts, offer.session, offer.dropped);
  encode(policy_);
}

// What the encoder holds goes into the ring; what finds no room there waits, or is dropped.
void PcapngPipe::encode(FullPolicy policy) {
  for (;;) {
    Window free = ring_->window();
    const Fill filled = encoder_.fill(free);
    ring_->take(free);
    if (filled == Fill::Done) return;
    if (ring_->has_room()) continue;  // the window ended with the ring's memory
    if (!push(policy)) return;
    if (ring_->has_room()) continue;
    const std::uint32_t lost = encoder_.lose_rest();
    statistics_.lost[static_cast<std::size_t>(LostReason::SlowReader)].add(lost);
    statistics_.pending.set(statistics_.pending.value() - lost);
    return;
  }
}

Result<void> PcapngPipe::push(FullPolicy policy) {
  if (error_ || closed_ || ring_->empty()) return state();
  const int error = send(policy);
  if (error == 0 || error == EAGAIN) {
    if (ring_->empty()) ring_->rewind();
    return ok();
  }
  error_ = output_error(error, path_, ring_->begin(), statistics_.written.value());
  statistics_.lost[static_cast<std::size_t>(lost_reason(error))].add(statistics_.pending.value());
  statistics_.pending.set(0);
  failed_.store(true, std::memory_order_relaxed);
  return state();
}

// 0, or the errno that ended it; EAGAIN when the reader would have to be waited for.
int PcapngPipe::send(FullPolicy policy) noexcept {
  int error = 0;
  while (error == 0 && !ring_->empty()) {
    const Bytes front = ring_->front();
    std::size_t sent = 0;
    error = pipe_.send(front, wait_by(policy), sent);
    const std::uint64_t packets = meter_.feed(front.first(sent));
    ring_->pop(sent);
    statistics_.written.add(packets);
    statistics_.written_bytes.set(meter_.whole_bytes());
    statistics_.pending.set(statistics_.pending.value() - packets);
  }
  return error;
}

void PcapngPipe::cancel() noexcept { pipe_.cancel(); }

Result<void> PcapngPipe::flush() {
  if (error_ || closed_) return state();
  encoder_.begin_empty();
  encode(policy_);
  return push(policy_);
}

Result<void> PcapngPipe::close() {
  if (closed_) return state();
  if (!error_) {
    encoder_.begin_empty();
    encode(FullPolicy::Block);
    encoder_.begin_end();
    encode(FullPolicy::Block);
    (void)push(FullPolicy::Block);
  }
  closed_ = true;
  const int error = pipe_.close();
  if (error != 0 && !error_) error_ = system_error(error, "close " + path_);
  return state();
}

Result<void> PcapngPipe::state() const {
  if (error_) return *error_;
  return ok();
}

}  // namespace weir::output
