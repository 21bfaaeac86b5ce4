#include "state/command_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace weir::state {
namespace {

// What may be added to any time without running over.
constexpr Duration kDeadlineMax = std::chrono::hours(24);

std::string described(const CommandRequest& request) {
  return request.object.empty() ? request.name : request.name + " " + request.object;
}

std::string in_seconds(Duration duration) {
  const std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

Error ending(const CommandRequest& request) {
  return {.code = ErrorCode::Conflict,
          .context = described(request) + ": the engine is ending (wait until it is back)"};
}

Error not_begun(const CommandRequest& request) {
  return {.code = ErrorCode::TimedOut,
          .context = described(request) + ": not begun within " + in_seconds(request.deadline) +
                     " and withdrawn (the engine is busy; try again)"};
}

}  // namespace

Result<std::unique_ptr<CommandQueue>> CommandQueue::open(Journaler& journaler,
                                                         const Options& options) {
  UniqueFd wake(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake) return system_error(errno, "create the eventfd of the command queue");
  return std::unique_ptr<CommandQueue>(new CommandQueue(journaler, options, std::move(wake)));
}

CommandQueue::~CommandQueue() = default;

Result<CommandDone> CommandQueue::submit(const CommandRequest& request,
                                         std::unique_ptr<CommandAction> action) {
  std::unique_lock lock(mutex_);
  WEIR_TRY(Entry * entry, enqueue(request, std::move(action), true));
  const auto is_over = [entry] { return entry->phase == Phase::Over; };
  if (!over_.wait_for(lock, std::min(request.deadline, kDeadlineMax), is_over))
    return give_up(*entry);
  Result<CommandOutcome> result = std::move(entry->result);
  const std::uint64_t id = entry->id;
  forget(*entry);
  WEIR_TRY(CommandOutcome outcome, std::move(result));
  return CommandDone{.id = id, .outcome = std::move(outcome)};
}

Result<std::uint64_t> CommandQueue::post(const CommandRequest& request,
                                         std::unique_ptr<CommandAction> action) {
  const std::lock_guard lock(mutex_);
  WEIR_TRY(const Entry* entry, enqueue(request, std::move(action), false));
  return entry->id;
}

Result<CommandQueue::Entry*> CommandQueue::enqueue(const CommandRequest& request,
                                                   std::unique_ptr<CommandAction> action,
                                                   bool awaited) {
  if (closed_) {
    turned_away_.add(1);
    return ending(request);
  }
  // What has been withdrawn holds no place, though the engine has not looked at it yet.
  if (waiting_.size() - withdrawn_ >= options_.waiting_max) {
    turned_away_.add(1);
    return Error{.code = ErrorCode::Resource,
                 .context = described(request) + ": " + std::to_string(options_.waiting_max) +
                            " commands are waiting already (try again later)"};
  }
  Entry& entry = *entries_.emplace_back(std::make_unique<Entry>(Entry{
      .id = next_id_++, .request = request, .action = std::move(action), .awaited = awaited}));
  waiting_.push_back(&entry);
  const std::uint64_t one = 1;
  // It can only fail when the count is at its end, and then the descriptor is readable already.
  static_cast<void>(!::write(wake_.get(), &one, sizeof one));
  return &entry;
}

// The entry stays with the engine's thread, which journals it.
Error CommandQueue::give_up(Entry& entry) {
  entry.awaited = false;
  if (entry.phase == Phase::Running) {
    return {.code = ErrorCode::TimedOut,
            .context = described(entry.request) + ": not done within " +
                       in_seconds(entry.request.deadline) +
                       ", but it has begun and goes on (see command " + std::to_string(entry.id) +
                       " in the journal)"};
  }
  entry.withdrawn = true;
  ++withdrawn_;
  return not_begun(entry.request);
}

std::size_t CommandQueue::run_pending() {
  std::uint64_t count = 0;
  static_cast<void>(!::read(wake_.get(), &count, sizeof count));  // nothing to read is fine
  std::size_t ran = 0;
  std::unique_lock lock(mutex_);
  for (std::size_t left = waiting_.size(); left != 0 && !waiting_.empty(); --left) {
    Entry& entry = take_next();
    lock.unlock();
    if (entry.withdrawn) {
      finish(entry, not_begun(entry.request));
    } else {
      finish(entry, entry.action->run());
      ++ran;
    }
    lock.lock();
  }
  return ran;
}

void CommandQueue::close() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  while (!waiting_.empty()) {
    Entry& entry = take_next();
    lock.unlock();
    finish(entry, entry.withdrawn ? not_begun(entry.request) : ending(entry.request));
    lock.lock();
  }
}

CommandQueue::Entry& CommandQueue::take_next() {
  Entry& entry = *waiting_.front();
  waiting_.pop_front();
  if (entry.withdrawn) {
    --withdrawn_;
  } else {
    entry.phase = Phase::Running;
  }
  return entry;
}

// In the journal before the submitter hears of it.
void CommandQueue::finish(Entry& entry, Result<CommandOutcome> result) {
  journal(entry, result);
  entry.action.reset();
  const std::lock_guard lock(mutex_);
  entry.phase = Phase::Over;
  if (!entry.awaited) return forget(entry);
  entry.result = std::move(result);
  over_.notify_all();
}

void CommandQueue::journal(const Entry& entry, const Result<CommandOutcome>& result) {
  telemetry::Counter& counter = entry.withdrawn ? timed_out_ : result ? done_ : refused_;
  counter.add(1);
  std::string why;
  if (result) {
    why = result->message;
  } else {
    why = (entry.withdrawn ? "timed out: " : "refused: ") + result.error().context;
  }
  journaler_.record({.machine = "command " + std::to_string(entry.id),
                     .from = "waiting",
                     .event = described(entry.request),
                     .to = entry.withdrawn ? "timed_out"
                           : result        ? "done"
                                           : "refused",
                     .cause = {.who = entry.request.who, .why = why}});
}

void CommandQueue::forget(const Entry& entry) {
  std::erase_if(entries_, [&entry](const auto& kept) { return kept.get() == &entry; });
}

}  // namespace weir::state
