// Counts the bytes that are read of a file.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "base/result.h"
#include "storage/segment/range_reader.h"

namespace weir::capture::retrieval {

// Any thread. `bytes` is borrowed.
class CountingReader final : public storage::segment::RangeReader {
 public:
  CountingReader(std::unique_ptr<RangeReader> file, std::atomic<std::uint64_t>& bytes) noexcept
      : file_(std::move(file)), bytes_(bytes) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) const override {
    auto got = file_->read_at(offset, into);
    if (got) bytes_.fetch_add(*got, std::memory_order_relaxed);
    return got;
  }
  Result<std::uint64_t> size() const override { return file_->size(); }

 private:
  std::unique_ptr<RangeReader> file_;
  std::atomic<std::uint64_t>& bytes_;
};

}  // namespace weir::capture::retrieval
