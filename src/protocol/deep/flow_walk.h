// What the ways from a packet's headers to its flows have in common: which protocols make flows,
// and what each header adds to the tenant.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/headers.h"
#include "base/packet_keys.h"
#include "protocol/headers/icmp.h"

namespace weir::protocol {

inline constexpr std::uint8_t kIpProtocolIcmp = 1;
inline constexpr std::uint8_t kIpProtocolIgmp = 2;
inline constexpr std::uint8_t kIpProtocolIpv4 = 4;
inline constexpr std::uint8_t kIpProtocolIpv6 = 41;
inline constexpr std::uint8_t kIpProtocolGre = 47;
inline constexpr std::uint8_t kIpProtocolEsp = 50;
inline constexpr std::uint8_t kIpProtocolIcmpv6 = 58;
inline constexpr std::uint8_t kIpProtocolNone = 59;
inline constexpr std::uint8_t kIpProtocolMobility = 135;

inline bool is_transport(LayerType type) noexcept {
  return type == LayerType::Tcp || type == LayerType::Udp || type == LayerType::Icmp ||
         type == LayerType::Icmpv6 || type == LayerType::Sctp;
}

// Protocols whose packets are no flows of their own: what they carry is, or cannot be seen, or
// concerns groups and not two ends. As Zeek has it.
inline bool makes_no_flow(std::uint8_t ip_protocol) noexcept {
  switch (ip_protocol) {
    case kIpProtocolIgmp:
    case kIpProtocolIpv4:
    case kIpProtocolIpv6:
    case kIpProtocolGre:
    case kIpProtocolEsp:
    case kIpProtocolNone:
    case kIpProtocolMobility:
      return true;
    default:
      return false;
  }
}

// A message that nothing answers.
inline bool is_one_way_icmp(const PacketKeys& keys) noexcept {
  const std::uint8_t type = static_cast<std::uint8_t>(keys.source_port);
  if (keys.ip_protocol == kIpProtocolIcmp) return detail::kIcmpAnswers[type] == 0xff;
  if (keys.ip_protocol == kIpProtocolIcmpv6) return detail::kIcmpv6Answers[type] == 0xff;
  return false;
}

inline void add_vlan(TenantIdentity& tenant, const std::uint8_t* tag) noexcept {
  const auto id = static_cast<std::uint16_t>(load_be16(tag) & 0x0fff);
  if (tenant.vlan == TenantIdentity::kNoVlan) {
    tenant.vlan = id;
  } else if (tenant.inner_vlan == TenantIdentity::kNoVlan) {
    tenant.inner_vlan = id;
  }
}

}  // namespace weir::protocol
