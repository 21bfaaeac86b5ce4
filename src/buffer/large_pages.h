// Large pages under memory that is looked into at random: most looks into a table of some MiB miss
// the processor's cache of page addresses otherwise.
#pragma once

#include <cstddef>

namespace weir::buffer {

// Advice for memory that was just allocated, before it is touched. Where the kernel does not take
// it, all works as well, but slower. Memory becomes resident 2 MiB at a time.
void prefer_large_pages(void* data, std::size_t bytes) noexcept;

}  // namespace weir::buffer
