#include "protocol/deep/fragment_header.h"

#include <algorithm>
#include <cstring>

#include "protocol/headers/ipv4.h"

namespace weir::protocol {
namespace {

constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::size_t kFragmentHeaderBytes = 8;

// The packet as long as it was on the wire, of which a part is here.
struct Cutting {
  Bytes captured;
  std::size_t wire_bytes;

  [[nodiscard]] bool has(std::size_t bytes) const noexcept { return bytes <= captured.size(); }
  // For bytes that has() denied.
  [[nodiscard]] FragmentReading missing(std::size_t bytes) const noexcept {
    return bytes <= wire_bytes ? FragmentReading::Cut : FragmentReading::Malformed;
  }
  // The whole fragment with `header_bytes` of headers is declared_bytes long.
  [[nodiscard]] FragmentReading check(std::size_t header_bytes,
                                      std::size_t declared_bytes) const noexcept {
    if (declared_bytes < header_bytes) return FragmentReading::LengthBelowHeader;
    return has(declared_bytes) ? FragmentReading::Sound : missing(declared_bytes);
  }
};

FragmentReading read_ipv4(const Cutting& packet, FragmentHeader& out) noexcept {
  constexpr std::uint16_t kDontFragment = 0x4000;
  constexpr std::uint16_t kMoreFragments = 0x2000;
  constexpr std::uint16_t kOffsetMask = 0x1fff;
  if (!packet.has(kIpv4Bytes)) return packet.missing(kIpv4Bytes);
  const std::uint8_t* at = packet.captured.data();
  const std::size_t header_bytes = (at[0] & 0x0fu) * 4;
  if (header_bytes < kIpv4Bytes) return FragmentReading::Malformed;
  if (!packet.has(header_bytes)) return packet.missing(header_bytes);
  const std::uint16_t fragment = load_be16(at + 6);
  if ((fragment & (kMoreFragments | kOffsetMask)) == 0) return FragmentReading::Malformed;
  const std::uint16_t total_bytes = load_be16(at + 2);
  const FragmentReading lengths = packet.check(header_bytes, total_bytes);
  if (lengths != FragmentReading::Sound) return lengths;

  out.header = packet.captured.first(header_bytes);
  out.payload = packet.captured.subspan(header_bytes, total_bytes - header_bytes);
  store_mapped(out.source, at + 12);
  store_mapped(out.destination, at + 16);
  out.id = load_be16(at + 4);
  out.offset = (fragment & kOffsetMask) * 8u;
  out.declared_bytes = total_bytes;
  out.ip_version = 4;
  out.protocol = at[9];
  out.more_fragments = (fragment & kMoreFragments) != 0;
  out.dont_fragment = (fragment & kDontFragment) != 0;
  return FragmentReading::Sound;
}

constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kAuthentication = 51;
constexpr std::uint8_t kDestinationOptions = 60;

// What may stand before the fragment header.
constexpr bool is_extension(std::uint8_t number) noexcept {
  return number == kHopByHop || number == kRouting || number == kAuthentication ||
         number == kDestinationOptions;
}

// Of an extension header whose length field is `units`.
constexpr std::size_t extension_bytes(std::uint8_t number, std::uint8_t units) noexcept {
  return number == kAuthentication ? (units + 2u) * 4 : (units + 1u) * 8;
}

FragmentReading read_ipv6(const Cutting& packet, FragmentHeader& out) noexcept {
  if (!packet.has(kIpv6Bytes)) return packet.missing(kIpv6Bytes);
  const std::uint8_t* at = packet.captured.data();
  const std::size_t declared_bytes = kIpv6Bytes + load_be16(at + 4);

  // Every round takes 8 bytes or more, so the bound on the header bounds the rounds.
  std::size_t next_header_at = 6;
  std::size_t position = kIpv6Bytes;
  while (at[next_header_at] != kFragment) {
    const std::uint8_t number = at[next_header_at];
    if (!is_extension(number)) return FragmentReading::Malformed;
    if (!packet.has(position + 2)) return packet.missing(position + 2);
    next_header_at = position;
    position += extension_bytes(number, at[position + 1]);
    if (position > kFragmentHeaderBytesMax) return FragmentReading::Malformed;
  }
  const std::size_t header_bytes = position + kFragmentHeaderBytes;
  const FragmentReading lengths = packet.check(header_bytes, declared_bytes);
  if (lengths != FragmentReading::Sound) return lengths;

  const std::uint8_t* fragment_header = at + position;
  const std::uint16_t fragment = load_be16(fragment_header + 2);
  out.header = packet.captured.first(position);
  out.payload = packet.captured.subspan(header_bytes, declared_bytes - header_bytes);
  std::memcpy(out.source.bytes.data(), at + 8, 16);
  std::memcpy(out.destination.bytes.data(), at + 24, 16);
  out.id = load_be32(fragment_header + 4);
  out.offset = fragment & 0xfff8u;
  out.declared_bytes = static_cast<std::uint32_t>(declared_bytes);
  out.ip_version = 6;
  out.protocol = fragment_header[0];
  out.next_header_at = static_cast<std::uint16_t>(next_header_at);
  out.more_fragments = (fragment & 1u) != 0;
  out.dont_fragment = false;
  return FragmentReading::Sound;
}

}  // namespace

FragmentReading read_fragment(Bytes captured, std::uint32_t wire_bytes,
                              FragmentHeader& out) noexcept {
  const Cutting packet{.captured = captured,
                       .wire_bytes = std::max<std::size_t>(wire_bytes, captured.size())};
  if (captured.empty()) return packet.missing(1);
  switch (captured[0] >> 4) {
    case 4:
      return read_ipv4(packet, out);
    case 6:
      return read_ipv6(packet, out);
    default:
      return FragmentReading::Malformed;
  }
}

}  // namespace weir::protocol
