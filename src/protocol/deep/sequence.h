// Sequence numbers of TCP that are near each other, compared modulo 2^32 (RFC 9293 3.4).
#pragma once

#include <cstdint>

namespace weir::protocol {

constexpr bool before(std::uint32_t a, std::uint32_t b) noexcept {
  return static_cast<std::int32_t>(a - b) < 0;
}
constexpr std::uint32_t later(std::uint32_t a, std::uint32_t b) noexcept {
  return before(a, b) ? b : a;
}

}  // namespace weir::protocol
