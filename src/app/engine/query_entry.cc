#include "app/engine/query_entry.h"

#include <array>
#include <utility>

#include "capture/retrieval/answer_notes.h"
#include "control/http_poll.h"

namespace weir::app {
namespace {

// Of what the capture lost, so many gaps are told one by one.
constexpr std::size_t kGapsTold = 8;
constexpr std::array<std::string_view, static_cast<std::size_t>(QueryState::kCount)> kNames = {
    "planning", "running", "done", "cancelled", "client_gone", "failed"};

}  // namespace

std::string_view name_of(QueryState state) noexcept {
  return kNames[static_cast<std::size_t>(state)];
}

QueryEntry::QueryEntry(std::uint64_t id, const control::PacketQuery& query,
                       std::vector<std::string> stores, Timestamp begun, UniqueFd bell)
    : id_(id), bell_(std::move(bell)) {
  status_.id = id;
  status_.who = query.who;
  status_.session = query.session;
  status_.stores = std::move(stores);
  if (query.since) {
    window_.since = *query.since;
    status_.since = epoch_seconds(*query.since);
  }
  if (query.until) {
    window_.until = *query.until;
    status_.until = epoch_seconds(*query.until);
  }
  status_.filter = query.filter;
  status_.inner = query.inner;
  status_.community_id = query.community_id;
  status_.limit = query.packets_max;
  status_.begun = begun;
}

control::QueryStatus QueryEntry::status() const {
  const std::lock_guard lock(mutex_);
  control::QueryStatus status = status_;
  status.state = name_of(state_);
  if (source_ != nullptr) {
    const interface::Progress progress = source_->progress();
    status.read_bytes = progress.bytes_done;
    status.total_bytes = progress.bytes_total;
  }
  return status;
}

QueryState QueryEntry::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::string QueryEntry::cancelled_by() const {
  const std::lock_guard lock(mutex_);
  return cancelled_by_;
}

bool QueryEntry::cancel(std::string_view who) {
  const std::lock_guard lock(mutex_);
  if (has_ended(state_)) return false;
  if (cancelled_by_.empty()) cancelled_by_ = who;
  stop_.store(true, std::memory_order_relaxed);
  control::ring(bell_.get());
  if (source_ != nullptr) source_->wake();
  return true;
}

void QueryEntry::run(interface::Source& source) {
  const std::lock_guard lock(mutex_);
  state_ = QueryState::Running;
  source_ = &source;
}

void QueryEntry::count(std::uint64_t packets, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  status_.packets += packets;
  status_.bytes += bytes;
}

void QueryEntry::end(const QueryOutcome& outcome) {
  const capture::retrieval::QueryCounts& counts = outcome.counts;
  const std::lock_guard lock(mutex_);
  if (source_ != nullptr) {
    const interface::Progress progress = source_->progress();
    status_.read_bytes = progress.bytes_done;
    status_.total_bytes = progress.bytes_total;
    source_ = nullptr;
  }
  state_ = outcome.state;
  status_.ended = outcome.ended;
  status_.limited = outcome.limited;
  status_.complete = outcome.state == QueryState::Done && !outcome.limited && counts.complete();
  status_.out_of_order = counts.packets_out_of_order;
  status_.lost.packets = counts.lost.packets;
  if (!counts.lost.times.empty()) {
    status_.lost.first = counts.lost.times.first;
    status_.lost.last = counts.lost.times.last;
  }
  status_.damaged_packets = counts.packets_damaged;
  status_.missing = capture::retrieval::missing_sentences(counts, window_, kGapsTold);
  status_.notes = counts.notes.kept();
  status_.error = outcome.error;
}

}  // namespace weir::app
