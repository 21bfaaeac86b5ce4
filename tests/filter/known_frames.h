// What is known of frames of a shape.
#pragma once

#include "filter/specialise.h"

namespace weir::test {

// TCP in IPv4 without options in untagged Ethernet; not a later fragment.
inline filter::KnownFrame tcp_in_ipv4() {
  filter::KnownFrame known;
  known.bytes = 54;
  known.know(12, 0x08);
  known.know(13, 0x00);
  known.know(14, 0x45);
  known.know(20, 0, 0x1f);
  known.know(21, 0);
  known.know(23, 6);
  return known;
}

}  // namespace weir::test
