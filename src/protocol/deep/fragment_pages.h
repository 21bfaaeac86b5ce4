// Memory for the payloads of unfinished datagrams: pages of 2 KiB that know, byte by byte, what
// has arrived, from a pool that is allocated once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "base/assert.h"
#include "base/bytes.h"

namespace weir::protocol {

// How new bytes met those that were here before.
struct FragmentOverlap {
  bool same = false;       // somewhere, with equal bytes
  bool different = false;  // somewhere, with other bytes
};

// A bit for each byte, so that no number of ranges has to be bounded: fragments of one byte at
// every second offset cost what whole ones cost.
class FragmentPage {
 public:
  static constexpr std::uint32_t kBytes = 2048;

  void clear() noexcept { present_ = {}; }

  // Copies what is new; the first copy of a byte stays. `at` + the count of bytes <= kBytes. Adds
  // to `overlap`.
  void store(std::uint32_t at, Bytes from, FragmentOverlap& overlap) noexcept;

  // How many bytes from `at` on are here without a gap.
  [[nodiscard]] std::uint32_t run_from(std::uint32_t at) const noexcept;

  [[nodiscard]] std::uint8_t* data() noexcept { return bytes_.data(); }
  [[nodiscard]] const std::uint8_t* data() const noexcept { return bytes_.data(); }

 private:
  static constexpr std::uint32_t kWordBits = 64;
  std::array<std::uint64_t, kBytes / kWordBits> present_;
  std::array<std::uint8_t, kBytes> bytes_;
};

class FragmentPagePool {
 public:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  explicit FragmentPagePool(std::uint32_t count)
      : count_(count),
        pages_(std::make_unique_for_overwrite<FragmentPage[]>(count)),
        free_(std::make_unique_for_overwrite<std::uint32_t[]>(count)) {}

  // An empty page, or kNone.
  [[nodiscard]] std::uint32_t take() noexcept {
    std::uint32_t index = kNone;
    if (free_count_ > 0) {
      index = free_[--free_count_];
    } else if (touched_ < count_) {
      index = touched_++;
    } else {
      return kNone;
    }
    pages_[index].clear();
    return index;
  }
  void give_back(std::uint32_t index) noexcept {
    WEIR_DEBUG_ASSERT(index < touched_ && free_count_ < touched_);
    free_[free_count_++] = index;
  }

  [[nodiscard]] FragmentPage& operator[](std::uint32_t index) noexcept { return pages_[index]; }
  [[nodiscard]] const FragmentPage& operator[](std::uint32_t index) const noexcept {
    return pages_[index];
  }
  [[nodiscard]] std::uint32_t in_use() const noexcept { return touched_ - free_count_; }

 private:
  std::uint32_t count_;
  // Pages from here on were never used, and the system has not had to find memory for them.
  std::uint32_t touched_ = 0;
  std::uint32_t free_count_ = 0;
  std::unique_ptr<FragmentPage[]> pages_;
  std::unique_ptr<std::uint32_t[]> free_;  // a stack: the page used last is still in the cache
};

}  // namespace weir::protocol
