#include "capture/session.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::capture {
namespace {

void tell(int news_fd) noexcept {
  if (news_fd >= 0) (void)eventfd_write(news_fd, 1);
}

}  // namespace

Session::Session(std::string name, std::size_t lanes, SessionLimits limits, int news_fd)
    : name_(std::move(name)),
      news_fd_(news_fd),
      budget_{.packets = AcceptBudget(limits.packets_max),
              .bytes = AcceptBudget(limits.bytes_max)} {
  for (std::size_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<SessionLane>(budget_));
}

LedgerSnapshot Session::lane_ledger(std::size_t index) const noexcept {
  const SessionCounters& counters = lanes_[index]->counters;
  LedgerSnapshot now;
  now.received = counters.received.value();
  now.received_bytes = counters.received_bytes.value();
  now.delivered = now.received;
  now.accepted = counters.accepted.value();
  now.accepted_bytes = counters.accepted_bytes.value();
  now.truncated = counters.truncated.value();
  for (std::size_t i = 0; i < now.rejected.size(); ++i)
    now.rejected[i] = counters.rejected[i].value();
  for (std::size_t i = 0; i < now.dropped.size(); ++i) now.dropped[i] = counters.dropped[i].value();
  return now;
}

LedgerSnapshot Session::ledger() const noexcept {
  LedgerSnapshot sum;
  for (std::size_t i = 0; i < lanes_.size(); ++i) sum += lane_ledger(i);
  return sum;
}

TimeRange Session::times() const noexcept {
  TimeRange all;
  for (const auto& lane : lanes_) {
    all.first = std::min(all.first, lane->times.first);
    all.last = std::max(all.last, lane->times.last);
  }
  return all;
}

void Session::tell_limit() noexcept {
  if (!limit_told_.exchange(true)) tell(news_fd_);
}

void Session::set_limits(SessionLimits limits) noexcept {
  const LedgerSnapshot so_far = ledger();
  budget_.packets.reset(limits.packets_max, so_far.accepted);
  budget_.bytes.reset(limits.bytes_max, so_far.accepted_bytes);
  limit_told_ = false;
}

SessionOutputs::SessionOutputs(std::vector<output::Sink*> sinks, std::size_t lanes, int news_fd)
    : sinks_(std::move(sinks)), news_fd_(news_fd) {
  for (std::size_t i = 0; i < lanes; ++i) {
    std::vector<output::Sink*> own;
    for (output::Sink* sink : sinks_) own.push_back(&sink->lane(i));
    lanes_.push_back({.outlets = std::make_unique<Outlets>(own)});
  }
}

void SessionOutputs::tell_failed(const Error& why) noexcept {
  if (failing_.exchange(true)) return;
  why_ = why;
  failed_.store(true, std::memory_order_release);
  tell(news_fd_);
}

std::optional<Error> SessionOutputs::fault() const { return failed() ? why_ : std::nullopt; }

Result<void> SessionOutputs::close_lane(std::size_t index) {
  if (std::exchange(lanes_[index].closed, true)) return ok();
  return lanes_[index].outlets->close();
}

Result<void> SessionOutputs::close() {
  std::optional<Error> first;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    auto closed = close_lane(i);
    if (!closed && !first) first = std::move(closed).error();
  }
  if (first) return std::move(*first);
  return ok();
}

SessionAnalysis::SessionAnalysis(const std::vector<DeepStage*>& stages) {
  for (DeepStage* stage : stages) lanes_.push_back({.stage = stage});
}

void SessionAnalysis::finish_lane(std::size_t index) {
  Lane& lane = lanes_[index];
  if (lane.stage != nullptr && !std::exchange(lane.finished, true)) lane.stage->finish();
}

void SessionAnalysis::finish() {
  for (std::size_t i = 0; i < lanes_.size(); ++i) finish_lane(i);
}

SessionRules::SessionRules(filter::RuleSet rules, std::size_t lanes) : rules_(std::move(rules)) {
  for (std::size_t i = 0; i < lanes; ++i) {
    counters_.push_back(std::make_unique<filter::RuleCounters>(rules_.size()));
  }
}

SessionRules::Row SessionRules::row(std::size_t rule) const noexcept {
  Row sum;
  for (const auto& counters : counters_) {
    const filter::RuleCounters::Row& row =
        rule == rules_.size() ? counters->otherwise() : counters->rule(rule);
    sum.packets += row.packets.value();
    sum.bytes += row.bytes.value();
  }
  return sum;
}

}  // namespace weir::capture
