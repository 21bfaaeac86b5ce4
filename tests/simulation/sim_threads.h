// The threads of a program one at a time, in an order that is drawn from a seed, by a clock that
// goes on when all of them wait: what happens is the same each time, down to which of two threads
// is first at a lock.
//
// Threads are real, and know nothing of it. The functions of the C library with which they begin,
// wait, lock and ask for the time come here (sim_libc.cc replaces them in the executable), for
// threads that the first one has started and for those that these start. One has the turn; it goes
// to another when the one that has it would wait, and now and then at a lock.
//
// Not for what waits in the kernel without asking: a read from an empty pipe, io_uring.
#pragma once

#include <poll.h>
#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/prng.h"

namespace weir::test {

class SimThreads final : public Clock {
 public:
  // Told of what ends a simulation, by the thread that has the turn.
  class Witness {
   public:
    virtual ~Witness() = default;
    // All wait, and nothing will come; does not return. What they wait for.
    virtual void all_wait_for_ever(const std::string& what) = 0;
    // The clock has gone on.
    virtual void time_passed(MonotonicTime now) = 0;
    // Somebody gets the turn of this number.
    virtual void turn_given(std::uint64_t number) { (void)number; }
  };
  struct Options {
    std::uint64_t seed = 1;
    Timestamp wall{1'700'000'000'000'000'000};
    std::uint32_t switches = 0;  // in 1,024: so often another one has its turn at a lock
  };
  static constexpr MonotonicTime kNever{std::numeric_limits<std::int64_t>::max()};

  // The calling thread is the first one. One object at a time in a process; the witness is
  // borrowed.
  SimThreads(const Options& options, Witness& witness);
  // The others have ended.
  ~SimThreads() override;
  SimThreads(const SimThreads&) = delete;
  SimThreads& operator=(const SimThreads&) = delete;

  // That to which the calling thread belongs, or null.
  static SimThreads* of_this_thread() noexcept;

  [[nodiscard]] Timestamp wall() const noexcept override { return wall_at_zero_ + Duration(now_); }
  [[nodiscard]] MonotonicTime monotonic() const noexcept override { return {now_}; }
  // As when NTP or a person sets the clock.
  void jump_wall(Duration by) noexcept { wall_at_zero_ = wall_at_zero_ + by; }
  // Threads of that name (as pthread_setname_np(3) was told) get no turn until then.
  void freeze(std::string_view name, MonotonicTime until) noexcept;
  void sleep_until(MonotonicTime until);
  void sleep_for(Duration duration) { sleep_until(monotonic() + duration); }

  // Turns that were given, and a digest of whom they were given to and when.
  [[nodiscard]] std::uint64_t turns() const noexcept { return turns_; }
  [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }
  [[nodiscard]] std::uint64_t random() noexcept { return random_.next(); }

  // What the functions of the C library do; the same results.
  int create(pthread_t* thread, const pthread_attr_t* attributes, void* (*begin)(void*),
             void* with);
  int join(pthread_t thread, void** result);
  int lock(pthread_mutex_t* mutex);
  int unlock(pthread_mutex_t* mutex);
  int wait(pthread_cond_t* condition, pthread_mutex_t* mutex, MonotonicTime until);
  int wake(pthread_cond_t* condition, bool all);
  int poll(pollfd* fds, nfds_t count, MonotonicTime until);
  // futex(2): false when it was not woken.
  bool wait_on(const std::uint32_t* address, MonotonicTime until);
  std::uint32_t wake_at(const std::uint32_t* address, std::uint32_t most);
  void name_this_thread(const char* name) noexcept;
  void yield();
  // The clock goes on by a little, so that whoever asks again and again sees time pass.
  MonotonicTime ask_for_time() noexcept;

 private:
  enum class Waits : std::uint8_t { No, Time, Lock, Condition, Address, Poll, Join };
  struct Task;

  static void* run(void* task);
  static const char* name_of(Waits waits) noexcept;
  [[nodiscard]] Task& me() const noexcept;
  bool block(Waits waits, const void* object, MonotonicTime until);
  void pass_on(Task& from);
  Task& choose();
  void collect_ready(std::vector<Task*>& ready) noexcept;
  bool look_at_descriptors() noexcept;
  bool let_time_pass();
  void wake_all(Waits waits, const void* object) noexcept;
  void tell_stuck();

  Prng random_;
  const std::uint32_t switches_;
  Witness& witness_;
  Timestamp wall_at_zero_;
  std::int64_t now_ = 0;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::vector<Task*> ready_;
  std::uint32_t lock_waiters_ = 0;
  std::uint64_t turns_ = 0;
  std::uint64_t digest_ = 0xcbf29ce484222325;
};

}  // namespace weir::test
