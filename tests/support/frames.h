// Frames for live tests: real Ethernet, IPv4 and UDP headers around a payload that tells them
// apart.
#pragma once

#include <cstddef>
#include <cstdint>

#include "support/traffic_socket.h"

namespace weir::test {

// A UDP packet in an Ethernet frame of `frame_bytes` bytes (at least 60), whose payload follows
// from `number`: no two numbers give the same frame.
FrameBytes udp_frame(std::uint32_t number, std::size_t frame_bytes = 60);

// The frame with a VLAN tag as its outermost one.
FrameBytes with_tag(FrameBytes frame, std::uint16_t tpid, std::uint16_t tci);

// The frame in VXLAN (RFC 7348) in UDP to port 4789 in a frame of its own.
FrameBytes in_vxlan(const FrameBytes& inner, std::uint32_t vni);

// The IP packet of an untagged frame.
FrameBytes ip_packet_of(const FrameBytes& frame);

}  // namespace weir::test
