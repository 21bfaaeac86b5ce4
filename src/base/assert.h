// Assertions for programmer errors. Never assert on bytes from the wire, a file, the kernel or a
// remote.
#pragma once

namespace weir {

// Prints the failed condition and aborts. Out of line so that the check itself stays small.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace weir

// Always on: cheap checks of invariants, per batch or rarer.
#define WEIR_ASSERT(condition)            \
  (static_cast<bool>(condition) ? void(0) \
                                : ::weir::assertion_failed(#condition, __FILE__, __LINE__))

// On in debug builds only: checks that cost something for every packet.
#ifdef WEIR_DEBUG_CHECKS
#define WEIR_DEBUG_ASSERT(condition) WEIR_ASSERT(condition)
#else
#define WEIR_DEBUG_ASSERT(condition) void(0)
#endif
