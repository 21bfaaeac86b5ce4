// Deletes files in the background: taking a gigabyte from a file system takes it tens of
// milliseconds.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "output/background_work.h"

namespace weir::output {

// One thread owns it.
class FileRemover final : BackgroundWork::Worker {
 public:
  // The files are in this open directory, whatever their paths lead to; borrowed. -1: where those
  // lead.
  explicit FileRemover(int directory = -1) noexcept : directory_(directory) {}

  // Soon. A file that is not there is no error.
  void remove(std::string path) { work_.add(std::move(path)); }
  // Waits until all are deleted, or are known not to be. Nothing may be added afterwards.
  void finish() noexcept { work_.finish(); }
  // The first deletion that failed, once.
  std::optional<Error> take_failure();

 private:
  void work_on(const std::string& path) noexcept override;

  const int directory_;
  std::mutex mutex_;  // guards the next two
  bool failed_ = false;
  std::optional<Error> failure_;
  BackgroundWork work_{*this};  // ends first
};

}  // namespace weir::output
