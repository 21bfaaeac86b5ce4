#include "state/journaler.h"

#include <utility>

namespace weir::state {

Journaler::Journaler(Journal& journal, const Clock& clock, JournalWatcher* watcher,
                     const Options& options)
    : journal_(journal), clock_(clock), watcher_(watcher), options_(options) {}

void Journaler::record(const Entry& entry) {
  const std::lock_guard lock(mutex_);
  TransitionRecord record{.when = clock_.wall(),
                          .machine = std::string(entry.machine),
                          .from = std::string(entry.from),
                          .event = std::string(entry.event),
                          .to = std::string(entry.to),
                          .who = std::string(entry.cause.who),
                          .why = std::string(entry.cause.why),
                          .generation = generation_};
  if (watcher_ != nullptr) watcher_->recorded(record);
  if (!failing_ && write(record)) return;
  keep(std::move(record));
  write_waiting();
}

void Journaler::retry() {
  const std::lock_guard lock(mutex_);
  write_waiting();
}

// The oldest goes first: where the engine stands now is worth more than where it stood.
void Journaler::keep(TransitionRecord record) {
  waiting_records_.push_back(std::move(record));
  if (waiting_records_.size() > options_.waiting_max) {
    waiting_records_.pop_front();
    lost_.add(1);
  }
  waiting_.set(waiting_records_.size());
}

void Journaler::write_waiting() {
  if (!failing_ || clock_.monotonic() < next_try_) return;
  while (!waiting_records_.empty()) {
    if (!write(waiting_records_.front())) return;
    waiting_records_.pop_front();
    waiting_.set(waiting_records_.size());
    ++late_;
  }
  recover();
}

bool Journaler::write(const TransitionRecord& record) {
  const Result<void> result = journal_.record(record);
  if (result) {
    written_.add(1);
    return true;
  }
  failures_.add(1);
  next_try_ = clock_.monotonic() + options_.retry_interval;
  if (!failing_) {
    failing_ = true;
    late_ = 0;
    lost_before_ = lost_.value();
    if (watcher_ != nullptr) watcher_->journal_failed(result.error());
  }
  return false;
}

// What is missing is said in the journal itself, where its readers look.
void Journaler::recover() {
  const std::uint64_t lost = lost_.value() - lost_before_;
  if (lost != 0) {
    const TransitionRecord gap{.when = clock_.wall(),
                               .machine = "journal",
                               .from = "failing",
                               .event = "recovered",
                               .to = "writing",
                               .who = "journal",
                               .why = std::to_string(lost) + " records were lost before these " +
                                      std::to_string(late_) + " while it could not be written",
                               .generation = generation_};
    if (!write(gap)) return;
  }
  failing_ = false;
  if (watcher_ != nullptr) watcher_->journal_recovered(late_, lost);
}

void MoveRecorder::moved(const Move& move) noexcept {
  if (!move.fault) {
    journaler_.record({.machine = machine_,
                       .from = move.from,
                       .event = move.event,
                       .to = move.to,
                       .cause = move.cause});
    return;
  }
  const std::string why =
      "not expected in this state: a fault in weir; " + std::string(move.cause.why);
  journaler_.record({.machine = machine_,
                     .from = move.from,
                     .event = move.event,
                     .to = move.to,
                     .cause = {.who = move.cause.who, .why = why}});
}

}  // namespace weir::state
