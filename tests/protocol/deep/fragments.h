// Fragments for tests, from fields that may say what no sender would.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "protocol/deep/defragmenter.h"

namespace weir::test {

struct FragmentFields {
  unsigned version = 4;
  std::uint32_t id = 7;
  std::uint32_t offset = 0;  // in bytes, a multiple of 8
  bool more = false;
  bool dont_fragment = false;
  std::uint8_t protocol = 17;
  std::uint8_t host = 1;                       // the last byte of the source address
  std::vector<std::uint8_t> more_header = {};  // IPv4: options; IPv6: extension headers that agree
  std::uint8_t first_extension = 44;           // IPv6: the number of more_header's first header
  std::vector<std::uint8_t> payload = {};
};

std::vector<std::uint8_t> fragment(const FragmentFields& fields);

// 0, 1, 2 ... from `first` on, modulo 251: no two places of a few hundred look alike.
std::vector<std::uint8_t> counting(std::size_t count, std::size_t first = 0);

// Nothing where the laws of DefragmenterStatistics hold, else which does not.
const char* broken_law(const protocol::DefragmenterStatistics& statistics);

// Nothing where the packet is one whole IP packet: lengths that fit, no fragment, checksum right.
const char* not_whole(Bytes packet);

}  // namespace weir::test
