// The Internet checksum (RFC 1071) of what arrived: is it what was sent? The caller has the bytes
// complete; of a packet that was cut or will be completed by the sending card nothing can be said.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/packet_keys.h"

namespace weir::protocol {

// More than any IP packet has.
inline constexpr std::size_t kChecksumBytesMax = 1 << 20;

// The one's complement sum of `bytes` as big-endian 16-bit words, an odd last byte padded with
// zero, and of `carry_in`, the sum of what stands before them: an even number of bytes. 0 only when
// everything is 0; else zero is 0xffff.
[[nodiscard]] std::uint16_t ones_complement_sum(Bytes bytes, std::uint16_t carry_in = 0) noexcept;

// `header`: exactly the header, with its options (RFC 791 3.1).
[[nodiscard]] bool ipv4_header_checksum_ok(Bytes header) noexcept;

// `segment`: the transport header and all of its payload, as IP and, for UDP, its own length say.
// TCP, UDP and ICMPv6, and others with the pseudo header of RFC 9293 3.1 and RFC 8200 8.1; ICMP,
// which has none. Not SCTP, whose checksum is another (RFC 9260 6.8). The order of the addresses
// does not matter, nor does the version of IP, since IPv4 addresses are kept mapped.
[[nodiscard]] bool transport_checksum_ok(const IpAddress& source, const IpAddress& destination,
                                         std::uint8_t ip_protocol, Bytes segment) noexcept;

// The sender of this UDP datagram made no checksum: to ask for it first, where that is allowed
// (RFC 768: over IPv4). `datagram`: at least the header.
[[nodiscard]] inline bool udp_checksum_absent(Bytes datagram) noexcept {
  return load_be16(datagram.subspan<6, 2>().data()) == 0;
}

}  // namespace weir::protocol
