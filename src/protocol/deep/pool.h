// Elements of one kind for one owner: taken and given back by index, up to a bound, without an
// allocation after construction. What was given back last is taken first: it is in the cache.
#pragma once

#include <cstdint>

#include "buffer/reserved_array.h"
#include "protocol/deep/flow.h"

namespace weir::protocol {

// T has a member `next` for the list of free ones.
template <typename T>
class Pool {
 public:
  static Result<Pool> reserve(std::uint32_t count_max) {
    WEIR_TRY(auto array, buffer::ReservedArray<T>::reserve(count_max));
    return Pool(std::move(array));
  }
  Pool() = default;

  // kNoIndex: all are taken. The element holds what its last owner left.
  [[nodiscard]] PoolIndex take() noexcept {
    if (free_ != kNoIndex) {
      const PoolIndex index = free_;
      free_ = array_[index].next;
      ++taken_;
      return index;
    }
    if (touched_ == array_.count()) return kNoIndex;
    ++taken_;
    return touched_++;
  }
  void give_back(PoolIndex index) noexcept {
    array_[index].next = free_;
    free_ = index;
    --taken_;
  }

  T& operator[](PoolIndex index) noexcept { return array_[index]; }
  const T& operator[](PoolIndex index) const noexcept { return array_[index]; }
  [[nodiscard]] std::uint32_t taken() const noexcept { return taken_; }
  [[nodiscard]] std::uint32_t count_max() const noexcept {
    return static_cast<std::uint32_t>(array_.count());
  }

 private:
  explicit Pool(buffer::ReservedArray<T> array) : array_(std::move(array)) {}
  buffer::ReservedArray<T> array_;
  PoolIndex free_ = kNoIndex;
  std::uint32_t touched_ = 0;  // elements that have been taken at least once
  std::uint32_t taken_ = 0;
};

}  // namespace weir::protocol
