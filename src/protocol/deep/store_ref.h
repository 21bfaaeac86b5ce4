// Where packets are stored, as records say it: a segment of a packet store, and a chunk in it.
//
// As text: "0000000012#345", the number of the segment, as its file name has it, and that of the
// chunk, from 0. With several directories "2/0000000012#345", the directory as it was named,
// counting from 1.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::protocol {

// None, where there is no store, or the numbers are beyond what it holds.
class StoreRef {
 public:
  static constexpr std::uint64_t kSegmentMax = (std::uint64_t{1} << 36) - 1;
  static constexpr std::uint32_t kChunkMax = (1u << 22) - 1;
  static constexpr std::uint32_t kDirectoryMax = 63;

  StoreRef() = default;
  // `directory`: 0 where there is one alone. Segments count from 1.
  StoreRef(std::uint32_t directory, std::uint64_t segment, std::uint32_t chunk) noexcept {
    if (directory > kDirectoryMax || segment > kSegmentMax || chunk > kChunkMax) return;
    bits_ = std::uint64_t{directory} << 58 | segment << 22 | chunk;
  }

  [[nodiscard]] bool empty() const noexcept { return segment() == 0; }
  [[nodiscard]] std::uint32_t directory() const noexcept {
    return static_cast<std::uint32_t>(bits_ >> 58);
  }
  [[nodiscard]] std::uint64_t segment() const noexcept { return bits_ >> 22 & kSegmentMax; }
  [[nodiscard]] std::uint32_t chunk() const noexcept {
    return static_cast<std::uint32_t>(bits_) & kChunkMax;
  }
  friend bool operator==(const StoreRef&, const StoreRef&) = default;

  static constexpr std::size_t kTextMax = 24;
  // In `into`, which has kTextMax bytes. Not of an empty one.
  [[nodiscard]] std::string_view text(std::span<char> into) const noexcept {
    constexpr std::size_t kSegmentDigits = 10;
    char* at = into.data();
    char* const end = into.data() + into.size();
    if (directory() != 0) {
      at = std::to_chars(at, end, directory()).ptr;
      *at++ = '/';
    }
    std::array<char, kTextMax> digits;
    const auto count = static_cast<std::size_t>(
        std::to_chars(digits.data(), digits.data() + digits.size(), segment()).ptr - digits.data());
    if (count < kSegmentDigits) at = std::fill_n(at, kSegmentDigits - count, '0');
    at = std::copy_n(digits.data(), count, at);
    *at++ = '#';
    at = std::to_chars(at, end, chunk()).ptr;
    return {into.data(), static_cast<std::size_t>(at - into.data())};
  }

 private:
  std::uint64_t bits_ = 0;
};

}  // namespace weir::protocol
