// Functions of the C library in this executable: in threads that are simulated they do what
// SimThreads says, in others what they always do. Whoever calls them finds these first: the
// executable's own code and the libraries that it is linked with.
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstring>

#include "simulation/real_libc.h"
#include "simulation/sim_threads.h"

namespace {

using weir::Duration;
using weir::MonotonicTime;
using weir::test::RealFunction;
using weir::test::SimThreads;

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t ns_of(const timespec& time) noexcept { return time.tv_sec * kSecond + time.tv_nsec; }

timespec timespec_of(std::int64_t ns) noexcept {
  return {.tv_sec = ns / kSecond, .tv_nsec = ns % kSecond};
}

// A moment of one of the two clocks.
MonotonicTime moment(const SimThreads& threads, clockid_t clock, const timespec& time) noexcept {
  if (clock == CLOCK_MONOTONIC) return {ns_of(time)};
  return threads.monotonic() + (weir::Timestamp{ns_of(time)} - threads.wall());
}

constexpr RealFunction<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)> real_create(
    "pthread_create");
constexpr RealFunction<int(pthread_t, void**)> real_join("pthread_join");
constexpr RealFunction<int(pthread_t, const char*)> real_setname("pthread_setname_np");
constexpr RealFunction<int(pthread_t, std::size_t, const cpu_set_t*)> real_setaffinity_np(
    "pthread_setaffinity_np");
constexpr RealFunction<int(pid_t, std::size_t, const cpu_set_t*)> real_setaffinity(
    "sched_setaffinity");
constexpr RealFunction<int()> real_getcpu("sched_getcpu");
constexpr RealFunction<int()> real_yield("sched_yield");
constexpr RealFunction<int(pthread_mutex_t*)> real_lock("pthread_mutex_lock");
constexpr RealFunction<int(pthread_mutex_t*)> real_unlock("pthread_mutex_unlock");
constexpr RealFunction<int(pthread_rwlock_t*)> real_rdlock("pthread_rwlock_rdlock");
constexpr RealFunction<int(pthread_rwlock_t*)> real_wrlock("pthread_rwlock_wrlock");
constexpr RealFunction<int(pthread_rwlock_t*)> real_tryrdlock("pthread_rwlock_tryrdlock");
constexpr RealFunction<int(pthread_rwlock_t*)> real_trywrlock("pthread_rwlock_trywrlock");
constexpr RealFunction<int(pthread_cond_t*, pthread_mutex_t*)> real_cond_wait("pthread_cond_wait");
constexpr RealFunction<int(pthread_cond_t*, pthread_mutex_t*, const timespec*)> real_timedwait(
    "pthread_cond_timedwait");
constexpr RealFunction<int(pthread_cond_t*, pthread_mutex_t*, clockid_t, const timespec*)>
    real_clockwait("pthread_cond_clockwait");
constexpr RealFunction<int(pthread_cond_t*)> real_signal("pthread_cond_signal");
constexpr RealFunction<int(pthread_cond_t*)> real_broadcast("pthread_cond_broadcast");
constexpr RealFunction<int(pollfd*, nfds_t, int)> real_poll("poll");
constexpr RealFunction<int(pollfd*, nfds_t, const timespec*, const sigset_t*)> real_ppoll("ppoll");
constexpr RealFunction<int(const timespec*, timespec*)> real_nanosleep("nanosleep");
constexpr RealFunction<int(clockid_t, int, const timespec*, timespec*)> real_clock_nanosleep(
    "clock_nanosleep");
constexpr RealFunction<int(clockid_t, timespec*)> real_gettime("clock_gettime");
constexpr RealFunction<ssize_t(void*, std::size_t, unsigned)> real_getrandom("getrandom");
constexpr RealFunction<long(long, void*, void*, void*, void*, void*, void*)> real_syscall(
    "syscall");

// The end of a wait in a futex(2).
MonotonicTime futex_deadline(const SimThreads& threads, long operation, const timespec* time) {
  if (time == nullptr) return SimThreads::kNever;
  if ((operation & FUTEX_CMD_MASK) == FUTEX_WAIT)
    return threads.monotonic() + Duration(ns_of(*time));
  const bool wall = (operation & FUTEX_CLOCK_REALTIME) != 0;
  return moment(threads, wall ? CLOCK_REALTIME : CLOCK_MONOTONIC, *time);
}

long futex(SimThreads& threads, std::uint32_t* address, long operation, std::uint32_t value,
           const timespec* time) {
  switch (operation & FUTEX_CMD_MASK) {
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
      if (__atomic_load_n(address, __ATOMIC_SEQ_CST) != value) {
        errno = EAGAIN;
        return -1;
      }
      if (threads.wait_on(address, futex_deadline(threads, operation, time))) return 0;
      errno = ETIMEDOUT;
      return -1;
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
      return threads.wake_at(address, value);
    default:
      errno = ENOSYS;
      return -1;
  }
}

}  // namespace

extern "C" {

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*begin)(void*),
                   void* with) noexcept {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_create(thread, attributes, begin, with);
  return threads->create(thread, attributes, begin, with);
}

