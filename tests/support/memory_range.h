// A file that is bytes in memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/bytes.h"
#include "storage/segment/range_reader.h"

namespace weir::test {

class MemoryRange final : public storage::segment::RangeReader {
 public:
  // Borrowed.
  explicit MemoryRange(Bytes bytes) : bytes_(bytes) {}

  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::uint8_t> into) const override {
    if (offset >= bytes_.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(into.size(), bytes_.size() - offset);
    std::memcpy(into.data(), bytes_.data() + offset, count);
    return count;
  }
  Result<std::uint64_t> size() const override { return std::uint64_t{bytes_.size()}; }

 private:
  Bytes bytes_;
};

}  // namespace weir::test
