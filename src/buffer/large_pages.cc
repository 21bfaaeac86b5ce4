#include "buffer/large_pages.h"

#include <sys/mman.h>

#include <memory>

namespace weir::buffer {

void prefer_large_pages(void* data, std::size_t bytes) noexcept {
  constexpr std::size_t kPageBytes = 4096;
  std::size_t left = bytes;
  void* const first_page = std::align(kPageBytes, kPageBytes, data, left);
  if (first_page == nullptr) return;
  (void)::madvise(first_page, left / kPageBytes * kPageBytes, MADV_HUGEPAGE);
}

}  // namespace weir::buffer
