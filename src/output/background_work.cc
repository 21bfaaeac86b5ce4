#include "output/background_work.h"

#include <sched.h>
#include <signal.h>

#include <cstring>
#include <system_error>
#include <utility>

#include "base/thread_name.h"

namespace weir::output {

using Lock = std::unique_lock<std::mutex>;

void BackgroundWork::add(std::string name) {
  Lock lock(mutex_);
  names_.push_back(std::move(name));
  changed_.notify_one();
  if (thread_.joinable()) return;
  // The new thread inherits the mask of this one.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    // No thread to be had. The next one tries again.
    do_all(lock);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void BackgroundWork::run() {
  name_this_thread("weir-files");
  cpu_set_t any;
  std::memset(&any, 0xff, sizeof any);
  sched_setaffinity(0, sizeof any, &any);  // a worker may be pinned; at worst we stay with it
  Lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return finished_ || !names_.empty(); });
    if (names_.empty()) return;
    do_all(lock);
  }
}

void BackgroundWork::do_all(Lock& lock) {
  while (!names_.empty()) {
    const std::string name = std::move(names_.front());
    names_.pop_front();
    lock.unlock();
    worker_.work_on(name);
    lock.lock();
  }
}

void BackgroundWork::finish() noexcept {
  {
    const Lock lock(mutex_);
    finished_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

}  // namespace weir::output
