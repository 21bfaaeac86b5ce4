// A number that nobody knows beforehand, for the hashes of an index.
#pragma once

#include <cstdint>

namespace weir::output {

[[nodiscard]] std::uint64_t random_seed() noexcept;

}  // namespace weir::output
