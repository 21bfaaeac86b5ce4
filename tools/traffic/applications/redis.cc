// The Redis protocol (RESP2): small requests and small answers at a high rate, as inside any data
// centre.
#include "applications/applications.h"
#include "random_draws.h"

namespace weir::traffic {

std::optional<Message> redis_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  Prng constant = choices(flow, 1);
  if (index >= 2 * draw_heavy_tailed(constant, 10, 5000)) return std::nullopt;
  Prng prng = choices(flow, 16 + index);
  if (index % 2 == 0) {
    head.text("*2\r\n$3\r\nGET\r\n$16\r\n").hex(prng.next(), 16).text("\r\n");
    return Message{Direction::ToServer, 0, draw_exponential(prng, 40'000'000)};
  }
  const std::int64_t think = draw_exponential(prng, 200'000);
  if (prng.chance(1, 3)) {
    head.text("$-1\r\n");
    return Message{Direction::ToClient, 0, think};
  }
  const std::uint32_t value = draw_heavy_tailed(prng, 16, 900);
  head.text("$").decimal(value).text("\r\n");
  for (std::uint32_t i = 0; i < value; ++i)
    head.u8(static_cast<std::uint8_t>('a' + prng.below(26)));
  head.text("\r\n");
  return Message{Direction::ToClient, 0, think};
}

}  // namespace weir::traffic
