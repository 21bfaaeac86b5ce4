#include "capture/pipeline.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "protocol/headers/parse_batch.h"

namespace weir::capture {
namespace {

// The one session that `read` and `capture` build from their flags.
constexpr SessionMask kSession = 1;

}  // namespace

Pipeline::Pipeline(interface::Source& source, filter::FrameFilter filter,
                   std::span<output::Sink* const> sinks, AcceptBudget& budget,
                   PipelineOptions options)
    : source_(source),
      filter_(std::move(filter)),
      outlets_(sinks),
      budget_(budget),
      options_(options),
      headers_(std::make_unique<HeadersArray>()),
      keys_(std::make_unique<KeysArray>()),
      verdicts_(std::make_unique<Verdicts>()) {}

Pipeline::~Pipeline() { delete offered_filter_.load(); }

Step Pipeline::run_batch(Duration timeout) {
  take_offered_filter();
  if (budget_.exhausted()) return Step::LimitReached;
  // Credit before pull: without room at the output nothing is taken from the source, and its ring
  // is the buffer.
  if (auto credit = outlets_.reserve(); !credit) {
    return fail(Fault::Outputs, std::move(credit).error());
  }
  // Never more than may still be accepted, so that the last wanted packet is also the last one
  // taken.
  const auto packets_max =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(budget_.left(), kBatchPacketsMax));
  switch (source_.next_batch(batch_, packets_max, timeout)) {
    case interface::Pull::Packets:
      break;
    case interface::Pull::Idle:
      return Step::Idle;
    case interface::Pull::End:
      describe_interfaces();
      return Step::SourceEnded;
    case interface::Pull::Failed:
      describe_interfaces();
      return fail(Fault::Source, *source_.error());
  }
  if (auto prepared = prepare_new_interfaces(); !prepared) {
    counters_.dropped[static_cast<std::size_t>(DropReason::Stop)].add(batch_.count);
    source_.release(batch_);
    return fail(Fault::Source, std::move(prepared).error());
  }

  protocol::parse_batch(batch_, *headers_, *keys_);
  const std::uint32_t matching = filter_.evaluate(batch_, *headers_, kSession, *verdicts_);
  const std::uint32_t accepted = keep_within_budget(matching);
  if (options_.deep != nullptr && accepted != 0) {
    options_.deep->take(batch_, *headers_, *keys_, *verdicts_, kSession);
  }
  cut_to_snaplen();
  outlets_.write(batch_, source_.interfaces(), *verdicts_, kSession);
  count(accepted, matching - accepted);
  source_.release(batch_);
  // What nobody wants shows that time passes all the same. Of files only what is wanted counts, so
  // that it does not matter who filtered them.
  if (accepted == 0 && !source_.lossless() && !times_.empty()) pass_time(times_.last);

  WEIR_DEBUG_ASSERT(ledger().balanced());
  return budget_.exhausted() ? Step::LimitReached : Step::Packets;
}

Step Pipeline::discard_batch(Duration timeout) {
  take_offered_filter();
  switch (source_.next_batch(batch_, kBatchPacketsMax, timeout)) {
    case interface::Pull::Packets:
      break;
    case interface::Pull::Idle:
      return Step::Idle;
    case interface::Pull::End:
      return Step::SourceEnded;
    case interface::Pull::Failed:
      return fail(Fault::Source, *source_.error());
  }
  counters_.rejected[static_cast<std::size_t>(RejectReason::Limit)].add(batch_.count);
  source_.release(batch_);
  return Step::Packets;
}

void Pipeline::offer_filter(std::unique_ptr<filter::FrameFilter> next) noexcept {
  // What was offered before and not taken yet is no longer wanted.
  delete offered_filter_.exchange(next.release());
}

void Pipeline::wait_for_filter() const noexcept {
  for (;;) {
    filter::FrameFilter* const offered = offered_filter_.load();
    if (offered == nullptr) return;
    offered_filter_.wait(offered);
  }
}

void Pipeline::take_offered_filter() noexcept {
  if (offered_filter_.load() == nullptr) return;
  const std::unique_ptr<filter::FrameFilter> next(offered_filter_.exchange(nullptr));
  if (next == nullptr) return;
  filter_ = std::move(*next);
  offered_filter_.notify_all();
}

// An output names all interfaces of its source, also those without a packet: an empty batch tells
// it of the last ones.
void Pipeline::describe_interfaces() {
  batch_.count = 0;
  batch_.side_blocks = {};
  batch_.gap = {};
  outlets_.write(batch_, source_.interfaces(), *verdicts_, kSession);
}

Result<void> Pipeline::prepare() { return prepare_new_interfaces(); }

Result<void> Pipeline::prepare_new_interfaces() {
  const InterfaceTable& interfaces = source_.interfaces();
  for (; interfaces_prepared_ < interfaces.count(); ++interfaces_prepared_) {
    WEIR_CHECK(filter_.prepare(interfaces.at({interfaces_prepared_}).link_type));
  }
  return ok();
}

// With several workers the budget may have been used up since the pull: what is over it at the end
// of the batch is not wanted any more.
std::uint32_t Pipeline::keep_within_budget(std::uint32_t accepted) noexcept {
  const auto granted = static_cast<std::uint32_t>(budget_.take(accepted));
  std::uint32_t over = accepted - granted;
  for (std::uint32_t i = batch_.count; over > 0 && i-- > 0;) {
    if ((verdicts_->wanted[i] & kSession) == 0) continue;
    verdicts_->wanted[i] &= ~kSession;
    --over;
  }
  return granted;
}

void Pipeline::cut_to_snaplen() noexcept {
  if (options_.snaplen == 0) return;
  for (std::uint32_t i = 0; i < batch_.count; ++i) {
    Packet& packet = batch_.packets[i];
    packet.captured_bytes = std::min(packet.captured_bytes, options_.snaplen);
  }
}

void Pipeline::count(std::uint32_t accepted, std::uint32_t over_limit) {
  std::uint64_t accepted_bytes = 0;
  std::uint64_t truncated = 0;
  std::array<std::uint32_t, kReasonCount<MalformedReason>> malformed{};
  for (std::uint32_t i = 0; i < batch_.count; ++i) {
    const Packet& packet = batch_.packets[i];
    accepted_bytes += (verdicts_->wanted[i] & kSession) != 0 ? packet.wire_bytes : 0;
    truncated += packet.captured_bytes < packet.wire_bytes ? 1 : 0;
    ++malformed[static_cast<std::size_t>((*headers_)[i].malformed)];
    if (packet.has_time) {
      times_.first = std::min(times_.first, packet.time);
      times_.last = std::max(times_.last, packet.time);
    }
  }
  counters_.accepted.add(accepted);
  counters_.accepted_bytes.add(accepted_bytes);
  counters_.truncated.add(truncated);
  counters_.rejected[static_cast<std::size_t>(RejectReason::Filter)].add(batch_.count - accepted -
                                                                         over_limit);
  counters_.rejected[static_cast<std::size_t>(RejectReason::Limit)].add(over_limit);
  for (std::size_t i = 0; i < malformed.size(); ++i) {
    if (malformed[i] != 0) counters_.malformed[i].add(malformed[i]);
  }
}

Step Pipeline::fail(Fault fault, Error error) {
  fault_ = fault;
  error_ = std::move(error);
  return Step::Failed;
}

}  // namespace weir::capture
