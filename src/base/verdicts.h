// Which sessions want each packet of a batch: bit s of entry i is set when session s wants packet
// i.
#pragma once

#include <array>
#include <cstdint>

#include "base/packet_batch.h"

namespace weir {

using SessionMask = std::uint64_t;
inline constexpr std::uint32_t kSessionsMax = 64;

struct Verdicts {
  std::array<SessionMask, kBatchPacketsMax> wanted;
};

}  // namespace weir
