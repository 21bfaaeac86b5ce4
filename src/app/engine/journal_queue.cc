#include "app/engine/journal_queue.h"

#include <utility>

#include "base/thread_name.h"

namespace weir::app {

JournalQueue::JournalQueue(state::Journaler& journaler)
    : journaler_(journaler), thread_([this] {
        name_this_thread("weir-journal");
        run();
      }) {}

JournalQueue::~JournalQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

Result<void> JournalQueue::record(const state::TransitionRecord& record) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() >= kWaitingMax) {
      return Error{.code = ErrorCode::Resource,
                   .context = "write journal: " + std::to_string(kWaitingMax) +
                              " rows wait for the disk already"};
    }
    waiting_.push_back(record);
  }
  wake_.notify_all();
  return ok();
}

void JournalQueue::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const state::TransitionRecord row = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    journaler_.record({.machine = row.machine,
                       .from = row.from,
                       .event = row.event,
                       .to = row.to,
                       .cause = {.who = row.who, .why = row.why}});
    lock.lock();
  }
}

}  // namespace weir::app
