// Which flows a sample of a session keeps: each has a place below 2^16, and a sample is those below
// a bound. So a smaller sample is a part of a larger one, and a flow that is in stays in while the
// bound does not fall below it.
#pragma once

#include <cstdint>

#include "capture/relief.h"

namespace weir::capture {

// Of Headers::flow_hash, which both directions share. Mixed once more (the finaliser of
// MurmurHash3, other constants than flow_hash.h's): the hash itself says which worker and which
// shard have the flow, and a sample must not be a choice of these.
[[nodiscard]] constexpr std::uint32_t sample_place(std::uint64_t flow_hash) noexcept {
  flow_hash ^= flow_hash >> 33;
  flow_hash *= 0xff51afd7ed558ccd;
  flow_hash ^= flow_hash >> 33;
  flow_hash *= 0xc4ceb9fe1a85ec53;
  return static_cast<std::uint32_t>(flow_hash >> 48);
}

[[nodiscard]] constexpr bool in_sample(std::uint64_t flow_hash, std::uint32_t sample) noexcept {
  return flow_hash == 0 ? sample > 0 : sample_place(flow_hash) < sample;
}

}  // namespace weir::capture
