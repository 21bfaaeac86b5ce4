#include "protocol/deep/key_hash.h"

#include <unistd.h>

#include "base/assert.h"

namespace weir::protocol {

HashSecret make_hash_secret(std::uint64_t seed) noexcept {
  Prng prng(seed);
  HashSecret secret;
  for (std::uint64_t& word : secret.words) word = prng.next();
  for (std::uint64_t& word : secret.finish) word = prng.next();
  return secret;
}

HashSecret random_hash_secret() noexcept {
  HashSecret secret;
  // getrandom until all is there. It fails only where the kernel has no such call.
  const int failed = getentropy(&secret, sizeof secret);
  WEIR_ASSERT(failed == 0);
  return secret;
}

}  // namespace weir::protocol
