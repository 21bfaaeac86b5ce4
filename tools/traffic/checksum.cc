#include "checksum.h"

namespace weir::traffic {

std::uint64_t checksum_add(std::uint64_t sum, Bytes bytes) noexcept {
  // Summed in host order, 32 bits at a time into 64: the one's complement sum does not mind, only
  // its bytes are swapped.
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t little = 0;
  for (; left >= 4; at += 4, left -= 4) little += load_le32(at);
  if (left >= 2) {
    little += load_le16(at);
    at += 2;
    left -= 2;
  }
  if (left == 1) little += *at;
  while ((little >> 16) != 0) little = (little & 0xffff) + (little >> 16);
  return sum + byte_swap(static_cast<std::uint16_t>(little));
}

std::uint16_t checksum_finish(std::uint64_t sum) noexcept {
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum & 0xffff);
}

}  // namespace weir::traffic
