#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace weir {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "weir: internal error: %s does not hold (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace weir
