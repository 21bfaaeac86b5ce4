#include "protocol/deep/flow_table.h"

#include <utility>

namespace weir::protocol {

bool FlowTable::grow() noexcept {
  const std::uint32_t slots = mask_ + 1;
  if (slots >= (1u << 30)) return false;
  auto larger = buffer::ReservedArray<Slot>::reserve(std::size_t{slots} * 2);
  if (!larger) return false;
  const buffer::ReservedArray<Slot> old = std::exchange(slots_, std::move(*larger));
  mask_ = slots * 2 - 1;
  for (std::uint32_t i = 0; i < slots; ++i) {
    if (old[i].index_and_one != 0) place(old[i]);
  }
  return true;
}

}  // namespace weir::protocol
