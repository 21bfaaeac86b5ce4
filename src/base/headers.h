// What the L2-L4 header parser found in one packet. Offsets count from the start of the frame.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/link_type.h"
#include "base/packet_batch.h"
#include "base/packet_keys.h"
#include "base/reasons.h"

namespace weir {

enum class LayerType : std::uint8_t {
  Ethernet,
  LinuxSll,
  LinuxSll2,
  Null,  // also LOOP
  Ppp,
  Radiotap,
  Ieee80211,
  Llc,
  Snap,
  Vlan,              // 802.1Q and 802.1ad, one layer a tag
  ProviderBackbone,  // 802.1ah service tag; the customer's Ethernet header is the next layer
  CiscoMetadata,     // TrustSec security group tag
  VnTag,
  Mpls,  // one layer a label
  PppoeDiscovery,
  PppoeSession,
  Arp,
  Ipv4,
  Ipv6,
  Ipv6HopByHop,
  Ipv6Routing,
  Ipv6Fragment,
  Ipv6DestinationOptions,
  Ipv6Mobility,
  Ipv6Hip,
  Ipv6Shim6,
  AuthenticationHeader,
  Esp,
  Tcp,
  Udp,
  Icmp,
  Icmpv6,
  Sctp,
  Gre,
  Erspan,
  Vxlan,
  Geneve,
  GtpU,
  Teredo,
  Fddi,
  kCount,
};
std::string_view name_of(LayerType type) noexcept;

struct Layer {
  LayerType type;
  std::uint8_t reserved;
  std::uint16_t offset;
};
static_assert(sizeof(Layer) == 4);

inline constexpr std::size_t kLayersMax = 24;
inline constexpr std::uint16_t kNoOffset = 0xffff;

struct alignas(32) Headers {
  // Symmetric over the innermost tuple and the tenant: both directions of a flow have the same
  // value. 0 without IP.
  std::uint64_t flow_hash;
  std::uint32_t
      payload_bytes;  // after the transport header, as far as captured, without link padding
  std::uint16_t network_offset;    // innermost IPv4 or IPv6 header, or kNoOffset
  std::uint16_t transport_offset;  // innermost TCP, UDP, SCTP, ICMP(v6) header, or kNoOffset
  std::uint16_t payload_offset;    // first byte after the innermost parsed header
  std::uint16_t
      inner_frame_offset;    // innermost frame or packet in a tunnel; 0 when there is no tunnel
  LinkType inner_link_type;  // of that frame: Ethernet or Raw in tunnels, else the packet's own
  MalformedReason malformed;
  std::uint8_t layer_count;   // used entries of `layers`
  std::uint8_t tunnel_depth;  // tunnels whose inner frame or packet begins here; 0 = none
  std::uint8_t tcp_flags;     // of the innermost TCP header
  bool fragment;              // innermost IP packet is a fragment (offset or more-fragments)
  bool first_fragment;        // ... and carries the transport header
  std::array<Layer, kLayersMax> layers;  // outer first
};

// Parallel arrays: entry i belongs to packet i of the batch.
using HeadersArray = std::array<Headers, kBatchPacketsMax>;
using KeysArray = std::array<PacketKeys, kBatchPacketsMax>;

}  // namespace weir
