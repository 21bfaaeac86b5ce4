#include "capture/pipeline.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "protocol/headers/parse_batch.h"

namespace weir::capture {

Pipeline::Pipeline(interface::Source& source, std::unique_ptr<LanePlan> plan, const Clock* clock)
    : source_(source),
      clock_(clock),
      waits_(source.lossless()),
      plan_(std::move(plan)),
      generation_(plan_->generation),
      headers_(std::make_unique<HeadersArray>()),
      keys_(std::make_unique<KeysArray>()),
      verdicts_(std::make_unique<Verdicts>()) {}

Pipeline::~Pipeline() { delete offered_.load(); }

Step Pipeline::run_batch(Duration timeout) {
  adopt_offered_plan();
  if (exhausted()) return Step::LimitReached;
  // Credit before pull: without room at the output nothing is taken from the source, and its ring
  // is the buffer.
  if (auto credit = reserve(); !credit) return fail(Fault::Outputs, std::move(credit).error());
  switch (source_.next_batch(batch_, packets_wanted(), timeout)) {
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

  StageTimer timer(telemetry_, clock_);
  // Where they come from: of raw frames first, then of what was found in them.
  plan_->sources.check_frames(batch_, sources_);
  protocol::parse_batch(batch_, *headers_, *keys_);
  plan_->sources.check_tenants(batch_, *keys_, sources_);
  timer.end(Stage::Headers);
  plan_->filters.evaluate(batch_, *headers_, *verdicts_);
  withhold_refused();
  read_relief();
  judge();
  timer.end(Stage::Filter);
  analyse();
  timer.end(Stage::Deep);
  write();
  timer.end(Stage::Output);
  count();
  source_.release(batch_);

  WEIR_DEBUG_ASSERT(ledger().balanced());
  return exhausted() ? Step::LimitReached : Step::Packets;
}

Step Pipeline::discard_batch(Duration timeout) {
  adopt_offered_plan();
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
  count_judged(batch_.count);
  source_.release(batch_);
  return Step::Packets;
}

void Pipeline::offer(std::unique_ptr<LanePlan> next) noexcept {
  // What was offered before and not taken yet is no longer wanted.
  delete offered_.exchange(next.release());
}

void Pipeline::adopt_offered_plan() noexcept {
  if (offered_.load(std::memory_order_relaxed) == nullptr) return;
  std::unique_ptr<LanePlan> next(offered_.exchange(nullptr));
  if (next == nullptr) return;
  plan_ = std::move(next);
  generation_.store(plan_->generation, std::memory_order_release);
  if (adopted_fd_ >= 0) (void)eventfd_write(adopted_fd_, 1);
}

// A session that has lost its outputs goes on, and counts what it loses, until somebody takes it
// out of the plan. An error: no session is left that takes packets, and the capture is over.
Result<void> Pipeline::reserve() {
  std::optional<Error> last;
  bool any_works = !plan_->ends_with_sessions || plan_->sessions.empty();
  for (const LanePlan::View& session : plan_->sessions) {
    auto credit = session.outlets != nullptr ? session.outlets->reserve() : ok();
    any_works = any_works || credit.ok();
    if (credit) continue;
    session.outputs->tell_failed(credit.error());
    last = std::move(credit).error();
  }
  if (any_works) return ok();
  return std::move(*last);
}

bool Pipeline::exhausted() const noexcept {
  if (!plan_->ends_with_sessions || plan_->sessions.empty()) return false;
  return std::all_of(plan_->sessions.begin(), plan_->sessions.end(),
                     [](const auto& session) { return session.lane->budget().exhausted(); });
}

// Of a capture that ends with its sessions never more than may still be accepted, so that the last
// wanted packet is also the last one taken.
std::uint32_t Pipeline::packets_wanted() const noexcept {
  if (!plan_->ends_with_sessions || plan_->sessions.empty()) return kBatchPacketsMax;
  std::uint64_t most = 0;
  for (const LanePlan::View& session : plan_->sessions) {
    most = std::max(most, session.lane->budget().packets.left());
  }
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(most, 1, std::uint64_t{kBatchPacketsMax}));
}

// An output names all interfaces of its source, also those without a packet: an empty batch tells
// it of the last ones.
void Pipeline::describe_interfaces() {
  batch_.count = 0;
  batch_.side_blocks = {};
  batch_.gap = {};
  write();
}

Result<void> Pipeline::prepare() { return prepare_new_interfaces(); }

Result<void> Pipeline::prepare_new_interfaces() {
  const InterfaceTable& interfaces = source_.interfaces();
  for (; interfaces_prepared_ < interfaces.count(); ++interfaces_prepared_) {
    const LinkType link_type = interfaces.at({interfaces_prepared_}).link_type;
    WEIR_CHECK(plan_->filters.prepare(link_type));
    for (LanePlan::View& session : plan_->sessions) {
      if (session.rules) WEIR_CHECK(session.rules->prepare(link_type));
    }
  }
  security::SourceValidator& sources = plan_->sources;
  while (sources.interfaces_prepared() < interfaces.count()) {
    sources.prepare(interfaces.at({sources.interfaces_prepared()}).name);
  }
  return ok();
}

// What came from where nothing may come from no session wants, whatever its filter says.
void Pipeline::withhold_refused() {
  if (sources_.refused == 0) return;
  for (std::uint32_t i = 0; i < batch_.count; ++i) {
    if (sources_.of(i) != security::SourceRefusal::None) verdicts_->wanted[i] = 0;
  }
  refused_sources_.count(batch_, *keys_, sources_);
}

// Once a batch, so that all of it is treated alike.
void Pipeline::read_relief() noexcept {
  if (waits_) return;
  for (std::size_t i = 0; i < plan_->sessions.size(); ++i) {
    const std::uint64_t word = plan_->sessions[i].session->relief_word();
    if (word == relief_words_[i]) continue;
    relief_words_[i] = word;
    relief_[i] = relief_of(word);
  }
}

// What is left of the filters' verdicts after rules, pressure and limits.
void Pipeline::judge() {
  over_limit_.reset();
  under_pressure_.reset();
  sums_ = sums();
  for (std::size_t i = 0; i < plan_->sessions.size(); ++i) {
    accepted_[i] = judge(plan_->sessions[i], relief_[i]);
  }
}

std::uint32_t Pipeline::judge(const LanePlan::View& session, const Relief& relief) {
  SessionLane& lane = *session.lane;
  const auto reject = [&](RejectReason reason, std::uint32_t packets) {
    if (packets != 0) lane.counters.rejected[static_cast<std::size_t>(reason)].add(packets);
  };
  lane.counters.received.add(sums_.offered);
  lane.counters.received_bytes.add(sums_.offered_bytes);
  if (session.paused) {
    reject(RejectReason::Paused, sums_.offered);
    return 0;
  }
  const std::uint32_t matching = packets_with(session.bit);
  std::uint32_t wanted = matching;
  if (session.rules) {
    wanted = session.rules->evaluate(batch_, *headers_, *keys_, session.bit, *verdicts_,
                                     *lane.outcomes, *session.rule_counters);
  }
  reject(RejectReason::Filter, sums_.offered - matching);
  reject(RejectReason::Rule, matching - wanted);
  if (relief.drops()) {
    wanted -= lane.drop(batch_, *headers_, *verdicts_, session.bit, relief, under_pressure_);
  }
  const std::uint32_t kept =
      lane.keep_within_budget(batch_, *verdicts_, session.bit, wanted, over_limit_);
  reject(RejectReason::Limit, wanted - kept);
  if (lane.budget().exhausted()) session.session->tell_limit();
  if (relief.cutoff_bytes != 0 || (session.rules && session.rules->has_cutoffs())) {
    if (!session.rules) lane.keep_all(batch_.count);
    lane.cutoff->apply(
        batch_, *headers_, *verdicts_, session.bit,
        {.rules = session.rules ? &*session.rules : nullptr, .every_flow = relief.cutoff_bytes},
        *lane.outcomes);
  }
  return kept;
}

void Pipeline::analyse() {
  for (std::size_t i = 0; i < plan_->sessions.size(); ++i) {
    const LanePlan::View& session = plan_->sessions[i];
    if (session.stage == nullptr) continue;
    limit_flows(session, relief_[i]);
    if (accepted_[i] == 0) continue;
    if (session.uids != nullptr) session.uids->set_store_ref(session.outlets->store_ref());
    session.stage->take(batch_, *headers_, *keys_, *verdicts_, session.bit, session.uids);
  }
}

// Told again with every batch while there is a bound: the stage may be another than before.
void Pipeline::limit_flows(const LanePlan::View& session, const Relief& relief) {
  if (relief.flow_share == Relief::kWholeShare &&
      session.lane->flow_share_told == Relief::kWholeShare) {
    return;
  }
  session.lane->flow_share_told = relief.flow_share;
  session.stage->limit_flows(relief.flow_share);
}

// Each session has of a packet what it keeps: the frame is shortened for the time of its turn.
void Pipeline::write() {
  for (std::size_t i = 0; i < plan_->sessions.size(); ++i) {
    const LanePlan::View& session = plan_->sessions[i];
    const std::uint32_t width = smaller_bound(session.snaplen, relief_[i].keep_bytes);
    const bool by_outcomes = session.rules.has_value() || relief_[i].cutoff_bytes != 0;
    const bool cuts = width != 0 || by_outcomes;
    if (cuts) session.lane->cut(batch_, width, by_outcomes);
    session.lane->count_accepted(batch_, *verdicts_, session.bit);
    if (session.outlets != nullptr) {
      session.outlets->write({.batch = batch_,
                              .interfaces = source_.interfaces(),
                              .verdicts = *verdicts_,
                              .session = session.bit,
                              .headers = headers_.get(),
                              .keys = keys_.get(),
                              .uids = session.uids,
                              .dropped = session.lane->take_dropped()});
    }
    if (cuts) session.lane->restore(batch_);
  }
}

std::uint32_t Pipeline::packets_with(SessionMask bit) const noexcept {
  std::uint32_t packets = 0;
  for (std::uint32_t i = 0; i < batch_.count; ++i) {
    packets += (verdicts_->wanted[i] & bit) != 0 ? 1u : 0u;
  }
  return packets;
}

Pipeline::BatchSums Pipeline::sums() const noexcept {
  // A packet is truncated when no session can have all of it.
  std::uint32_t widest = plan_->sessions.empty() ? kPacketBytesMax : 0;
  for (std::size_t i = 0; i < plan_->sessions.size(); ++i) {
    const std::uint32_t width = smaller_bound(plan_->sessions[i].snaplen, relief_[i].keep_bytes);
    widest = std::max(widest, width == 0 ? kPacketBytesMax : width);
  }
  BatchSums sums{.offered = batch_.count - sources_.refused};
  for (std::uint32_t i = 0; i < batch_.count; ++i) {
    const Packet& packet = batch_.packets[i];
    sums.truncated += std::min(packet.captured_bytes, widest) < packet.wire_bytes ? 1u : 0u;
    if (sources_.of(i) == security::SourceRefusal::None) sums.offered_bytes += packet.wire_bytes;
  }
  return sums;
}

RejectReason Pipeline::reason_for(std::uint32_t packet, bool all_paused) const noexcept {
  switch (sources_.of(packet)) {
    case security::SourceRefusal::None:
      break;
    case security::SourceRefusal::Blocked:
      return RejectReason::Policy;
    default:
      return RejectReason::Source;
  }
  if (over_limit_[packet]) return RejectReason::Limit;
  return all_paused ? RejectReason::Paused : RejectReason::Filter;
}

// The capture's own row: a packet is accepted when at least one session keeps it, and dropped when
// one that wanted it did without it and no other keeps it.
void Pipeline::count() {
  const bool all_paused = std::all_of(plan_->sessions.begin(), plan_->sessions.end(),
                                      [](const auto& session) { return session.paused; });
  std::array<std::uint32_t, kReasonCount<RejectReason>> rejected{};
  std::array<std::uint32_t, kReasonCount<MalformedReason>> malformed{};
  std::uint32_t accepted = 0;
  std::uint32_t dropped = 0;
  std::uint64_t accepted_bytes = 0;
  for (std::uint32_t i = 0; i < batch_.count; ++i) {
    const Packet& packet = batch_.packets[i];
    ++malformed[static_cast<std::size_t>((*headers_)[i].malformed)];
    if (packet.has_time) {
      times_.first = std::min(times_.first, packet.time);
      times_.last = std::max(times_.last, packet.time);
    }
    if (verdicts_->wanted[i] != 0) {
      ++accepted;
      accepted_bytes += packet.wire_bytes;
      continue;
    }
    if (under_pressure_[i]) {
      ++dropped;
      continue;
    }
    ++rejected[static_cast<std::size_t>(reason_for(i, all_paused))];
  }
  counters_.accepted.add(accepted);
  counters_.accepted_bytes.add(accepted_bytes);
  counters_.truncated.add(sums_.truncated);
  if (dropped != 0) counters_.dropped[static_cast<std::size_t>(DropReason::Pressure)].add(dropped);
  for (std::size_t i = 0; i < rejected.size(); ++i) {
    if (rejected[i] != 0) counters_.rejected[i].add(rejected[i]);
  }
  for (std::size_t i = 0; i < malformed.size(); ++i) {
    if (malformed[i] != 0) counters_.malformed[i].add(malformed[i]);
  }
  count_judged(batch_.count);
  telemetry_.batches.add(1);
  telemetry_.batch_packets.observe(batch_.count);
  // What a session does not want shows it that time passes all the same. Of files only what is
  // wanted counts, so that it does not matter who filtered them.
  if (source_.lossless() || times_.empty()) return;
  for (std::size_t i = 0; i < plan_->sessions.size(); ++i) {
    DeepStage* const stage = plan_->sessions[i].stage;
    if (stage != nullptr && accepted_[i] == 0) stage->idle(times_.last);
  }
}

void Pipeline::count_judged(std::uint32_t packets) noexcept {
  if (plan_->judged != nullptr) plan_->judged->add(packets);
}

void Pipeline::flush_outputs() {
  for (const LanePlan::View& session : plan_->sessions) {
    if (session.outlets != nullptr) session.outlets->flush();
  }
}

void Pipeline::pass_time(Timestamp now) {
  for (const LanePlan::View& session : plan_->sessions) {
    if (session.stage != nullptr) session.stage->idle(now);
  }
}

Result<void> Pipeline::close_sessions() {
  if (!plan_->ends_with_sessions) return ok();
  std::optional<Error> first;
  for (const LanePlan::View& session : plan_->sessions) {
    if (session.analysis != nullptr) session.analysis->finish_lane(plan_->lane);
    if (session.outputs == nullptr) continue;
    auto closed = session.outputs->close_lane(plan_->lane);
    if (!closed && !first) first = std::move(closed).error();
  }
  if (first) return std::move(*first);
  return ok();
}

Step Pipeline::fail(Fault fault, Error error) {
  fault_ = fault;
  error_ = std::move(error);
  return Step::Failed;
}

}  // namespace weir::capture
