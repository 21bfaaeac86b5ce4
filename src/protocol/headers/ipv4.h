// IPv4 (RFC 791).
#pragma once

#include <cstring>

#include "protocol/headers/decode_state.h"

namespace weir::protocol {

// ::ffff:a.b.c.d in two whole words: the flow hash reads words, and a load from several smaller
// stores stalls.
[[gnu::always_inline]] inline void store_mapped(IpAddress& to,
                                                const std::uint8_t* address) noexcept {
  store_le(to.bytes.data(), std::uint64_t{0});
  store_le(to.bytes.data() + 8, (std::uint64_t{load_le32(address)} << 32) | 0xffff0000u);
}

[[gnu::always_inline]] inline Next decode_ipv4(DecodeState& state) noexcept {
  constexpr std::uint32_t kFixedBytes = 20;
  constexpr std::uint16_t kMoreFragments = 0x2000;
  constexpr std::uint16_t kOffsetMask = 0x1fff;
  if (!state.has(kFixedBytes)) [[unlikely]]
    return state.stop_cut(kFixedBytes);
  const std::uint8_t* at = state.here();
  if ((at[0] >> 4) != 4) [[unlikely]]
    return state.stop(MalformedReason::BadVersion);
  const std::uint32_t header_bytes = (at[0] & 0x0fu) * 4;
  if (header_bytes < kFixedBytes) [[unlikely]]
    return state.stop(MalformedReason::BadHeaderLength);
  if (!state.has(header_bytes)) [[unlikely]]
    return state.stop_cut(header_bytes);

  const std::uint32_t start = state.position;
  if (!state.take(LayerType::Ipv4, header_bytes)) return kNothing;
  state.begin_ip(start, 4);
  store_mapped(state.keys->source, at + 12);
  store_mapped(state.keys->destination, at + 16);
  state.keys->ip_protocol = at[9];

  // 0 is what segmentation offload leaves in packets longer than the field can say: they reach to
  // the frame's end.
  const std::uint32_t total_bytes = load_be16(at + 2);
  if (total_bytes >= header_bytes) [[likely]] {
    state.end_after(total_bytes - header_bytes, MalformedReason::BadTotalLength);
  } else if (total_bytes != 0) {
    state.end_after(0);
    return state.stop(MalformedReason::BadTotalLength);
  }
  const std::uint16_t fragment = load_be16(at + 6);
  if ((fragment & (kMoreFragments | kOffsetMask)) != 0) [[unlikely]] {
    state.headers->fragment = true;
    state.in_fragment = true;
    if ((fragment & kOffsetMask) != 0) return kNothing;
  }
  return by_ip_protocol(at[9]);
}

inline Next decode_ipv4_in_ip(DecodeState& state) noexcept {
  state.tunnel_opened = true;
  return decode_ipv4(state);
}

}  // namespace weir::protocol
