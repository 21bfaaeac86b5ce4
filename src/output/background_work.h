// Work that takes files tens of milliseconds or more, done one after the other on a thread of its
// own: a worker would not look after its ring meanwhile.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace weir::output {

// One thread owns it, any adds. Its own thread begins with the first name, so that it has no more
// rights than the worker that asks for it; it takes no signals and runs on any CPU.
class BackgroundWork {
 public:
  // What is done to a file, or whatever a name stands for.
  class Worker {
   public:
    virtual ~Worker() = default;
    virtual void work_on(const std::string& name) noexcept = 0;
  };

  // Borrowed.
  explicit BackgroundWork(Worker& worker) noexcept : worker_(worker) {}
  BackgroundWork(const BackgroundWork&) = delete;
  BackgroundWork& operator=(const BackgroundWork&) = delete;
  ~BackgroundWork() { finish(); }

  // Soon; here and now when no thread is to be had: the caller holds no lock that the work needs.
  void add(std::string name);
  // Waits until all is done. Nothing may be added afterwards.
  void finish() noexcept;

 private:
  void run();
  void do_all(std::unique_lock<std::mutex>& lock);

  Worker& worker_;
  std::mutex mutex_;  // guards what follows; finish() joins the thread without it
  std::condition_variable changed_;
  std::deque<std::string> names_;
  bool finished_ = false;
  std::thread thread_;
};

}  // namespace weir::output
