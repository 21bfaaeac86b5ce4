// Elephants: one request line, then incompressible data from the server for as long as the draw
// says.
#include "applications/applications.h"
#include "random_draws.h"

namespace weir::traffic {

std::optional<Message> bulk_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  Prng constant = choices(flow, 1);
  const std::uint32_t bytes = draw_heavy_tailed(constant, 60'000, 8'000'000);
  if (index == 0) {
    head.text("FETCH ").hex(flow.seed, 16).text(" ").decimal(bytes).text("\n");
    return Message{Direction::ToServer, 0, 0};
  }
  if (index == 1) return Message{Direction::ToClient, bytes, 5'000'000};
  return std::nullopt;
}

}  // namespace weir::traffic
