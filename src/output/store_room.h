// How much a store has left for what comes next.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "state/pressure.h"

namespace weir::output {

struct StoreRoom {
  std::uint64_t next_bytes = 0;  // that the next segment of each lane takes
  std::uint64_t free_bytes = 0;  // of the file system
  // That retention would give back before it lets the disk become full.
  std::uint64_t yielding_bytes = 0;
  // More than the bounds allow, and nothing that may be deleted.
  std::uint64_t over_bytes = 0;
};

// By how many times the next segments fill what is left: room for fewer than four of each lane, for
// fewer than two, for not even one.
inline constexpr state::PressureLimits kStorePressure = {.begin = {0.25, 0.5, 1.0}};

// What is over the bounds stays over them whatever is free.
[[nodiscard]] inline double wanted_of(const StoreRoom& room) noexcept {
  const double left =
      static_cast<double>(room.free_bytes) + static_cast<double>(room.yielding_bytes);
  const double wanted = room.next_bytes == 0 ? 0
                        : left == 0          ? std::numeric_limits<double>::max()
                                             : static_cast<double>(room.next_bytes) / left;
  return room.over_bytes == 0 ? wanted : std::max(wanted, kStorePressure.begin[1]);
}

// "1048576 bytes free, the next segments take 2097152".
[[nodiscard]] std::string text_of(const StoreRoom& room);

}  // namespace weir::output
