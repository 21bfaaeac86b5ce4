// Which weirds one packet showed: a bit for each.
#pragma once

#include <cstdint>

#include "protocol/deep/weird.h"

namespace weir::protocol {

class WeirdSet {
 public:
  constexpr void add(Weird weird) noexcept { bits_ |= bit(weird); }
  [[nodiscard]] constexpr bool has(Weird weird) const noexcept { return (bits_ & bit(weird)) != 0; }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }  // bit i: weird i
  friend constexpr bool operator==(WeirdSet, WeirdSet) = default;

 private:
  static constexpr std::uint64_t bit(Weird weird) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(weird);
  }
  std::uint64_t bits_ = 0;
};

}  // namespace weir::protocol
