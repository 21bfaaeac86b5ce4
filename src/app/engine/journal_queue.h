// Between one who must not wait for a disk and the journal, which writes to one.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "state/journal.h"
#include "state/journaler.h"

namespace weir::app {

class JournalQueue final : public state::Journal {
 public:
  static constexpr std::size_t kWaitingMax = 1024;

  // Borrowed.
  explicit JournalQueue(state::Journaler& journaler);
  // Writes what waits.
  ~JournalQueue() override;

  // Any thread; never waits. Error: Resource, when kWaitingMax rows wait for the disk.
  Result<void> record(const state::TransitionRecord& record) override;

 private:
  void run();

  state::Journaler& journaler_;
  std::mutex mutex_;  // guards the next two
  std::deque<state::TransitionRecord> waiting_;
  bool stopping_ = false;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace weir::app
