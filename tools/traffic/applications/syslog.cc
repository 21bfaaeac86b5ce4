// Syslog over UDP (RFC 5424): one way, a few lines at a time.
#include <array>
#include <string_view>

#include "applications/applications.h"
#include "random_draws.h"

namespace weir::traffic {

std::optional<Message> syslog_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  static constexpr std::array<std::string_view, 5> kTexts = {
      "Accepted publickey for deploy from 192.0.2.14 port 50122 ssh2",
      "connection closed by peer after 30 s idle", "request served in 12 ms, status 200",
      "cache refreshed, 4096 entries, 17 evicted", "disk usage of /var is 71 per cent"};
  Prng constant = choices(flow, 1);
  if (index >= draw_heavy_tailed(constant, 2, 60)) return std::nullopt;
  Prng prng = choices(flow, 16 + index);
  head.text("<").decimal(8 * draw_between(prng, 1, 9) + draw_between(prng, 3, 6));
  head.text(">1 2023-11-14T22:13:20.").decimal(100 + prng.below(900)).text("Z host-");
  head.decimal(constant.below(500)).text(" app ").decimal(1000 + prng.below(30000)).text(" - - ");
  head.text(kTexts[prng.below(kTexts.size())]);
  return Message{Direction::ToServer, 0, draw_exponential(prng, 30'000'000)};
}

}  // namespace weir::traffic
