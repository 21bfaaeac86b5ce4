// Commands of people and programs to a running engine: handed in by any thread, carried out one
// after the other by the engine's thread, each with an id and, once it is over, one entry in the
// journal.
//
// For control, not for packets: the submitter waits under a mutex and a condition variable.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "state/journaler.h"
#include "telemetry/counter.h"

namespace weir::state {

struct CommandOutcome {
  std::uint64_t generation = 0;  // of the configuration, in force now
  std::string message;
  std::vector<std::string> needs_restart;  // keys whose new value waits for a restart
};

// What a command does. Owned by the queue until it is over; destroyed by the engine's thread
// (by the submitter's when it is not accepted at all).
class CommandAction {
 public:
  virtual ~CommandAction() = default;
  // The engine's thread. Must not wait: all other commands do meanwhile.
  virtual Result<CommandOutcome> run() = 0;
};

struct CommandRequest {
  std::string who;     // "alice (uid 1000)", "signal SIGHUP"
  std::string name;    // "session.pause"
  std::string object;  // the session, the module; may be empty
  Duration deadline = std::chrono::seconds(10);
};

struct CommandDone {
  std::uint64_t id = 0;
  CommandOutcome outcome;
};

class CommandQueue {
 public:
  struct Options {
    std::size_t waiting_max = 64;
    std::uint64_t first_id = 1;  // above those in the journal
  };

  // The journaler outlives the queue.
  static Result<std::unique_ptr<CommandQueue>> open(Journaler& journaler, const Options& options);
  static Result<std::unique_ptr<CommandQueue>> open(Journaler& journaler) {
    return open(journaler, Options{});
  }
  // Nobody waits in submit() any more: close() has been called, and the submitters have returned.
  ~CommandQueue();

  // Any thread but the engine's. Waits until the command is done or refused, or its deadline has
  // passed. Errors: those of the action; TimedOut, when it was withdrawn, or has begun and goes on,
  // as the error says; Resource when too many wait; Conflict when the engine is ending. The last
  // two have no id and no entry.
  Result<CommandDone> submit(const CommandRequest& request, std::unique_ptr<CommandAction> action);
  // For the engine's thread too: nobody waits for it, and it has no deadline. Returns its id.
  Result<std::uint64_t> post(const CommandRequest& request, std::unique_ptr<CommandAction> action);

  // The engine's thread. Readable when run_pending() has something to do.
  [[nodiscard]] int fd() const noexcept { return wake_.get(); }
  // Carries out what waits (not what is handed in meanwhile); returns how many commands it ran.
  std::size_t run_pending();
  // Refuses what waits, and whatever comes: the engine is ending.
  void close();

  // Any thread.
  [[nodiscard]] std::uint64_t done() const noexcept { return done_.value(); }
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_.value(); }
  [[nodiscard]] std::uint64_t timed_out() const noexcept { return timed_out_.value(); }
  [[nodiscard]] std::uint64_t turned_away() const noexcept { return turned_away_.value(); }

 private:
  enum class Phase : std::uint8_t { Waiting, Running, Over };
  struct Entry {
    std::uint64_t id;
    CommandRequest request;
    std::unique_ptr<CommandAction> action;
    Phase phase = Phase::Waiting;
    bool awaited = false;    // somebody waits in submit()
    bool withdrawn = false;  // its deadline passed before it began
    Result<CommandOutcome> result = CommandOutcome{};
  };

  CommandQueue(Journaler& journaler, const Options& options, UniqueFd wake)
      : journaler_(journaler),
        options_(options),
        wake_(std::move(wake)),
        next_id_(options.first_id) {}

  Result<Entry*> enqueue(const CommandRequest& request, std::unique_ptr<CommandAction> action,
                         bool awaited);
  Error give_up(Entry& entry);
  Entry& take_next();
  void finish(Entry& entry, Result<CommandOutcome> result);
  void journal(const Entry& entry, const Result<CommandOutcome>& result);
  void forget(const Entry& entry);

  Journaler& journaler_;
  const Options options_;
  UniqueFd wake_;

  std::mutex mutex_;
  std::condition_variable over_;
  std::vector<std::unique_ptr<Entry>> entries_;  // all that somebody still needs
  std::deque<Entry*> waiting_;
  std::size_t withdrawn_ = 0;  // of `waiting_`
  std::uint64_t next_id_;
  bool closed_ = false;

  telemetry::Counter done_;
  telemetry::Counter refused_;
  telemetry::Counter timed_out_;
  telemetry::Counter turned_away_;
};

}  // namespace weir::state
