// Advice, which leaves memory as it is.
#include "buffer/large_pages.h"

#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

namespace weir::buffer {
namespace {

TEST(LargePages, MemoryOfAnyPlaceAndSizeKeepsWhatItHolds) {
  constexpr std::size_t kBytes = 5 * 1024 * 1024;
  const auto memory = std::make_unique<unsigned char[]>(kBytes);
  std::fill_n(memory.get(), kBytes, static_cast<unsigned char>(7));
  for (const std::size_t offset : {0u, 1u, 4095u, 4096u, 4097u}) {
    prefer_large_pages(memory.get() + offset, kBytes - offset);
  }
  prefer_large_pages(memory.get() + 1, 100);
  prefer_large_pages(memory.get(), 0);
  EXPECT_EQ(std::count(memory.get(), memory.get() + kBytes, static_cast<unsigned char>(7)),
            static_cast<std::ptrdiff_t>(kBytes));
}

}  // namespace
}  // namespace weir::buffer
