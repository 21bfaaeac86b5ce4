// A large array whose memory is there when it is touched: address space for the largest count is
// reserved at once, pages come from the kernel at their first use. So growing is no allocation,
// nothing moves, and a bound that is never reached costs nothing.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "base/assert.h"
#include "base/result.h"

namespace weir::buffer {

// An anonymous private mapping, zero-filled, without swap reserved for it (MAP_NORESERVE).
class ReservedRegion {
 public:
  static Result<ReservedRegion> reserve(std::size_t bytes);
  ReservedRegion() = default;
  ~ReservedRegion();
  ReservedRegion(ReservedRegion&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  ReservedRegion& operator=(ReservedRegion&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  [[nodiscard]] void* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  ReservedRegion(void* data, std::size_t bytes) : data_(data), bytes_(bytes) {}
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// `count` elements of T, all bytes zero at first. One owner.
template <typename T>
class ReservedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  static Result<ReservedArray> reserve(std::size_t count) {
    WEIR_TRY(ReservedRegion region, ReservedRegion::reserve(count * sizeof(T)));
    return ReservedArray(std::move(region), count);
  }
  ReservedArray() = default;

  T& operator[](std::size_t index) noexcept {
    WEIR_DEBUG_ASSERT(index < count_);
    return static_cast<T*>(region_.data())[index];
  }
  const T& operator[](std::size_t index) const noexcept {
    WEIR_DEBUG_ASSERT(index < count_);
    return static_cast<const T*>(region_.data())[index];
  }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  ReservedArray(ReservedRegion region, std::size_t count)
      : region_(std::move(region)), count_(count) {}
  ReservedRegion region_;
  std::size_t count_ = 0;
};

}  // namespace weir::buffer
