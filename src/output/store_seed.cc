#include "output/store_seed.h"

#include <sys/random.h>

#include "base/assert.h"

namespace weir::output {

std::uint64_t random_seed() noexcept {
  std::uint64_t seed = 0;
  const auto got = ::getrandom(&seed, sizeof seed, 0);
  WEIR_ASSERT(got == static_cast<ssize_t>(sizeof seed));  // never short below 256 bytes
  return seed;
}

}  // namespace weir::output
