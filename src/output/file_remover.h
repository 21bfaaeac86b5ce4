// Deletes files on a thread of its own: taking a gigabyte from a file system takes it tens of
// milliseconds, in which a worker would not look after its ring.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/error.h"

namespace weir::output {

// One thread owns it. Its own thread begins with the first deletion, so that it has no more rights
// than the worker that asks for it; it takes no signals and runs on any CPU.
class FileRemover {
 public:
  FileRemover() = default;
  FileRemover(const FileRemover&) = delete;
  FileRemover& operator=(const FileRemover&) = delete;
  ~FileRemover() { finish(); }

  // Soon. A file that is not there is no error.
  void remove(std::string path);
  // Waits until all are deleted, or are known not to be. Nothing may be added afterwards.
  void finish() noexcept;
  // The first deletion that failed, once.
  std::optional<Error> take_failure();

 private:
  void run();
  void note(const std::string& path, int error);

  std::mutex mutex_;  // guards what follows, except thread_
  std::condition_variable changed_;
  std::deque<std::string> paths_;
  bool finished_ = false;
  bool failed_ = false;
  std::optional<Error> failure_;
  std::thread thread_;
};

}  // namespace weir::output
