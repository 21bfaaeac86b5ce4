// Bytes of a file by their place: what the readers of segments read from. A file may grow, shrink
// or go while it is read; nothing here maps it into memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace weir::storage::segment {

class RangeReader {
 public:
  virtual ~RangeReader() = default;

  // Fills `into` from `offset` on. How many bytes were there: fewer only at the end of the file.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) const = 0;
  // Now: it may have changed when the next call is made.
  virtual Result<std::uint64_t> size() const = 0;
};

// Any thread.
class FileReader final : public RangeReader {
 public:
  // UnknownFormat: `path` is no regular file.
  static Result<std::unique_ptr<FileReader>> open(const std::string& path);

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) const override;
  Result<std::uint64_t> size() const override;
  // Open for reading, as long as this is.
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

 private:
  FileReader(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  UniqueFd fd_;
  std::string path_;
};

}  // namespace weir::storage::segment
