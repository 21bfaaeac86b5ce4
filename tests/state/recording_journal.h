// A journal that keeps what it is given, and fails when told to.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "state/journal.h"

namespace weir::test {

class RecordingJournal final : public state::Journal {
 public:
  Result<void> record(const state::TransitionRecord& record) override {
    const std::lock_guard lock(mutex_);
    ++attempts_;
    if (full_) return Error{.code = ErrorCode::NoSpace, .context = "write journal: disk full"};
    records_.push_back(record);
    return ok();
  }
  void set_full(bool full) {
    const std::lock_guard lock(mutex_);
    full_ = full;
  }
  [[nodiscard]] std::vector<state::TransitionRecord> records() const {
    const std::lock_guard lock(mutex_);
    return records_;
  }
  [[nodiscard]] std::size_t attempts() const {
    const std::lock_guard lock(mutex_);
    return attempts_;
  }
  // "machine: from -event-> to", of one machine or of all.
  [[nodiscard]] std::vector<std::string> lines(const std::string& machine = "") const {
    std::vector<std::string> lines;
    for (const auto& record : records()) {
      if (!machine.empty() && record.machine != machine) continue;
      lines.push_back(record.machine + ": " + record.from + " -" + record.event + "-> " +
                      record.to);
    }
    return lines;
  }

 private:
  mutable std::mutex mutex_;
  bool full_ = false;
  std::size_t attempts_ = 0;
  std::vector<state::TransitionRecord> records_;
};

}  // namespace weir::test
