// ICMP (RFC 792) and ICMPv6 (RFC 4443). Headers quoted by error messages are payload.
#pragma once

#include <array>

#include "protocol/headers/decode_state.h"

namespace weir::protocol {

namespace detail {

// For each type the type that answers it, as Community ID v1 pairs them; 0xff: none, the message
// stands alone.
using AnswerTypes = std::array<std::uint8_t, 256>;

template <std::size_t kPairs>
constexpr AnswerTypes answer_types(const std::uint8_t (&pairs)[kPairs][2]) noexcept {
  AnswerTypes answers{};
  answers.fill(0xff);
  for (const auto& [one, other] : pairs) {
    answers[one] = other;
    answers[other] = one;
  }
  return answers;
}

inline constexpr AnswerTypes kIcmpAnswers = answer_types({
    {8, 0},    // echo
    {10, 9},   // router solicitation, advertisement
    {13, 14},  // timestamp
    {15, 16},  // information
    {17, 18},  // address mask
});
inline constexpr AnswerTypes kIcmpv6Answers = answer_types({
    {128, 129},  // echo
    {130, 131},  // multicast listener query, report
    {133, 134},  // router solicitation, advertisement
    {135, 136},  // neighbour solicitation, advertisement
    {139, 140},  // node information
    {144, 145},  // home agent address discovery
});

// Type and answering type take the place of the ports, so that request and reply are one flow; type
// and code do for messages without an answer.
inline Next decode_icmp_header(DecodeState& state, LayerType layer,
                               const AnswerTypes& answers) noexcept {
  constexpr std::uint32_t kBytes = 8;
  if (state.has(2)) {
    const std::uint8_t* at = state.here();
    state.keys->source_port = at[0];
    state.keys->destination_port = answers[at[0]] != 0xff ? answers[at[0]] : at[1];
  }
  if (!state.has(kBytes)) return state.stop_cut(kBytes);
  (void)state.take_transport(layer, kBytes);
  return kNothing;
}

}  // namespace detail

inline Next decode_icmp(DecodeState& state) noexcept {
  return detail::decode_icmp_header(state, LayerType::Icmp, detail::kIcmpAnswers);
}
inline Next decode_icmpv6(DecodeState& state) noexcept {
  return detail::decode_icmp_header(state, LayerType::Icmpv6, detail::kIcmpv6Answers);
}

}  // namespace weir::protocol
