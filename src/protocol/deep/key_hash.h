// The flow table's hash of a key. Who knows neither the secret nor a hash cannot choose flows that
// collide: for the sum inside that is proved (word_hash.h), for its folding to 64 bits tested.
#pragma once

#include <array>
#include <cstdint>

#include "protocol/deep/flow_key.h"
#include "protocol/deep/word_hash.h"

namespace weir::protocol {

struct HashSecret {
  std::array<std::uint64_t, 8> words{};  // one for each of the key
  std::array<std::uint64_t, 2> finish{};
};

// The same on every machine, for results that must repeat.
[[nodiscard]] HashSecret make_hash_secret(std::uint64_t seed) noexcept;
// From the kernel's generator: for tables that strangers fill.
[[nodiscard]] HashSecret random_hash_secret() noexcept;

[[nodiscard]] inline std::uint64_t key_hash(const FlowKey& key, const HashSecret& secret) noexcept {
  return folded(keyed_sum(words_of(key), secret.words), secret.finish[0], secret.finish[1]);
}

}  // namespace weir::protocol
