// Sends frames as a driver's offloads would leave them (PACKET_VNET_HDR of packet(7)).
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.h"
#include "support/traffic_socket.h"

namespace weir::interface {

class OffloadSocket {
 public:
  // In the calling thread's network namespace.
  explicit OffloadSocket(const std::string& interface);

  // One TCP segment in IPv4 without options, to be cut later into packets of so many bytes of
  // payload.
  void send_unsegmented(test::FrameBytes frame, std::uint16_t segment_bytes);
  // Only the Ethernet header in one piece, the rest in pages; for frames larger than a page.
  void send_in_pages(test::FrameBytes frame);

 private:
  UniqueFd fd_;
};

// The kernel cuts segments before they are sent on this interface, and not the interface itself.
void switch_segmentation_off(const std::string& interface);

}  // namespace weir::interface
