// One frame under construction, built from the payload outwards: every layer is put in front of
// what it carries.
#pragma once

#include <array>
#include <cstdint>

#include "base/assert.h"
#include "base/bytes.h"

namespace weir::traffic {

class FrameBuffer {
 public:
  static constexpr std::size_t kHeadroom = 256;  // more than all headers of the deepest tunnel
  static constexpr std::size_t kCapacity = 16 * 1024;

  void clear() noexcept { begin_ = end_ = kHeadroom; }
  // Room behind the frame, uninitialised; the caller fills it before the next call.
  std::uint8_t* append(std::size_t count) noexcept {
    WEIR_ASSERT(count <= kCapacity - end_);
    std::uint8_t* at = bytes_.data() + end_;
    end_ += count;
    return at;
  }
  // Room in front of the frame, uninitialised.
  std::uint8_t* prepend(std::size_t count) noexcept {
    WEIR_ASSERT(count <= begin_);
    begin_ -= count;
    return bytes_.data() + begin_;
  }
  void truncate(std::size_t size) noexcept {
    if (size < this->size()) end_ = begin_ + size;
  }

  std::uint8_t* data() noexcept { return bytes_.data() + begin_; }
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] Bytes view() const noexcept { return {bytes_.data() + begin_, size()}; }

 private:
  std::size_t begin_ = kHeadroom;
  std::size_t end_ = kHeadroom;
  std::array<std::uint8_t, kCapacity>
      bytes_;  // uninitialised: every byte is written before it is read
};

}  // namespace weir::traffic
