// The Internet checksum (RFC 1071).
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace weir::traffic {

// The running sum of `bytes` as big-endian 16-bit words, added to `sum`; an odd last byte is padded
// with zero, so only the last part of a message may have an odd length.
std::uint64_t checksum_add(std::uint64_t sum, Bytes bytes) noexcept;
// The value for the header field, in host order.
std::uint16_t checksum_finish(std::uint64_t sum) noexcept;

}  // namespace weir::traffic
