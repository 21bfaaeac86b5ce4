// Writes transitions to the journal, and never stops the engine when the journal fails: what could
// not be written waits in a bounded queue and is written later, in order.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/time.h"
#include "state/journal.h"
#include "state/machine.h"
#include "telemetry/counter.h"

namespace weir::state {

// Told of what goes through a Journaler, by the thread that records. Must not record itself.
class JournalWatcher {
 public:
  virtual ~JournalWatcher() = default;
  // Each record as it happens, whether the journal works or not.
  virtual void recorded(const TransitionRecord& record) noexcept = 0;
  // Once per outage: records wait from now on.
  virtual void journal_failed(const Error& error) noexcept = 0;
  // `late` records have been written after all; `lost` fell out of the full queue.
  virtual void journal_recovered(std::uint64_t late, std::uint64_t lost) noexcept = 0;
};

// Any thread that may wait for the disk: not a worker.
class Journaler {
 public:
  struct Options {
    std::size_t waiting_max = 1024;  // when more wait, the oldest is lost
    Duration retry_interval = std::chrono::seconds(1);
  };
  struct Entry {
    std::string_view machine;
    std::string_view from;
    std::string_view event;
    std::string_view to;
    Cause cause;
  };

  // All outlive the journaler.
  Journaler(Journal& journal, const Clock& clock, JournalWatcher* watcher, const Options& options);
  Journaler(Journal& journal, const Clock& clock, JournalWatcher* watcher = nullptr)
      : Journaler(journal, clock, watcher, Options{}) {}

  // Stamps it with the wall time and the generation.
  void record(const Entry& entry);
  // During an outage: tries again, once its interval has passed. Called now and then; the
  // supervisor's step() does.
  void retry();

  // Of the configuration, which records carry from now on.
  void set_generation(std::uint64_t generation) noexcept { generation_ = generation; }

  // Any thread.
  [[nodiscard]] std::uint64_t written() const noexcept { return written_.value(); }
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_.value(); }
  [[nodiscard]] std::uint64_t waiting() const noexcept { return waiting_.value(); }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.value(); }

 private:
  void keep(TransitionRecord record);
  void write_waiting();
  bool write(const TransitionRecord& record);
  void recover();

  Journal& journal_;
  const Clock& clock_;
  JournalWatcher* watcher_;
  const Options options_;
  std::atomic<std::uint64_t> generation_{0};

  std::mutex mutex_;
  std::deque<TransitionRecord> waiting_records_;
  bool failing_ = false;
  MonotonicTime next_try_{};
  std::uint64_t late_ = 0;         // written late in this outage
  std::uint64_t lost_before_ = 0;  // when this outage began

  telemetry::Counter written_;
  telemetry::Counter failures_;
  telemetry::Counter waiting_;
  telemetry::Counter lost_;
};

// Journals the transitions of one machine under the name of that machine ("session all").
class MoveRecorder final : public MachineObserver {
 public:
  MoveRecorder(Journaler& journaler, std::string machine)
      : journaler_(journaler), machine_(std::move(machine)) {}

  void moved(const Move& move) noexcept override;
  [[nodiscard]] const std::string& machine() const noexcept { return machine_; }

 private:
  Journaler& journaler_;
  std::string machine_;
};

}  // namespace weir::state
