// Which worker gets a packet: both directions of a flow the same one, in tunnels by the innermost
// flow. An eBPF program (bpf/steer.h) decides it in the kernel, in a fan-out group of packet
// sockets.
//
// The program follows VLAN tags, MPLS, PPPoE, IPv4, IPv6 and its extension headers, IP in IP, GRE,
// VXLAN, GENEVE and GTP-U, at most 24 headers, and finds the same flow hash as the header
// parser (protocol/headers/flow_hash.h). Two exceptions: fragments hash without ports, so that all
// fragments of a packet come together, and packets without IP by their two MAC addresses. What it
// does not follow is hashed by the last IP header before it.
#pragma once

#include <cstdint>

#include "base/link_type.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "security/privileged_operations.h"

namespace weir::interface {

// Flows are spread over shards, and each worker owns the shards whose number modulo the number of
// workers is its own.
inline constexpr std::uint32_t kFlowShards = 64;
constexpr std::uint32_t shard_of(std::uint64_t flow_hash) noexcept {
  return static_cast<std::uint32_t>(flow_hash % kFlowShards);
}

// The program for interfaces of that link type; it returns the shard. Errors: Permission, or what
// the kernel's verifier says.
Result<UniqueFd> load_steering_program(LinkType link_type,
                                       security::PrivilegedOperations& privileges);

}  // namespace weir::interface
