// A key of a column of the index, of whatever width: its bytes as one big-endian number.
#pragma once

#include <compare>
#include <cstdint>

#include "base/bytes.h"

namespace weir::storage::segment {

struct IndexKey {
  std::uint64_t high = 0;  // 0 but in IPv6 addresses
  std::uint64_t low = 0;

  // `address`: 16 bytes in network order.
  [[nodiscard]] static IndexKey ipv6(const std::uint8_t* address) noexcept {
    return {.high = load_be64(address), .low = load_be64(address + 8)};
  }
  friend constexpr auto operator<=>(const IndexKey&, const IndexKey&) = default;
};

}  // namespace weir::storage::segment
