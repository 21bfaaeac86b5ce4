// Counts calls of operator new in this process, so that a test can show that a loop allocates
// nothing. Linking alloc_guard.cc replaces the global operators: for test binaries of their own.
#pragma once

#include <cstdint>

namespace weir::test {

// Since the process began, over all threads.
std::uint64_t allocations() noexcept;

}  // namespace weir::test
