// A segment as queries read it. What lies in the page cache is taken from there; a large scan can
// read the rest past it, so that it pushes out nobody's pages.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"
#include "storage/segment/range_reader.h"

namespace weir::capture::retrieval {

// Memory at an address that any device can read into. What it held is lost when it grows.
class AlignedBytes {
 public:
  // Never smaller than before. False: no memory.
  bool grow(std::size_t bytes) noexcept;
  [[nodiscard]] std::uint8_t* data() const noexcept { return memory_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }
  void swap(AlignedBytes& other) noexcept {
    memory_.swap(other.memory_);
    std::swap(bytes_, other.bytes_);
  }

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const noexcept;
  };
  std::unique_ptr<std::uint8_t[], Free> memory_;
  std::size_t bytes_ = 0;
};

// Any thread. Counts what is read.
class ChunkFile final : public storage::segment::RangeReader {
 public:
  // UnknownFormat: no regular file. `bytes_read` is borrowed.
  static Result<std::unique_ptr<ChunkFile>> open(const std::string& path,
                                                 std::atomic<std::uint64_t>& bytes_read);

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) const override;
  Result<std::uint64_t> size() const override { return file_->size(); }

  // All of it lies in the page cache. False also where the kernel does not tell us: it tells who
  // could write to the file. `offset` is a multiple of 4 KiB.
  [[nodiscard]] bool in_cache(std::uint64_t offset, std::size_t bytes) const noexcept;
  // From now on the kernel reads no more than it is asked for: what it reads ahead follows no pace.
  void stop_reading_ahead() const noexcept;
  // As read_at(), and leaves nothing in the page cache. `offset` and `into`, its address too, are
  // multiples of 4 KiB.
  Result<std::size_t> read_past_cache(std::uint64_t offset, std::span<std::uint8_t> into) const;
  // That it lies on, as stat() has it.
  [[nodiscard]] dev_t device() const noexcept { return device_; }

 private:
  ChunkFile(std::unique_ptr<storage::segment::FileReader> file, dev_t device, bool cache_is_told,
            std::atomic<std::uint64_t>& bytes_read)
      : file_(std::move(file)),
        device_(device),
        cache_is_told_(cache_is_told),
        bytes_read_(bytes_read) {}
  void open_direct() const noexcept;

  std::unique_ptr<storage::segment::FileReader> file_;
  dev_t device_;
  bool cache_is_told_;
  std::atomic<std::uint64_t>& bytes_read_;
  mutable std::once_flag opened_direct_;
  mutable UniqueFd direct_;  // with O_DIRECT; none: the file system refuses it
};

}  // namespace weir::capture::retrieval
