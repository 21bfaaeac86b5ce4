// Tunnel headers in front of an inner frame or packet. The caller adds UDP, IP and Ethernet of the
// outside.
#pragma once

#include <cstdint>

#include "frame_buffer.h"

namespace weir::traffic {

inline constexpr std::uint16_t kPortVxlan = 4789;
inline constexpr std::uint16_t kPortGeneve = 6081;

// RFC 7348; what follows is an Ethernet frame.
void push_vxlan(FrameBuffer& frame, std::uint32_t vni);

// What the AWS Gateway Load Balancer says in its GENEVE options (class 0x0108, types 1 to 3).
struct AwsGeneveOptions {
  std::uint64_t endpoint = 0;
  std::uint64_t attachment = 0;
  std::uint32_t flow_cookie = 0;
};
// RFC 8926; what follows is an IP packet of `inner_type`.
void push_geneve(FrameBuffer& frame, const AwsGeneveOptions& options, std::uint16_t inner_type);

// RFC 2784, with the key of RFC 2890 when `key` is not zero.
void push_gre(FrameBuffer& frame, std::uint32_t key, std::uint16_t inner_type);

}  // namespace weir::traffic
