// Where spill queues put their files: a directory that belongs to one process at a time. Several
// queues may share it, as when the output of a session is replaced by another; mostly it is one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "storage/segment/store_directory.h"

namespace weir::storage::spill {

// The least that a queue can be bounded to, and what is a good measure.
inline constexpr std::uint64_t kSpillBytesMin = 8 << 20;
inline constexpr std::uint64_t kSpillBytesDefault = 1 << 30;

// Segments that were in the directory before: of a process that was killed. They count against the
// bound of each queue and are left alone.
struct SpillLeftovers {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};
// One line for the operator, or nothing.
[[nodiscard]] std::optional<std::string> text_of(const SpillLeftovers& leftovers,
                                                 const std::string& directory);

// Any thread.
class SpillDirectory {
 public:
  // Makes it when its parent is there, and keeps other processes out as long as this lives. Errors:
  // Exists (in use, or a packet store), and those of directories that cannot be made or read.
  static Result<std::unique_ptr<SpillDirectory>> open(const std::string& path);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const SpillLeftovers& leftovers() const noexcept { return leftovers_; }
  // What text_of() says, to the first who asks.
  [[nodiscard]] std::optional<std::string> take_notice();
  // For the name of a file: no two are the same.
  [[nodiscard]] std::uint64_t next_sequence() noexcept { return next_sequence_.fetch_add(1); }

 private:
  SpillDirectory(std::string path, segment::StoreLock lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}

  const std::string path_;
  segment::StoreLock lock_;
  SpillLeftovers leftovers_;
  std::atomic<std::uint64_t> next_sequence_{1};
  std::atomic<bool> told_{false};
};

}  // namespace weir::storage::spill
