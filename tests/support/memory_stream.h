// A byte stream over bytes in memory, the twin of a file for tests and fuzzing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "interface/byte_stream.h"

namespace weir::test {

class MemoryStream final : public interface::ByteStream {
 public:
  // Hands out at most `portion_bytes` at a time, as pipes do. The bytes outlive the stream.
  explicit MemoryStream(Bytes bytes, std::size_t portion_bytes = SIZE_MAX) noexcept
      : bytes_(bytes), portion_bytes_(portion_bytes) {}

  interface::ReadResult read(std::span<std::uint8_t> into, Duration) override {
    const std::size_t given = std::min({into.size(), bytes_.size() - at_, portion_bytes_});
    if (given == 0) return {interface::ReadStatus::End, 0};
    std::memcpy(into.data(), bytes_.data() + at_, given);
    at_ += given;
    return {interface::ReadStatus::Data, given};
  }
  [[nodiscard]] std::uint64_t raw_bytes() const noexcept override { return at_; }
  [[nodiscard]] bool is_raw() const noexcept override { return true; }
  [[nodiscard]] const std::optional<Error>& error() const noexcept override { return error_; }

 private:
  Bytes bytes_;
  std::size_t portion_bytes_;
  std::size_t at_ = 0;
  std::optional<Error> error_;
};

}  // namespace weir::test
