// What one fragment says of itself: RFC 791 for IPv4, RFC 8200 section 4.5 for IPv6.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/packet_keys.h"

namespace weir::protocol {

// The longest header that a datagram can keep: 40 bytes of IPv6 and the extension headers before
// the fragment header. An IPv4 header has at most 60.
inline constexpr std::uint32_t kFragmentHeaderBytesMax = 512;

// What the length fields can say of a whole packet: IPv4's counts its header, IPv6's does not.
constexpr std::uint32_t whole_packet_bytes_max(unsigned ip_version) noexcept {
  return ip_version == 4 ? 0xffff : 40 + 0xffff;
}

struct FragmentHeader {
  // IPv4: the header with its options. IPv6: the unfragmentable part, without the fragment header.
  Bytes header;
  Bytes payload;  // as long as the lengths say; link padding is not in it
  IpAddress source;
  IpAddress destination;
  std::uint32_t id = 0;
  std::uint32_t offset = 0;          // of `payload` in the datagram's, in bytes
  std::uint32_t declared_bytes = 0;  // of this fragment with all its headers
  std::uint8_t ip_version = 0;
  std::uint8_t protocol = 0;  // of the whole datagram, as this fragment has it
  std::uint16_t next_header_at =
      0;  // IPv6: the byte of `header` that announces the fragment header
  bool more_fragments = false;
  bool dont_fragment = false;

  [[nodiscard]] std::uint32_t end() const noexcept {
    return offset + static_cast<std::uint32_t>(payload.size());
  }
};

enum class FragmentReading : std::uint8_t {
  Sound,
  Cut,               // the wire had all of it, the capture has not
  Malformed,         // no fragment, or headers that can't be followed
  LengthBelowHeader  // the length says that the packet ends inside its headers
};

// `captured` begins at the IP header; `wire_bytes` counts from there too. IPv6 fragment headers
// that stand before offset 0 of a whole packet (RFC 6946) are fragments, IPv4 packets with neither
// offset nor more-fragments are not. `out` means something when the reading is Sound.
[[nodiscard]] FragmentReading read_fragment(Bytes captured, std::uint32_t wire_bytes,
                                            FragmentHeader& out) noexcept;

}  // namespace weir::protocol
