// What both real block devices share: one regular file that is written with O_DIRECT or not.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace weir::storage {

struct BlockDeviceOptions;

class DirectFile {
 public:
  // Opens (and empties) the file; O_DIRECT is set when wanted and not refused.
  static Result<DirectFile> open(const BlockDeviceOptions& options);

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] bool direct() const noexcept { return direct_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  void renamed(std::string path) noexcept { path_ = std::move(path); }
  Result<void> leave_direct();
  std::int64_t write_tail(std::uint64_t offset, Bytes bytes) noexcept;
  Result<void> set_size(std::uint64_t bytes);
  Result<void> sync_data();
  Result<void> close();

 private:
  DirectFile(UniqueFd fd, std::string path, bool direct) noexcept
      : fd_(std::move(fd)), path_(std::move(path)), direct_(direct) {}

  UniqueFd fd_;
  std::string path_;
  bool direct_;
};

// pwrite() that is not disturbed by signals: bytes written or a negative errno.
std::int64_t write_at(int fd, std::uint64_t offset, Bytes bytes) noexcept;

}  // namespace weir::storage
