// Memory for many elements of which no page is there before it is written: nothing is set to
// anything, also where the elements have initializers, which std::make_unique_for_overwrite() would
// run.
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>

namespace weir::buffer {

template <typename T>
struct UntouchedArrayDelete {
  std::size_t count = 0;
  void operator()(T* elements) const noexcept { std::allocator<T>().deallocate(elements, count); }
};

// Elements are written before they are read.
template <typename T>
using UntouchedArray = std::unique_ptr<T[], UntouchedArrayDelete<T>>;

template <typename T>
[[nodiscard]] UntouchedArray<T> make_untouched_array(std::size_t count) {
  // Those begin to live in memory that is allocated for them (C++20, intro.object).
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
  return UntouchedArray<T>(std::allocator<T>().allocate(count), UntouchedArrayDelete<T>{count});
}

}  // namespace weir::buffer