int pthread_join(pthread_t thread, void** result) {
  SimThreads* const threads = SimThreads::of_this_thread();
  return threads == nullptr ? real_join(thread, result) : threads->join(thread, result);
}

int pthread_setname_np(pthread_t thread, const char* name) noexcept {
  if (SimThreads* const threads = SimThreads::of_this_thread()) threads->name_this_thread(name);
  return real_setname(thread, name);
}

// A simulation stays on one processor.
int pthread_setaffinity_np(pthread_t thread, std::size_t bytes, const cpu_set_t* cpus) noexcept {
  if (SimThreads::of_this_thread() != nullptr) return 0;
  return real_setaffinity_np(thread, bytes, cpus);
}
int sched_setaffinity(pid_t process, std::size_t bytes, const cpu_set_t* cpus) noexcept {
  if (SimThreads::of_this_thread() != nullptr) return 0;
  return real_setaffinity(process, bytes, cpus);
}
int sched_getcpu() noexcept { return SimThreads::of_this_thread() != nullptr ? 0 : real_getcpu(); }

int sched_yield() noexcept {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_yield();
  threads->yield();
  return 0;
}

int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  SimThreads* const threads = SimThreads::of_this_thread();
  return threads == nullptr ? real_lock(mutex) : threads->lock(mutex);
}
int pthread_mutex_unlock(pthread_mutex_t* mutex) noexcept {
  SimThreads* const threads = SimThreads::of_this_thread();
  return threads == nullptr ? real_unlock(mutex) : threads->unlock(mutex);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) noexcept {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_rdlock(lock);
  for (;;) {
    if (const int error = real_tryrdlock(lock); error != EBUSY) return error;
    threads->yield();
  }
}
int pthread_rwlock_wrlock(pthread_rwlock_t* lock) noexcept {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_wrlock(lock);
  for (;;) {
    if (const int error = real_trywrlock(lock); error != EBUSY) return error;
    threads->yield();
  }
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_cond_wait(condition, mutex);
  return threads->wait(condition, mutex, SimThreads::kNever);
}
int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const timespec* until) {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_timedwait(condition, mutex, until);
  return threads->wait(condition, mutex, moment(*threads, CLOCK_REALTIME, *until));
}
int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* until) {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_clockwait(condition, mutex, clock, until);
  return threads->wait(condition, mutex, moment(*threads, clock, *until));
}
int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  SimThreads* const threads = SimThreads::of_this_thread();
  return threads == nullptr ? real_signal(condition) : threads->wake(condition, false);
}
int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  SimThreads* const threads = SimThreads::of_this_thread();
  return threads == nullptr ? real_broadcast(condition) : threads->wake(condition, true);
}

int poll(pollfd* fds, nfds_t count, int timeout) {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_poll(fds, count, timeout);
  return threads->poll(
      fds, count,
      timeout < 0 ? SimThreads::kNever : threads->monotonic() + std::chrono::milliseconds(timeout));
}
int ppoll(pollfd* fds, nfds_t count, const timespec* timeout, const sigset_t* mask) {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_ppoll(fds, count, timeout, mask);
  return threads->poll(
      fds, count,
      timeout == nullptr ? SimThreads::kNever : threads->monotonic() + Duration(ns_of(*timeout)));
}

int nanosleep(const timespec* time, timespec* left) {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_nanosleep(time, left);
  threads->sleep_for(Duration(ns_of(*time)));
  return 0;
}
int clock_nanosleep(clockid_t clock, int flags, const timespec* time, timespec* left) {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_clock_nanosleep(clock, flags, time, left);
  const bool absolute = (flags & TIMER_ABSTIME) != 0;
  threads->sleep_until(absolute ? moment(*threads, clock, *time)
                                : threads->monotonic() + Duration(ns_of(*time)));
  return 0;
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_gettime(clock, time);
  const MonotonicTime now = threads->ask_for_time();
  const bool wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  *time = timespec_of(wall ? threads->wall().ns : now.ns);
  return 0;
}
int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  *time = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return 0;
}
time_t time(time_t* into) noexcept {
  timespec now{};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  if (into != nullptr) *into = now.tv_sec;
  return now.tv_sec;
}

ssize_t getrandom(void* to, std::size_t bytes, unsigned flags) {
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads == nullptr) return real_getrandom(to, bytes, flags);
  for (std::size_t at = 0; at < bytes;) {
    const std::uint64_t word = threads->random();
    const std::size_t count = bytes - at < sizeof word ? bytes - at : sizeof word;
    std::memcpy(static_cast<char*>(to) + at, &word, count);
    at += count;
  }
  return static_cast<ssize_t>(bytes);
}

// Each argument has the width of a pointer.
long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  void* given[6];
  for (void*& each : given) each = va_arg(list, void*);
  va_end(list);
  SimThreads* const threads = SimThreads::of_this_thread();
  if (threads != nullptr && number == SYS_futex) {
    return futex(*threads, static_cast<std::uint32_t*>(given[0]),
                 static_cast<long>(reinterpret_cast<std::uintptr_t>(given[1])),
                 static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(given[2])),
                 static_cast<const timespec*>(given[3]));
  }
  return real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

}  // extern "C"
