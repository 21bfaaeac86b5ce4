// Frames and programs as the kernel has them, for comparing a kernel filter with the user-space
// program that it stands for.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "filter/kernel_filter.h"

namespace weir::test {

// A frame as a program on a packet socket sees it.
struct KernelFrame {
  struct Tag {
    std::uint16_t tpid;
    std::uint16_t tci;
  };
  std::vector<std::uint8_t> bytes;
  std::optional<Tag> tag;         // beside the frame
  std::uint32_t packet_type = 0;  // PACKET_HOST
};

inline constexpr std::size_t kTaggedBytesMin = 16;

KernelFrame untouched(Bytes frame);
// With the four bytes behind the MAC addresses taken out and put beside, whatever they are. `frame`
// has at least kTaggedBytesMin bytes.
KernelFrame with_tag_beside(Bytes frame);
// As the kernel does it to an arriving frame: only a frame with a tag is touched.
KernelFrame as_received(Bytes frame);

// What the filter's program returns: loads of what is beside the frame are replaced by the values,
// all else is up to filter::Program.
std::uint32_t run(const filter::KernelFilter& filter, const KernelFrame& frame);

}  // namespace weir::test
