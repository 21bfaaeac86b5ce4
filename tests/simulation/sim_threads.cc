#include "simulation/sim_threads.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "simulation/real_libc.h"

namespace weir::test {
namespace {

constexpr RealFunction<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)> real_create(
    "pthread_create");
constexpr RealFunction<int(pthread_t, void**)> real_join("pthread_join");
constexpr RealFunction<int(pthread_mutex_t*)> real_trylock("pthread_mutex_trylock");
constexpr RealFunction<int(pthread_mutex_t*)> real_unlock("pthread_mutex_unlock");
constexpr RealFunction<int(pollfd*, nfds_t, int)> real_poll("poll");
constexpr RealFunction<long(long, const void*, int, int, const void*, void*, int)> real_syscall(
    "syscall");

// What the time of a clock_gettime(2) may be.
constexpr std::int64_t kAskingNs = 20;
// Descriptors are looked at when nobody has anything to do, and so often besides.
constexpr std::uint64_t kTurnsBetweenLooks = 32;

// The turn of one thread, waited for in the kernel.
class Baton {
 public:
  void give() noexcept {
    given_.store(1, std::memory_order_release);
    real_syscall(SYS_futex, &given_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  void take() noexcept {
    while (given_.load(std::memory_order_acquire) == 0) {
      real_syscall(SYS_futex, &given_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
    given_.store(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint32_t> given_ = 0;
};

}  // namespace

struct SimThreads::Task {
  SimThreads* threads = nullptr;
  std::uint32_t number = 0;
  pthread_t thread{};
  void* (*begin)(void*) = nullptr;
  void* with = nullptr;
  std::string name;
  Baton baton;
  Waits waits = Waits::No;
  const void* object = nullptr;
  MonotonicTime until = kNever;  // of the wait
  MonotonicTime frozen_until{};
  bool woken = false;
  bool ended = false;
  pollfd* fds = nullptr;
  nfds_t fd_count = 0;
};

namespace {

struct Here {
  SimThreads* threads = nullptr;
  void* task = nullptr;
};
// What the functions of the C library ask: they have no argument for it.
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
thread_local constinit Here here;

}  // namespace

SimThreads* SimThreads::of_this_thread() noexcept { return here.threads; }

SimThreads::SimThreads(const Options& options, Witness& witness)
    : random_(options.seed),
      switches_(options.switches),
      witness_(witness),
      wall_at_zero_(options.wall),
      now_(1'000'000'000) {
  WEIR_ASSERT(here.threads == nullptr);
  tasks_.push_back(std::make_unique<Task>());
  tasks_.back()->threads = this;
  tasks_.back()->thread = ::pthread_self();
  tasks_.back()->name = "main";
  here = {this, tasks_.back().get()};
}

SimThreads::~SimThreads() {
  for (const auto& task : tasks_) {
    WEIR_ASSERT(task->number == 0 || task->ended);
  }
  here = {};
}

SimThreads::Task& SimThreads::me() const noexcept { return *static_cast<Task*>(here.task); }

void SimThreads::name_this_thread(const char* name) noexcept { me().name = name; }

void SimThreads::freeze(std::string_view name, MonotonicTime until) noexcept {
  for (const auto& task : tasks_) {
    if (task->name == name) task->frozen_until = until;
  }
}

int SimThreads::create(pthread_t* thread, const pthread_attr_t* attributes, void* (*begin)(void*),
                       void* with) {
  auto task = std::make_unique<Task>();
  task->threads = this;
  task->number = static_cast<std::uint32_t>(tasks_.size());
  task->begin = begin;
  task->with = with;
  task->name = "thread " + std::to_string(task->number);
  const int error = real_create(&task->thread, attributes, &SimThreads::run, task.get());
  if (error != 0) return error;
  *thread = task->thread;
  tasks_.push_back(std::move(task));
  return 0;
}

void* SimThreads::run(void* task) {
  Task& me = *static_cast<Task*>(task);
  SimThreads& threads = *me.threads;
  me.baton.take();
  here = {&threads, task};
  void* const result = me.begin(me.with);
  me.ended = true;
  threads.wake_all(Waits::Join, &me);
  Task& next = threads.choose();
  here = {};  // what still happens to this thread is nobody's concern
  next.baton.give();
  return result;
}

int SimThreads::join(pthread_t thread, void** result) {
  const auto found = std::find_if(tasks_.begin(), tasks_.end(), [&](const auto& task) {
    return task->thread == thread && task->number != 0 && task->begin != nullptr;
  });
  WEIR_ASSERT(found != tasks_.end());
  Task& other = **found;
  while (!other.ended) block(Waits::Join, &other, kNever);
  const int error = real_join(thread, result);
  other.begin = nullptr;  // its number may be another one's soon
  return error;
}

bool SimThreads::block(Waits waits, const void* object, MonotonicTime until) {
  Task& task = me();
  task.waits = waits;
  task.object = object;
  task.until = until;
  task.woken = false;
  pass_on(task);
  task.waits = Waits::No;
  return task.woken;
}

void SimThreads::pass_on(Task& from) {
  Task& next = choose();
  if (&next == &from) return;
  next.baton.give();
  from.baton.take();
}

void SimThreads::yield() { pass_on(me()); }

void SimThreads::sleep_until(MonotonicTime until) { block(Waits::Time, nullptr, until); }

SimThreads::Task& SimThreads::choose() {
  if (++turns_ % kTurnsBetweenLooks == 0) look_at_descriptors();
  witness_.turn_given(turns_);
  for (;;) {
    collect_ready(ready_);
    if (!ready_.empty()) break;
    if (look_at_descriptors()) continue;
    if (!let_time_pass()) tell_stuck();
  }
  Task& chosen = *ready_[ready_.size() == 1 ? 0 : random_.below(ready_.size())];
  digest_ = (digest_ ^ chosen.number) * 0x100000001b3;
  digest_ = (digest_ ^ static_cast<std::uint64_t>(now_)) * 0x100000001b3;
  return chosen;
}

void SimThreads::collect_ready(std::vector<Task*>& ready) noexcept {
  ready.clear();
  for (const auto& task : tasks_) {
    if (task->ended || task->frozen_until.ns > now_) continue;
    if (task->waits == Waits::No || task->woken || task->until.ns <= now_) {
      ready.push_back(task.get());
    }
  }
}

bool SimThreads::look_at_descriptors() noexcept {
  bool any = false;
  for (const auto& task : tasks_) {
    if (task->ended || task->waits != Waits::Poll || task->woken) continue;
    if (real_poll(task->fds, task->fd_count, 0) == 0) continue;
    task->woken = true;
    any = true;
  }
  return any;
}

bool SimThreads::let_time_pass() {
  std::int64_t next = kNever.ns;
  for (const auto& task : tasks_) {
    if (task->ended) continue;
    const bool only_frozen = task->waits == Waits::No || task->woken;
    const std::int64_t due = only_frozen ? now_ : task->until.ns;
    next = std::min(next, std::max(due, task->frozen_until.ns));
  }
  if (next == kNever.ns) return false;
  now_ = std::max(now_, next);
  witness_.time_passed({now_});
  return true;
}

void SimThreads::wake_all(Waits waits, const void* object) noexcept {
  for (const auto& task : tasks_) {
    if (task->waits == waits && task->object == object) task->woken = true;
  }
}

const char* SimThreads::name_of(Waits waits) noexcept {
  switch (waits) {
    case Waits::No:
      return "nothing";
    case Waits::Time:
      return "a time";
    case Waits::Lock:
      return "a lock";
    case Waits::Condition:
      return "a condition";
    case Waits::Address:
      return "a word";
    case Waits::Poll:
      return "a descriptor";
    case Waits::Join:
      return "the end of a thread";
  }
  return "";
}

void SimThreads::tell_stuck() {
  std::string what;
  for (const auto& task : tasks_) {
    if (task->ended) continue;
    what += (what.empty() ? "" : ", ") + task->name + " for " + name_of(task->waits);
  }
  witness_.all_wait_for_ever(what);
}

MonotonicTime SimThreads::ask_for_time() noexcept {
  now_ += kAskingNs;
  return {now_};
}

int SimThreads::lock(pthread_mutex_t* mutex) {
  if (switches_ != 0 && random_.below(1024) < switches_) yield();
  for (;;) {
    const int error = real_trylock(mutex);
    if (error != EBUSY) return error;
    ++lock_waiters_;
    block(Waits::Lock, mutex, kNever);
    --lock_waiters_;
  }
}

int SimThreads::unlock(pthread_mutex_t* mutex) {
  const int error = real_unlock(mutex);
  if (lock_waiters_ != 0) wake_all(Waits::Lock, mutex);
  return error;
}

int SimThreads::wait(pthread_cond_t* condition, pthread_mutex_t* mutex, MonotonicTime until) {
  unlock(mutex);
  const bool woken = block(Waits::Condition, condition, until);
  lock(mutex);
  return woken ? 0 : ETIMEDOUT;
}

int SimThreads::wake(pthread_cond_t* condition, bool all) {
  std::vector<Task*> waiting;
  for (const auto& task : tasks_) {
    if (task->waits != Waits::Condition || task->object != condition || task->woken) continue;
    waiting.push_back(task.get());
  }
  if (waiting.empty()) return 0;
  if (all) {
    for (Task* task : waiting) task->woken = true;
  } else {
    waiting[random_.below(waiting.size())]->woken = true;
  }
  return 0;
}

bool SimThreads::wait_on(const std::uint32_t* address, MonotonicTime until) {
  return block(Waits::Address, address, until);
}

std::uint32_t SimThreads::wake_at(const std::uint32_t* address, std::uint32_t most) {
  std::uint32_t woken = 0;
  for (const auto& task : tasks_) {
    if (woken == most) break;
    if (task->waits != Waits::Address || task->object != address || task->woken) continue;
    task->woken = true;
    ++woken;
  }
  return woken;
}

int SimThreads::poll(pollfd* fds, nfds_t count, MonotonicTime until) {
  for (;;) {
    const int ready = real_poll(fds, count, 0);
    if (ready != 0 || until.ns <= now_) return ready;
    Task& task = me();
    task.fds = fds;
    task.fd_count = count;
    block(Waits::Poll, fds, until);
  }
}

}  // namespace weir::test
