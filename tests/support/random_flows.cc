#include "support/random_flows.h"

#include <array>
#include <functional>
#include <string>

#include "support/packet_builder.h"

namespace weir::test {
namespace {

enum class Way : std::uint8_t { There, Back };

std::uint16_t number16(Prng& random) { return static_cast<std::uint16_t>(random.below(0x10000)); }
std::uint32_t number24(Prng& random) { return static_cast<std::uint32_t>(random.below(1 << 24)); }

std::string address4(Prng& random) {
  return std::to_string(1 + random.below(223)) + '.' + std::to_string(random.below(256)) + '.' +
         std::to_string(random.below(256)) + '.' + std::to_string(random.below(256));
}
std::string address6(Prng& random) {
  std::string text = "2001:db8";
  for (int i = 0; i < 6; ++i) {
    std::array<char, 8> group{};
    std::snprintf(group.data(), group.size(), ":%x", static_cast<unsigned>(number16(random)));
    text += group.data();
  }
  return text;
}

// Each header of the flow is decided once and written twice, once for each way.
using Header = std::function<void(PacketBuilder&, Way)>;
using Stack = std::vector<Header>;

// The station that sends, and the one that receives.
struct Stations {
  std::string one;
  std::string other;
  [[nodiscard]] const std::string& from(Way way) const { return way == Way::There ? one : other; }
  [[nodiscard]] const std::string& to(Way way) const { return way == Way::There ? other : one; }
};

void push_link(Stack& stack, Prng& random) {
  stack.push_back([](PacketBuilder& packet, Way) { packet.ethernet(); });
  const std::uint64_t tags = random.below(3);
  for (std::uint64_t i = 0; i < tags; ++i) {
    const auto tci = number16(random);
    const std::uint16_t type = i == 0 && random.chance(1, 3) ? 0x88a8 : 0x8100;
    stack.push_back([=](PacketBuilder& packet, Way) { packet.vlan(tci, type); });
  }
  if (random.chance(1, 8)) {
    const std::uint32_t label = static_cast<std::uint32_t>(random.below(1 << 20));
    const bool two = random.chance(1, 2);
    stack.push_back([=](PacketBuilder& packet, Way) {
      if (two) packet.mpls(label ^ 1, false);
      packet.mpls(label);
    });
  } else if (random.chance(1, 8)) {
    const auto session = number16(random);
    stack.push_back([=](PacketBuilder& packet, Way) { packet.pppoe_session(session); });
  }
}

void push_ip(Stack& stack, Prng& random) {
  if (random.chance(1, 2)) {
    const Stations stations{address4(random), address4(random)};
    const std::size_t option_bytes = random.chance(1, 6) ? 4 * (1 + random.below(10)) : 0;
    stack.push_back([=](PacketBuilder& packet, Way way) {
      packet.ipv4(stations.from(way), stations.to(way),
                  {.options = std::vector<std::uint8_t>(option_bytes, 1)});
    });
    return;
  }
  const Stations stations{address6(random), address6(random)};
  stack.push_back(
      [=](PacketBuilder& packet, Way way) { packet.ipv6(stations.from(way), stations.to(way)); });
  for (const std::uint8_t extension : {std::uint8_t{0}, std::uint8_t{43}, std::uint8_t{60}}) {
    if (!random.chance(1, 8)) continue;
    const auto units = static_cast<std::uint8_t>(1 + random.below(3));
    stack.push_back([=](PacketBuilder& packet, Way) { packet.ipv6_extension(extension, units); });
  }
}

// Behind the IP header of a tunnel, up to where the next network header may begin; true when a
// frame and not a packet must follow.
bool push_tunnel(Stack& stack, Prng& random) {
  const std::array ports = {number16(random), number16(random)};
  const auto port = [ports](Way way) { return ports[way == Way::There ? 0 : 1]; };
  const std::uint32_t identifier = number24(random);
  switch (random.below(7)) {
    case 0:  // IP in IP
      return false;
    case 1:
      stack.push_back([=](PacketBuilder& packet, Way) { packet.gre(); });
      return false;
    case 2:
      stack.push_back([=](PacketBuilder& packet, Way) { packet.gre(identifier); });
      return true;
    case 3:
      stack.push_back(
          [=](PacketBuilder& packet, Way way) { packet.udp(port(way), 4789).vxlan(identifier); });
      return true;
    case 4:
      stack.push_back(
          [=](PacketBuilder& packet, Way way) { packet.udp(port(way), 6081).geneve(identifier); });
      return true;
    case 5: {  // AWS Gateway Load Balancer: endpoint, attachment, flow cookie
      const auto endpoint = static_cast<std::uint8_t>(random.next());
      const auto attachment = static_cast<std::uint8_t>(random.next());
      stack.push_back([=](PacketBuilder& packet, Way way) {
        packet.udp(port(way), 6081).geneve(0, {0x01, 0x08,    0x01, 2, 0, 0,
                                               0,    0,       9,    8, 7, endpoint,
                                               0x01, 0x08,    0x02, 2, 0, 0,
                                               0,    0,       1,    2, 3, attachment,
                                               0x01, 0x08,    0x03, 1, 5, 5,
                                               5,    endpoint});
      });
      return false;
    }
    default:
      stack.push_back([=](PacketBuilder& packet, Way way) {
        packet.udp(2152, 2152).gtp_u(port(way));  // an endpoint of its own for each way
      });
      return false;
  }
}

void push_transport(Stack& stack, Prng& random) {
  const std::array ports = {static_cast<std::uint16_t>(10'000 + random.below(10'000)),
                            static_cast<std::uint16_t>(1 + random.below(1000))};
  const auto from = [ports](Way way) { return ports[way == Way::There ? 0 : 1]; };
  const auto to = [ports](Way way) { return ports[way == Way::There ? 1 : 0]; };
  switch (random.below(5)) {
    case 0:
      stack.push_back([=](PacketBuilder& packet, Way way) { packet.udp(from(way), to(way)); });
      break;
    case 1:
      stack.push_back([=](PacketBuilder& packet, Way way) { packet.sctp(from(way), to(way)); });
      break;
    case 2:
      stack.push_back(
          [](PacketBuilder& packet, Way way) { packet.icmp(way == Way::There ? 8 : 0); });
      break;
    case 3:
      stack.push_back(
          [](PacketBuilder& packet, Way way) { packet.icmpv6(way == Way::There ? 135 : 136); });
      break;
    default:
      stack.push_back([=](PacketBuilder& packet, Way way) { packet.tcp(from(way), to(way)); });
      break;
  }
  const std::size_t payload_bytes = random.below(100);
  stack.push_back([=](PacketBuilder& packet, Way) { packet.payload(payload_bytes); });
}

}  // namespace

BothWays random_flow(Prng& random) {
  Stack stack;
  push_link(stack, random);
  push_ip(stack, random);
  const std::uint64_t tunnels = random.below(3);
  for (std::uint64_t i = 0; i < tunnels; ++i) {
    if (push_tunnel(stack, random)) push_link(stack, random);
    push_ip(stack, random);
  }
  push_transport(stack, random);

  const auto write = [&](Way way) {
    PacketBuilder packet;
    for (const Header& header : stack) header(packet, way);
    return packet.build();
  };
  return {.there = write(Way::There), .back = write(Way::Back)};
}

}  // namespace weir::test
