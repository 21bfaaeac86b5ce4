// What the decoders of one packet share: where they stand, how far they may read, and where their
// findings go.
//
// A decoder is a function `Next decode_x(DecodeState&)`, one for each protocol header, in a file
// named for it. It checks that its header is there (`has`), records it (`take`), fills what the
// header says into `headers` and `keys`, and returns the number by which the header names what
// follows. It knows no other decoder: decoder_table.cc does.
//
// Invariants: position <= limit <= declared; all three count bytes from the start of the frame;
// nothing at or after `limit` is ever read. Sums don't overflow: a frame has at most 2^18 bytes,
// and no length field says more.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "base/bytes.h"
#include "base/headers.h"

namespace weir::protocol {

// Which numbering a number belongs to.
enum class Space : std::uint8_t {
  None,
  Link,            // LinkType: a whole frame follows
  EtherType,       // IEEE 802 numbers, 0x0600 and above
  Llc,             // IEEE 802.2; the number means nothing
  Ppp,             // PPP protocol field
  Gre,             // GRE protocol types that are not EtherTypes
  IpProtocol,      // IANA protocol numbers, IPv6 extension headers included
  UdpDestination,  // tunnels that are known by the port they are sent to
  UdpSource,       // ... and by the port they are sent from
};

// What follows a header. `or_else` is tried when nothing is known by the first number.
struct Next {
  Space space = Space::None;
  Space or_else = Space::None;
  std::uint16_t number = 0;
  std::uint16_t or_else_number = 0;

  [[nodiscard]] constexpr bool is(Space s, std::uint16_t n) const noexcept {
    return space == s && number == n;
  }
};
inline constexpr Next kNothing{};

constexpr Next link_frame(LinkType type) noexcept {
  return {.space = Space::Link, .number = static_cast<std::uint16_t>(type)};
}
constexpr Next by_ethertype(std::uint16_t type) noexcept {
  return {.space = Space::EtherType, .number = type};
}
constexpr Next by_ip_protocol(std::uint8_t number) noexcept {
  return {.space = Space::IpProtocol, .number = number};
}

// Headers begin and end before this offset; what an offset of 16 bits can name, less what a decoder
// may skip unseen.
inline constexpr std::uint32_t kHeaderBytesMax = 0xff00;

struct DecodeState {
  const std::uint8_t* frame;
  std::uint32_t position;  // first byte that no header has claimed yet
  std::uint32_t limit;  // end of what may be read: captured, and inside every length field so far
  std::uint32_t
      declared;  // where the enclosing length fields, or the wire length, say that the packet ends
  Headers* headers;
  PacketKeys* keys;
  std::uint8_t layer_count = 0;
  std::uint8_t tunnel_depth = 0;
  std::uint8_t ip_version = 0;  // of the innermost IP header so far
  bool tunnel_opened = false;  // a tunnel header was seen and its frame or packet has not begun yet
  bool in_fragment =
      false;  // an IP layer so far is a fragment: lengths inside it name the whole, not the part

  [[nodiscard]] const std::uint8_t* here() const noexcept { return frame + position; }
  [[nodiscard]] std::uint32_t readable() const noexcept { return limit - position; }
  [[nodiscard]] bool has(std::uint32_t bytes) const noexcept { return bytes <= limit - position; }

  // The first reason stays.
  void note(MalformedReason reason) const noexcept {
    if (headers->malformed == MalformedReason::None) headers->malformed = reason;
  }
  [[nodiscard]] Next stop(MalformedReason reason) const noexcept {
    note(reason);
    return kNothing;
  }
  // For a header of `bytes` bytes that has() denied: the snaplen's doing if the packet goes on
  // behind the cut.
  [[nodiscard]] Next stop_cut(std::uint32_t bytes) const noexcept {
    const bool snapped = declared > limit && bytes <= declared - position;
    return stop(snapped ? MalformedReason::SnappedHeader : MalformedReason::TruncatedHeader);
  }

  // Claims the next `bytes` bytes, which has() granted, as a header. False: weir follows no
  // further, the decoder returns kNothing.
  [[nodiscard]] bool take(LayerType type, std::uint32_t bytes) noexcept {
    if (layer_count == kLayersMax || position + bytes > kHeaderBytesMax) [[unlikely]] {
      note(MalformedReason::TooDeep);
      return false;
    }
    // One store: the fields of a Layer in their order in memory.
    headers->layers[layer_count++] =
        std::bit_cast<Layer>(position << 16 | static_cast<std::uint32_t>(type));
    position += bytes;
    return true;
  }

  // What follows is at most `bytes` long; more readable bytes are padding.
  void end_after(std::uint32_t bytes) noexcept {
    declared = std::min(declared, position + bytes);
    limit = std::min(limit, declared);
  }
  // The same for a length field that must not reach beyond the packet around it.
  void end_after(std::uint32_t bytes, MalformedReason when_beyond) noexcept {
    if (position + bytes > declared) [[unlikely]] {
      if (!in_fragment) note(when_beyond);
      return;
    }
    declared = position + bytes;
    limit = std::min(limit, declared);
  }

  // The frame or IP packet that begins at `start` has been taken: it is what a tunnel carries if a
  // tunnel header came before.
  void begin_frame(std::uint32_t start, LinkType type) noexcept {
    if (!tunnel_opened) return;
    tunnel_opened = false;
    ++tunnel_depth;
    headers->inner_frame_offset = static_cast<std::uint16_t>(start);
    headers->inner_link_type = type;
  }
  // The IP header at `start` has been taken: what is known of an outer one no longer counts.
  void begin_ip(std::uint32_t start, std::uint8_t version) noexcept {
    begin_frame(start, LinkType::Raw);
    ip_version = version;
    headers->network_offset = static_cast<std::uint16_t>(start);
    headers->transport_offset = kNoOffset;
    headers->tcp_flags = 0;
    headers->fragment = false;
    keys->ip_version = version;
    keys->source_port = 0;
    keys->destination_port = 0;
  }
  // take() for a transport header.
  [[nodiscard]] bool take_transport(LayerType type, std::uint32_t bytes) noexcept {
    const std::uint32_t start = position;
    if (!take(type, bytes)) return false;
    headers->transport_offset = static_cast<std::uint16_t>(start);
    return true;
  }
};

using Decoder = Next (*)(DecodeState&) noexcept;

}  // namespace weir::protocol
