#include "expression_truth.h"

#include "flow_factory.h"
#include "layers.h"

namespace weir::traffic {
namespace {

constexpr std::size_t kIp = 14;
constexpr std::uint16_t kEtherRarp = 0x8035;
constexpr std::uint8_t kIpv6Fragment = 44;

bool has(const FrameLook& look, std::size_t offset, std::size_t count) noexcept {
  return offset + count <= look.captured.size();
}
bool byte_is(const FrameLook& look, std::size_t offset, std::uint8_t value) noexcept {
  return has(look, offset, 1) && look.captured[offset] == value;
}
bool word_is(const FrameLook& look, std::size_t offset, std::uint32_t value) noexcept {
  return has(look, offset, 4) && load_be32(look.captured.data() + offset) == value;
}
bool short_is(const FrameLook& look, std::size_t offset, std::uint16_t value) noexcept {
  return has(look, offset, 2) && load_be16(look.captured.data() + offset) == value;
}

bool is_ipv4(const FrameLook& look) noexcept { return look.ether_type == kEtherIpv4; }
bool is_ipv6(const FrameLook& look) noexcept { return look.ether_type == kEtherIpv6; }

template <std::uint8_t kProtocol>
bool protocol4(const FrameLook& look) noexcept {
  return is_ipv4(look) && byte_is(look, kIp + 9, kProtocol);
}
template <std::uint8_t kProtocol>
bool protocol6(const FrameLook& look) noexcept {
  if (!is_ipv6(look)) return false;
  return byte_is(look, kIp + 6, kProtocol) ||
         (byte_is(look, kIp + 6, kIpv6Fragment) && byte_is(look, kIp + 40, kProtocol));
}
template <std::uint8_t kProtocol>
bool protocol(const FrameLook& look) noexcept {
  return protocol4<kProtocol>(look) || protocol6<kProtocol>(look);
}

bool fragment_offset_is_zero(const FrameLook& look) noexcept {
  return has(look, kIp + 6, 2) && (load_be16(look.captured.data() + kIp + 6) & 0x1fff) == 0;
}

template <std::uint8_t kProtocol, std::uint16_t kPort>
bool port(const FrameLook& look) noexcept {
  std::size_t transport = kIp + 40;
  if (is_ipv6(look)) {
    if (!byte_is(look, kIp + 6, kProtocol)) return false;
  } else {
    if (!protocol4<kProtocol>(look) || !fragment_offset_is_zero(look)) return false;
    transport = kIp + (look.captured[kIp] & 0x0fu) * 4u;
  }
  return short_is(look, transport, kPort) || short_is(look, transport + 2, kPort);
}

template <std::uint32_t kHost>
bool host(const FrameLook& look) noexcept {
  if (is_ipv4(look)) return word_is(look, kIp + 12, kHost) || word_is(look, kIp + 16, kHost);
  if (look.ether_type != kEtherArp && look.ether_type != kEtherRarp) return false;
  return word_is(look, kIp + 14, kHost) || word_is(look, kIp + 24, kHost);
}

bool tagged(const FrameLook& look) noexcept {
  return look.ether_type == kEtherVlan || look.ether_type == kEtherServiceVlan ||
         look.ether_type == 0x9100;
}

bool has_syn(const FrameLook& look) noexcept {
  if (!protocol4<kProtocolTcp>(look) || !fragment_offset_is_zero(look)) return false;
  const std::size_t flags = kIp + (look.captured[kIp] & 0x0fu) * 4u + 13;
  return has(look, flags, 1) && (look.captured[flags] & kTcpSyn) != 0;
}

bool later_fragment(const FrameLook& look) noexcept {
  return is_ipv4(look) && has(look, kIp + 6, 2) && !fragment_offset_is_zero(look);
}

bool broadcast(const FrameLook& look) noexcept {
  return word_is(look, 2, 0xffffffff) && short_is(look, 0, 0xffff);
}

}  // namespace

const std::array<Expression, kExpressionCount>& expressions() noexcept {
  static constexpr std::array<Expression, kExpressionCount> kTable = {{
      {"ip", is_ipv4},
      {"ip6", is_ipv6},
      {"arp", [](const FrameLook& look) noexcept { return look.ether_type == kEtherArp; }},
      {"vlan", tagged},
      {"tcp", protocol<kProtocolTcp>},
      {"udp", protocol<kProtocolUdp>},
      {"icmp", protocol4<kProtocolIcmp>},
      {"icmp6", protocol6<kProtocolIcmpv6>},
      {"proto gre", protocol<kProtocolGre>},
      {"tcp port 22", port<kProtocolTcp, 22>},
      {"tcp port 80", port<kProtocolTcp, 80>},
      {"tcp port 443", port<kProtocolTcp, 443>},
      {"udp port 53", port<kProtocolUdp, 53>},
      {"udp port 443", port<kProtocolUdp, 443>},
      {"udp port 4789", port<kProtocolUdp, 4789>},
      {"udp port 6081", port<kProtocolUdp, 6081>},
      {"tcp[tcpflags] & tcp-syn != 0", has_syn},
      {"ip[6:2] & 0x1fff != 0", later_fragment},
      {"ether broadcast", broadcast},
      {"less 64", [](const FrameLook& look) noexcept { return look.wire_bytes <= 64; }},
      {"greater 1000", [](const FrameLook& look) noexcept { return look.wire_bytes >= 1000; }},
      {"host 198.18.4.1", host<0xc6120401>},  // the server that most TLS connections go to
      {"host 198.51.100.77", host<kNeedleHost>},
  }};
  return kTable;
}

void ExpressionTruth::count(Bytes captured, std::uint32_t wire_bytes) noexcept {
  FrameLook look{captured, wire_bytes, 0};
  if (captured.size() >= kIp) look.ether_type = load_be16(captured.data() + 12);
  const auto& table = expressions();
  for (std::size_t i = 0; i < table.size(); ++i) counts_[i] += table[i].matches(look) ? 1u : 0u;
}

}  // namespace weir::traffic
