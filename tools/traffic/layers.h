// Link, network and transport headers, each put in front of what the buffer holds, with right
// lengths and checksums.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "frame_buffer.h"

namespace weir::traffic {

using Mac = std::array<std::uint8_t, 6>;

struct Address {
  std::array<std::uint8_t, 16> bytes{};  // IPv4 stands in the first four
  bool v6 = false;

  [[nodiscard]] Bytes view() const noexcept { return {bytes.data(), v6 ? 16u : 4u}; }
};
Address ipv4(std::uint32_t host_order) noexcept;
// 2001:db8:NETWORK::HOST (RFC 3849).
Address ipv6(std::uint32_t network, std::uint32_t host) noexcept;
// A locally administered address that belongs to the host.
Mac mac_of(const Address& address) noexcept;

inline constexpr std::uint16_t kEtherIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherArp = 0x0806;
inline constexpr std::uint16_t kEtherIpv6 = 0x86dd;
inline constexpr std::uint16_t kEtherVlan = 0x8100;
inline constexpr std::uint16_t kEtherServiceVlan = 0x88a8;
inline constexpr std::uint16_t kEtherBridged = 0x6558;

inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolGre = 47;
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;

struct Ends {
  const Address& source;
  const Address& destination;
};

struct TcpFields {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = 0;
  Bytes options;  // a multiple of four bytes
};
inline constexpr std::uint8_t kTcpFin = 0x01;
inline constexpr std::uint8_t kTcpSyn = 0x02;
inline constexpr std::uint8_t kTcpRst = 0x04;
inline constexpr std::uint8_t kTcpPush = 0x08;
inline constexpr std::uint8_t kTcpAck = 0x10;

struct IpFields {
  std::uint8_t protocol = 0;
  std::uint8_t hop_limit = 64;
  std::uint16_t identification = 0;  // IPv4 only
  std::uint16_t fragment = 0x4000;   // IPv4 flags and offset; default: don't fragment
};

void push_tcp(FrameBuffer& frame, const Ends& ends, const TcpFields& fields);
// Without `checksum` the field is zero, which IPv4 allows and RFC 7348 recommends for tunnels.
void push_udp(FrameBuffer& frame, const Ends& ends, std::uint16_t source_port,
              std::uint16_t destination_port, bool checksum = true);
void push_icmp(FrameBuffer& frame, const Ends& ends, std::uint8_t type, std::uint8_t code,
               std::uint32_t rest_of_header);
void push_ip(FrameBuffer& frame, const Ends& ends, const IpFields& fields);
// The four bytes behind the tag's own type: priority and identifier, and the type of what follows.
void push_vlan(FrameBuffer& frame, std::uint16_t tag, std::uint16_t inner_type);
void push_ethernet(FrameBuffer& frame, const Mac& source, const Mac& destination,
                   std::uint16_t type);
// A request (operation 1) or reply (2) for Ethernet and IPv4.
void push_arp(FrameBuffer& frame, std::uint16_t operation, const Mac& sender, const Address& from,
              const Mac& target, const Address& to);

}  // namespace weir::traffic
