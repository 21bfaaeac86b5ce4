// IEEE 802.11 (IEEE Std 802.11 clause 9.2) and the radiotap header before it (radiotap.org). Data
// frames go on with LLC; management and control frames, encrypted ones, later fragments and
// aggregates end here without a reason.
#pragma once

#include "protocol/headers/decode_state.h"

namespace weir::protocol {

namespace detail {

inline constexpr std::uint8_t kRadiotapPadsHeader = 0x20;  // IEEE80211_RADIOTAP_F_DATAPAD

// The flags field of a radiotap header that is `bytes` long and fully readable; 0 when it has none.
inline std::uint8_t radiotap_flags(const std::uint8_t* header, std::uint32_t bytes) noexcept {
  constexpr std::uint32_t kHasTime = 1u << 0;
  constexpr std::uint32_t kHasFlags = 1u << 1;
  constexpr std::uint32_t kHasMoreWords = 1u << 31;
  constexpr std::uint32_t kPresent = 4;
  const std::uint32_t present = load_le32(header + kPresent);
  if ((present & kHasFlags) == 0) return 0;
  std::uint32_t at = kPresent;
  while (at + 4 <= bytes && (load_le32(header + at) & kHasMoreWords) != 0) at += 4;
  at += 4;
  if ((present & kHasTime) != 0) at = ((at + 7) & ~7u) + 8;
  return at < bytes ? header[at] : std::uint8_t{0};
}

inline Next decode_80211_header(DecodeState& state, bool padded) noexcept {
  constexpr std::uint32_t kAckBytes = 10;  // the shortest frame: control, duration, receiver
  constexpr std::uint32_t kDataBytes = 24;
  if (!state.has(kAckBytes)) return state.stop_cut(kAckBytes);
  const std::uint8_t* at = state.here();
  const unsigned type = (at[0] >> 2) & 3;
  const unsigned subtype = at[0] >> 4;
  const bool two_addresses_more = (at[1] & 0x03) == 0x03;  // to and from the distribution system
  const bool encrypted = (at[1] & 0x40) != 0;
  const bool ordered = (at[1] & 0x80) != 0;
  if (type == 1 || type == 3) {  // control, extension
    (void)state.take(LayerType::Ieee80211, kAckBytes);
    return kNothing;
  }
  const bool data = type == 2;
  const bool quality = data && (subtype & 8) != 0;
  std::uint32_t bytes = kDataBytes;
  if (data && two_addresses_more) bytes += 6;
  const std::uint32_t quality_at = bytes;
  if (quality) bytes += 2;
  if (ordered && (quality || !data)) bytes += 4;  // HT control
  if (padded) bytes = (bytes + 3) & ~3u;
  if (!state.has(bytes)) return state.stop_cut(bytes);
  if (!state.take(LayerType::Ieee80211, bytes)) return kNothing;
  const bool without_body = (subtype & 4) != 0;
  const bool later_fragment = (at[22] & 0x0f) != 0;
  const bool aggregate = quality && (at[quality_at] & 0x80) != 0;
  if (!data || without_body || encrypted || later_fragment || aggregate) return kNothing;
  return {.space = Space::Llc};
}

}  // namespace detail

inline Next decode_80211(DecodeState& state) noexcept {
  return detail::decode_80211_header(state, false);
}

inline Next decode_radiotap(DecodeState& state) noexcept {
  constexpr std::uint32_t kFixedBytes = 8;
  if (!state.has(kFixedBytes)) return state.stop_cut(kFixedBytes);
  const std::uint8_t* at = state.here();
  if (at[0] != 0) return state.stop(MalformedReason::BadVersion);
  const std::uint32_t bytes = load_le16(at + 2);
  if (bytes < kFixedBytes) return state.stop(MalformedReason::BadHeaderLength);
  if (!state.has(bytes)) return state.stop_cut(bytes);
  const bool padded = (detail::radiotap_flags(at, bytes) & detail::kRadiotapPadsHeader) != 0;
  if (!state.take(LayerType::Radiotap, bytes)) return kNothing;
  return detail::decode_80211_header(state, padded);
}

}  // namespace weir::protocol
