#include "output/file_remover.h"

#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace weir::output {

using Lock = std::unique_lock<std::mutex>;

void FileRemover::remove(std::string path) {
  {
    const Lock lock(mutex_);
    paths_.push_back(std::move(path));
  }
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
    // No thread to be had: here and now, then. The next deletion tries again.
    const Lock lock(mutex_);
    for (const std::string& each : paths_) note(each, unlink(each.c_str()) == 0 ? 0 : errno);
    paths_.clear();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void FileRemover::run() {
  cpu_set_t any;
  std::memset(&any, 0xff, sizeof any);
  sched_setaffinity(0, sizeof any, &any);  // a worker may be pinned; at worst we stay with it
  Lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return finished_ || !paths_.empty(); });
    if (paths_.empty()) return;
    const std::string path = std::move(paths_.front());
    paths_.pop_front();
    lock.unlock();
    const int error = unlink(path.c_str()) == 0 ? 0 : errno;
    lock.lock();
    note(path, error);
  }
}

void FileRemover::note(const std::string& path, int error) {
  if (error == 0 || error == ENOENT || failed_) return;
  failed_ = true;
  failure_ = system_error(error, "delete " + path);
  failure_->context += " (files older than those to be kept stay; delete them yourself)";
}

void FileRemover::finish() noexcept {
  {
    const Lock lock(mutex_);
    finished_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::optional<Error> FileRemover::take_failure() {
  const Lock lock(mutex_);
  return std::exchange(failure_, std::nullopt);
}

}  // namespace weir::output
