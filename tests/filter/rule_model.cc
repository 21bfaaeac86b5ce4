#include "rule_model.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace weir::test {
namespace {

bool in_net(const std::string& text, const IpAddress& address, int version) {
  const std::size_t slash = text.find('/');
  const std::string base = text.substr(0, slash);
  std::array<std::uint8_t, 16> bytes{};
  const bool version_6 = base.find(':') != std::string::npos;
  if (version != (version_6 ? 6 : 4)) return false;
  inet_pton(version_6 ? AF_INET6 : AF_INET, base.c_str(), bytes.data());
  const std::uint8_t* have = address.bytes.data() + (version_6 ? 0 : 12);
  const int length =
      slash == std::string::npos ? (version_6 ? 128 : 32) : std::stoi(text.substr(slash + 1));
  for (int bit = 0; bit < length; ++bit) {
    const auto at = static_cast<std::size_t>(bit / 8);
    if (((bytes[at] ^ have[at]) >> (7 - bit % 8) & 1) != 0) return false;
  }
  return true;
}

bool in_nets(const std::vector<std::string>& nets, const IpAddress& address, int version) {
  return std::any_of(nets.begin(), nets.end(),
                     [&](const std::string& net) { return in_net(net, address, version); });
}

bool in_ranges(const std::vector<filter::NumberRange>& ranges, std::uint32_t number) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const filter::NumberRange& range) {
    return range.first <= number && number <= range.last;
  });
}

std::string random_net(Prng& prng) {
  const auto number = [&](std::uint64_t below) { return std::to_string(prng.below(below)); };
  switch (prng.below(8)) {
    case 0:
      return "10.0." + number(4) + ".0/24";
    case 1:
      return "10.0.0.0/" + std::to_string(8 + prng.below(9));
    case 2:
      return "0.0.0.0/0";
    case 3:
      return "2001:db8:0:" + number(4) + "::/64";
    case 4:
      return "2001:db8::" + number(8);
    case 5:
      return prng.chance(1, 4) ? "::/0" : "2001:db8::/" + std::to_string(32 + prng.below(33));
    default:
      return "10.0." + number(4) + "." + number(16);
  }
}

std::vector<std::string> random_nets(Prng& prng) {
  std::vector<std::string> nets(1 + prng.below(3));
  for (std::string& net : nets) net = random_net(prng);
  return nets;
}

std::vector<filter::NumberRange> random_ranges(Prng& prng, std::uint32_t below) {
  std::vector<filter::NumberRange> ranges(1 + prng.below(3));
  for (filter::NumberRange& range : ranges) {
    range.first = static_cast<std::uint32_t>(prng.below(below));
    range.last = range.first;
    if (prng.chance(1, 3))
      range.last += static_cast<std::uint32_t>(prng.below(below - range.first));
  }
  return ranges;
}

IpAddress random_address(Prng& prng, int version) {
  IpAddress out;
  if (version == 4) {
    out.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0};
    out.bytes[14] = static_cast<std::uint8_t>(prng.below(5));
    out.bytes[15] = static_cast<std::uint8_t>(prng.below(20));
  } else {
    out.bytes = {0x20, 0x01, 0x0d, 0xb8};
    out.bytes[7] = static_cast<std::uint8_t>(prng.below(5));
    out.bytes[15] = static_cast<std::uint8_t>(prng.below(10));
  }
  return out;
}

constexpr std::uint32_t kPortsBelow = 40;

}  // namespace

