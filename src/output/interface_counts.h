// What an output says at its end of each interface: the counters behind a pcapng Interface
// Statistics Block (draft-ietf-opsawg-pcapng, section 4.6). Declared here, implemented by whoever
// knows the sources.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/capture_interface.h"

namespace weir::output {

// Since the capture began, all workers of the interface together.
struct InterfaceCounts {
  std::uint64_t received = 0;   // isb_ifrecv: what the capture saw of it, lost packets included
  std::uint64_t upstream = 0;   // isb_ifdrop: lost by the interface before the capture saw them
  std::uint64_t accepted = 0;   // isb_filteraccept
  std::uint64_t dropped = 0;    // isb_osdrop: lost by the kernel for want of room
  std::uint64_t delivered = 0;  // isb_usrdeliv: came out of the kernel
};

class InterfaceCountsReader {
 public:
  virtual ~InterfaceCountsReader() = default;
  // Any thread; exact once the sources are closed.
  [[nodiscard]] virtual InterfaceCounts counts(InterfaceId interface) const = 0;
  // The part of one worker; those of all workers add up to counts().
  [[nodiscard]] virtual InterfaceCounts lane_counts(std::size_t lane,
                                                    InterfaceId interface) const = 0;
};

}  // namespace weir::output
