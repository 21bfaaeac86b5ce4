// DHCP through a relay agent (RFC 2131): discover, offer, request, acknowledge, unicast between
// relay and server.
#include "applications/applications.h"
#include "random_draws.h"

namespace weir::traffic {

std::optional<Message> dhcp_message(const Flow& flow, std::uint32_t index, HeadBuffer& head) {
  constexpr std::uint8_t kMessageTypes[] = {1, 2, 3, 5};
  if (index >= 4) return std::nullopt;
  Prng constant = choices(flow, 1);
  const auto transaction = static_cast<std::uint32_t>(constant.next());
  const std::uint32_t offered = 0x0a300000 | static_cast<std::uint32_t>(constant.below(65536));
  const bool reply = index % 2 == 1;
  head.u8(reply ? 2 : 1).u8(1).u8(6).u8(1).u32(transaction).u16(1).u16(0);
  head.u32(0).u32(reply ? offered : 0).u32(0);
  head.bytes(flow.client.view().first(4));  // the relay
  Prng hardware = choices(flow, 2);
  head.u16(0x0200).random(hardware, 4).zeros(10);
  head.zeros(64 + 128).u32(0x63825363);
  head.u8(53).u8(1).u8(kMessageTypes[index]);
  if (reply) {
    head.u8(54).u8(4).bytes(flow.server.view().first(4));
    head.u8(51).u8(4).u32(86400).u8(1).u8(4).u32(0xffff0000);
  } else {
    if (index == 2) head.u8(50).u8(4).u32(offered).u8(54).u8(4).bytes(flow.server.view().first(4));
    head.u8(55).u8(4).u8(1).u8(3).u8(6).u8(15);
  }
  head.u8(255);
  return Message{reply ? Direction::ToClient : Direction::ToServer, 0,
                 draw_exponential(constant, 3'000'000)};
}

}  // namespace weir::traffic
