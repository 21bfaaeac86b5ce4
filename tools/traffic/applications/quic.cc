// QUIC version 1 on UDP 443 (RFC 9000): padded Initial packets, a handshake packet, then short
// headers; contents opaque.
#include "applications/applications.h"
#include "random_draws.h"

namespace weir::traffic {
namespace {

constexpr std::uint32_t kInitialBytes = 1200;
constexpr std::uint32_t kConnectionIdBytes = 8;

// A long header whose packet fills `datagram` bytes.
void long_header(const Flow& flow, HeadBuffer& head, bool initial, bool to_server,
                 std::uint32_t datagram) {
  Prng ids = choices(flow, 2);
  const std::uint64_t client_id = ids.next();
  const std::uint64_t server_id = ids.next();
  head.u8(initial ? 0xc3 : 0xe3).u32(1);
  head.u8(kConnectionIdBytes).u64(to_server ? server_id : client_id);
  head.u8(kConnectionIdBytes).u64(to_server ? client_id : server_id);
  if (initial) head.u8(0);  // no token
  const auto rest = static_cast<std::uint32_t>(datagram - head.size() - 2);
  head.u16(static_cast<std::uint16_t>(0x4000 | rest));
}

}  // namespace

std::optional<Message> quic_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  Prng constant = choices(flow, 1);
  const std::uint32_t packets = draw_heavy_tailed(constant, 10, 3000);
  if (index >= 3 + packets) return std::nullopt;
  Prng prng = choices(flow, 16 + index);
  if (index < 3) {
    const Direction direction = index == 0 ? Direction::ToServer : Direction::ToClient;
    long_header(flow, head, index < 2, index == 0, kInitialBytes);
    return Message{direction, kInitialBytes - static_cast<std::uint32_t>(head.size()),
                   index == 2 ? 20'000 : 1'000'000};
  }
  const bool to_server = prng.chance(2, 5);
  Prng ids = choices(flow, 2);
  const std::uint64_t client_id = ids.next();
  head.u8(static_cast<std::uint8_t>(0x40 | prng.below(64))).u64(to_server ? ids.next() : client_id);
  const std::uint32_t bytes = to_server           ? draw_between(prng, 22, 60)
                              : prng.chance(1, 5) ? 1241
                                                  : draw_between(prng, 22, 400);
  return Message{to_server ? Direction::ToServer : Direction::ToClient, bytes,
                 draw_exponential(prng, 15'000'000)};
}

}  // namespace weir::traffic
