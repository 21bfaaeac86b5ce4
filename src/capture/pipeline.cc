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
                   std::span<output::Sink* const> sinks, std::uint64_t accepted_max)
    : source_(source),
      filter_(std::move(filter)),
      sinks_(sinks.begin(), sinks.end()),
      accepted_max_(accepted_max),
      headers_(std::make_unique<HeadersArray>()),
      keys_(std::make_unique<KeysArray>()),
      verdicts_(std::make_unique<Verdicts>()) {}

Step Pipeline::run_batch(Duration timeout) {
  // Credit before pull: without room at the output nothing is taken from the source, and its ring
  // is the buffer.
  if (auto credit = reserve_credit(); !credit) return fail(std::move(credit).error());

  // Never more than may still be accepted, so that the last wanted packet is also the last one
  // taken.
  const std::uint64_t wanted =
      accepted_max_ == 0 ? kBatchPacketsMax : accepted_max_ - counters_.accepted.value();
  const auto packets_max =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, kBatchPacketsMax));
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
      return fail(*source_.error());
  }
  if (auto prepared = prepare_new_interfaces(); !prepared) {
    counters_.dropped[static_cast<std::size_t>(DropReason::Stop)].add(batch_.count);
    source_.release(batch_);
    return fail(std::move(prepared).error());
  }

  protocol::parse_batch(batch_, *headers_, *keys_);
  const std::uint32_t accepted = filter_.evaluate(batch_, *headers_, kSession, *verdicts_);
  for (output::Sink* sink : sinks_) sink->write(batch_, source_.interfaces(), *verdicts_, kSession);
  count(accepted);
  source_.release(batch_);

  WEIR_DEBUG_ASSERT(ledger().balanced());
  WEIR_DEBUG_ASSERT(std::all_of(sinks_.begin(), sinks_.end(), [](const output::Sink* sink) {
    return balanced(sink->statistics());
  }));
  return accepted_max_ != 0 && counters_.accepted.value() >= accepted_max_ ? Step::LimitReached
                                                                           : Step::Packets;
}

Step Pipeline::discard_batch(Duration timeout) {
  switch (source_.next_batch(batch_, kBatchPacketsMax, timeout)) {
    case interface::Pull::Packets:
      break;
    case interface::Pull::Idle:
      return Step::Idle;
    case interface::Pull::End:
      return Step::SourceEnded;
    case interface::Pull::Failed:
      return fail(*source_.error());
  }
  counters_.rejected[static_cast<std::size_t>(RejectReason::Limit)].add(batch_.count);
  source_.release(batch_);
  return Step::Packets;
}

// An output names all interfaces of its source, also those without a packet: an empty batch tells
// it of the last ones.
void Pipeline::describe_interfaces() {
  batch_.count = 0;
  batch_.side_blocks = {};
  for (output::Sink* sink : sinks_) sink->write(batch_, source_.interfaces(), *verdicts_, kSession);
}

Result<void> Pipeline::prepare() { return prepare_new_interfaces(); }

Result<void> Pipeline::reserve_credit() {
  for (output::Sink* sink : sinks_) WEIR_CHECK(sink->reserve());
  return ok();
}

Result<void> Pipeline::prepare_new_interfaces() {
  const InterfaceTable& interfaces = source_.interfaces();
  for (; interfaces_prepared_ < interfaces.count(); ++interfaces_prepared_) {
    WEIR_CHECK(filter_.prepare(interfaces.at({interfaces_prepared_}).link_type));
  }
  return ok();
}

void Pipeline::count(std::uint32_t accepted) {
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
  counters_.rejected[static_cast<std::size_t>(RejectReason::Filter)].add(batch_.count - accepted);
  for (std::size_t i = 0; i < malformed.size(); ++i) {
    if (malformed[i] != 0) counters_.malformed[i].add(malformed[i]);
  }
}

Step Pipeline::fail(Error error) {
  error_ = std::move(error);
  return Step::Failed;
}

}  // namespace weir::capture