bool conditions_hold(const filter::RuleSpec& rule, const Headers& headers, const PacketKeys& keys) {
  const int version = keys.ip_version;
  const int protocol = version == 0 ? -1 : keys.ip_protocol;
  const bool ports = (protocol == 6 || protocol == 17 || protocol == 132) &&
                     (headers.transport_offset != kNoOffset || keys.source_port != 0 ||
                      keys.destination_port != 0);
  const auto source = [&](const auto& nets) { return in_nets(nets, keys.source, version); };
  const auto destination = [&](const auto& nets) {
    return in_nets(nets, keys.destination, version);
  };
  const auto given = [](const auto& list, bool holds) { return list.empty() || holds; };
  const TenantIdentity& tenant = keys.tenant;
  return given(rule.nets, source(rule.nets) || destination(rule.nets)) &&
         given(rule.source_nets, source(rule.source_nets)) &&
         given(rule.destination_nets, destination(rule.destination_nets)) &&
         given(rule.ports, ports && (in_ranges(rule.ports, keys.source_port) ||
                                     in_ranges(rule.ports, keys.destination_port))) &&
         given(rule.source_ports, ports && in_ranges(rule.source_ports, keys.source_port)) &&
         given(rule.destination_ports,
               ports && in_ranges(rule.destination_ports, keys.destination_port)) &&
         given(rule.protocols, version != 0 && in_ranges(rule.protocols, keys.ip_protocol)) &&
         given(rule.vlans,
               tenant.vlan != TenantIdentity::kNoVlan && in_ranges(rule.vlans, tenant.vlan)) &&
         given(rule.vnis,
               tenant.vni != TenantIdentity::kNoVni && in_ranges(rule.vnis, tenant.vni)) &&
         given(rule.gwlb_endpoints,
               tenant.gwlb_endpoint != 0 &&
                   std::count(rule.gwlb_endpoints.begin(), rule.gwlb_endpoints.end(),
                              tenant.gwlb_endpoint) != 0);
}

void random_keys(Prng& prng, Headers& headers, PacketKeys& keys) {
  constexpr std::array<std::uint8_t, 6> kProtocols = {6, 6, 17, 17, 132, 1};
  headers = {};
  keys = {};
  headers.transport_offset = kNoOffset;
  if (prng.chance(1, 2)) keys.tenant.vlan = static_cast<std::uint16_t>(prng.below(10));
  if (prng.chance(1, 2)) keys.tenant.vni = static_cast<std::uint32_t>(prng.below(10));
  if (prng.chance(1, 2)) keys.tenant.gwlb_endpoint = 1 + prng.below(5);
  if (prng.chance(1, 10)) return;  // no IP
  keys.ip_version = prng.chance(1, 3) ? 6 : 4;
  keys.source = random_address(prng, keys.ip_version);
  keys.destination = random_address(prng, keys.ip_version);
  keys.ip_protocol = kProtocols[prng.below(kProtocols.size())];
  if (prng.chance(1, 10)) return;  // a fragment without ports
  headers.transport_offset = 34;
  keys.source_port = static_cast<std::uint16_t>(prng.below(kPortsBelow));
  keys.destination_port = static_cast<std::uint16_t>(prng.below(kPortsBelow));
}

filter::RuleSpec random_rule(Prng& prng) {
  filter::RuleSpec rule;
  rule.action = prng.chance(1, 2) ? filter::RuleAction::Accept : filter::RuleAction::Reject;
  if (prng.chance(1, 3)) rule.nets = random_nets(prng);
  if (prng.chance(1, 4)) rule.source_nets = random_nets(prng);
  if (prng.chance(1, 4)) rule.destination_nets = random_nets(prng);
  if (prng.chance(1, 3)) rule.ports = random_ranges(prng, kPortsBelow);
  if (prng.chance(1, 4)) rule.source_ports = random_ranges(prng, kPortsBelow);
  if (prng.chance(1, 4)) rule.destination_ports = random_ranges(prng, kPortsBelow);
  if (prng.chance(1, 4)) rule.protocols = random_ranges(prng, 20);
  if (prng.chance(1, 6)) rule.vlans = random_ranges(prng, 10);
  if (prng.chance(1, 6)) rule.vnis = random_ranges(prng, 10);
  if (prng.chance(1, 6)) rule.gwlb_endpoints = {1 + prng.below(5), 1 + prng.below(5)};
  return rule;
}

}  // namespace weir::test
