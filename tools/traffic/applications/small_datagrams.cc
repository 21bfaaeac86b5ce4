// Protocols of one fixed datagram shape: NTP (RFC 5905), RTP with G.711 audio (RFC 3550, 3551), and
// echo data.
#include "applications/applications.h"
#include "random_draws.h"

namespace weir::traffic {

std::optional<Message> ntp_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  if (index >= 2) return std::nullopt;
  Prng prng = choices(flow, 16);
  const std::uint64_t origin = 0xe9000000'00000000 | (prng.next() >> 8);
  const bool reply = index == 1;
  head.u8(reply ? 0x24 : 0x23).u8(reply ? 2 : 0).u8(6).u8(0xec);  // version 4; mode 4 or 3
  head.u32(reply ? 0x00000a3d : 0).u32(reply ? 0x00000b7c : 0);
  head.bytes(reply ? flow.server.view().last(4) : Bytes(flow.client.view()).last(4));
  head.u64(reply ? origin - (std::uint64_t{60} << 32) : 0).u64(reply ? origin : 0);
  head.u64(reply ? origin + (1 << 24) : 0).u64(reply ? origin + (1 << 24) + 9000 : origin);
  return Message{reply ? Direction::ToClient : Direction::ToServer, 0, 40'000};
}

std::optional<Message> rtp_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  constexpr std::uint32_t kAudioBytes = 160;  // 20 ms
  Prng constant = choices(flow, 1);
  if (index >= 2 * draw_heavy_tailed(constant, 50, 4000)) return std::nullopt;
  const bool back = index % 2 == 1;
  const auto source = static_cast<std::uint32_t>(constant.next()) + (back ? 1u : 0u);
  head.u8(0x80).u8(index < 2 ? 0x80 : 0x00).u16(static_cast<std::uint16_t>(source + index / 2));
  head.u32(source * 7 + index / 2 * kAudioBytes).u32(source);
  return Message{back ? Direction::ToClient : Direction::ToServer, kAudioBytes, 9'900'000};
}

std::optional<Message> echo_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  Prng constant = choices(flow, 1);
  if (index >= 2 * draw_heavy_tailed(constant, 2, 200)) return std::nullopt;
  const bool reply = index % 2 == 1;
  head.u64(flow.seed);  // where ping puts its time of sending
  for (std::uint8_t value = 0x10; value < 0x40; ++value) head.u8(value);
  return Message{reply ? Direction::ToClient : Direction::ToServer, 0,
                 reply        ? 50'000
                 : index == 0 ? 0
                              : 1'000'000'000};
}

}  // namespace weir::traffic
