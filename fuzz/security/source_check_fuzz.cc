// The source of any bytes of any link type, under rules from the same input: nothing outside of the
// frame is read, and the verdict is what the source that is told says. So are those of packets from
// the first and last addresses and VNIs of the rules, and from beside them. Input: the link type
// (index into kLinkTypes), how many bytes of the rest are the text of rules, that text, the frame.
// A line of the text is a net, a MAC or VNIs; with '!' in front it is refused.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "security/source_account.h"
#include "security/source_validator.h"

namespace {

using weir::security::SourceRefusal;

constexpr std::array kLinkTypes = {
    weir::LinkType::Ethernet,  weir::LinkType::Raw,       weir::LinkType::Ipv4,
    weir::LinkType::Ipv6,      weir::LinkType::Null,      weir::LinkType::Loop,
    weir::LinkType::LinuxSll,  weir::LinkType::LinuxSll2, weir::LinkType::Ppp,
    weir::LinkType::Ieee80211, weir::LinkType{0xffff},
};

struct Scratch {
  weir::PacketBatch batch;
  weir::KeysArray keys;
  weir::security::SourceVerdicts verdicts;
};

void add_line(weir::security::SourceRules& rules, std::string line) {
  const bool deny = line.starts_with('!');
  if (deny) line.erase(0, 1);
  if (weir::security::parse_mac(line).ok()) {
    (deny ? rules.deny_macs : rules.macs).push_back(line);
  } else if (const auto vnis = weir::security::parse_vnis(line); vnis.ok()) {
    (deny ? rules.deny_vnis : rules.vnis).push_back(*vnis);
  } else if (weir::security::parse_source_net(line).ok()) {
    (deny ? rules.deny_nets : rules.nets).push_back(line);
  }
}

bool has_address(const std::vector<std::string>& nets, const weir::security::FrameSource& source) {
  weir::Uint128 address = 0;
  for (const std::uint8_t byte : source.address.bytes) address = address << 8 | byte;
  if (source.ip_version == 4) address &= 0xffffffffu;
  return std::any_of(nets.begin(), nets.end(), [&](const std::string& text) {
    const auto net = weir::security::parse_source_net(text);
    return net->version_6 == (source.ip_version == 6) && address >= net->first &&
           address <= net->last;
  });
}

// As the rules mean it, of the source that the frame has.
SourceRefusal meant(const weir::security::SourceRules& rules,
                    const weir::security::FrameSource& source, std::uint32_t vni) {
  const auto has_mac = [&](const std::vector<std::string>& macs) {
    return source.has_mac && std::any_of(macs.begin(), macs.end(), [&](const std::string& text) {
             return *weir::security::parse_mac(text) == source.mac;
           });
  };
  const auto has_net = [&](const std::vector<std::string>& nets) {
    return source.ip_version != 0 && has_address(nets, source);
  };
  if ((!rules.macs.empty() && !has_mac(rules.macs)) || has_mac(rules.deny_macs)) {
    return SourceRefusal::Mac;
  }
  if ((!rules.nets.empty() && !has_net(rules.nets)) || has_net(rules.deny_nets)) {
    return SourceRefusal::Address;
  }
  const auto has_vni = [&](const std::vector<weir::security::VniRange>& vnis) {
    return std::any_of(vnis.begin(), vnis.end(), [&](const weir::security::VniRange& range) {
      return vni >= range.first && vni <= range.last;
    });
  };
  const bool may = (rules.vnis.empty() || has_vni(rules.vnis)) && !has_vni(rules.deny_vnis);
  return may ? SourceRefusal::None : SourceRefusal::Vni;
}

constexpr std::size_t kProbeBytes = 14 + 40;
using Probe = std::array<std::uint8_t, kProbeBytes>;

Probe probe_from(bool version_6, weir::Uint128 address) {
  Probe probe{};
  weir::store_be<std::uint16_t>(&probe[12], version_6 ? 0x86dd : 0x0800);
  probe[14] = version_6 ? 0x60 : 0x45;
  if (version_6) {
    weir::store_be(&probe[22], static_cast<std::uint64_t>(address >> 64));
    weir::store_be(&probe[30], static_cast<std::uint64_t>(address));
  } else {
    weir::store_be(&probe[26], static_cast<std::uint32_t>(address));
  }
  return probe;
}

// One, and four a net: its ends and what is beside them.
std::vector<Probe> probes_of(const weir::security::SourceRules& rules) {
  std::vector<Probe> probes = {probe_from(false, 0x0a000001)};
  for (const auto* nets : {&rules.nets, &rules.deny_nets}) {
    for (const std::string& text : *nets) {
      const auto net = weir::security::parse_source_net(text);
      for (const weir::Uint128 address : {net->first - 1, net->first, net->last, net->last + 1}) {
        probes.push_back(probe_from(net->version_6, address));
      }
    }
  }
  return probes;
}
std::vector<std::uint32_t> vnis_of(const weir::security::SourceRules& rules) {
  std::vector<std::uint32_t> vnis = {weir::TenantIdentity::kNoVni};
  for (const auto* list : {&rules.vnis, &rules.deny_vnis}) {
    for (const weir::security::VniRange& range : *list) {
      for (const std::uint32_t vni : {range.first - 1, range.first, range.last, range.last + 1}) {
        if (vni <= weir::security::kVniMax) vnis.push_back(vni);
      }
    }
  }
  return vnis;
}

// All packets of the batch, and the rules that they are judged by.
void compare(const Scratch& scratch, const weir::security::SourceRules& rules) {
  for (std::uint32_t i = 0; i < scratch.batch.count; ++i) {
    const SourceRefusal expected = meant(rules, weir::security::source_of(scratch.batch.packets[i]),
                                         scratch.keys[i].tenant.vni);
    if (scratch.verdicts.of(i) == expected) continue;
    std::fprintf(stderr, "packet %u refused: %s, meant: %s\n", i,
                 name_of(scratch.verdicts.of(i)).data(), name_of(expected).data());
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kPrefixBytes = 2;
  constexpr std::size_t kRulesMax = 16;
  if (size < kPrefixBytes) return 0;
  static const auto scratch = std::make_unique<Scratch>();
  const std::size_t text_bytes = std::min<std::size_t>(data[1], size - kPrefixBytes);
  weir::security::SourceRules rules;
  std::string line;
  std::size_t lines = 0;
  for (std::size_t i = 0; i <= text_bytes && lines < kRulesMax; ++i) {
    const char c = i < text_bytes ? static_cast<char>(data[kPrefixBytes + i]) : '\n';
    if (c != '\n') {
      line += c;
      continue;
    }
    add_line(rules, std::move(line));
    line.clear();
    ++lines;
  }
  auto validator = weir::security::SourceValidator::compile(std::span(&rules, 1));
  if (!validator.ok()) std::abort();
  validator->prepare("eth0");

  const std::size_t captured = size - kPrefixBytes - text_bytes;
  const auto frame = std::make_unique<std::uint8_t[]>(captured);  // no byte to spare behind it
  std::copy_n(data + kPrefixBytes + text_bytes, captured, frame.get());
  weir::Packet& packet = scratch->batch.packets[0];
  packet = {};
  packet.data = frame.get();
  packet.captured_bytes = packet.wire_bytes = static_cast<std::uint32_t>(captured);
  packet.link_type = kLinkTypes[data[0] % kLinkTypes.size()];
  scratch->keys[0].tenant = {};
  scratch->batch.count = 1;
  const std::vector<Probe> probes = probes_of(rules);
  const std::vector<std::uint32_t> vnis = vnis_of(rules);
  // As many as there are of either: what is shorter begins again.
  const std::size_t probe_count = std::max(probes.size(), vnis.size());
  for (std::size_t i = 0; i < probe_count; ++i) {
    scratch->keys[scratch->batch.count].tenant = {.vni = vnis[i % vnis.size()]};
    scratch->batch.packets[scratch->batch.count++] = {.data = probes[i % probes.size()].data(),
                                                      .captured_bytes = kProbeBytes,
                                                      .wire_bytes = kProbeBytes};
  }
  validator->check_frames(scratch->batch, scratch->verdicts);
  validator->check_tenants(scratch->batch, scratch->keys, scratch->verdicts);
  compare(*scratch, rules);
  static weir::security::SourceAccount account;
  account.count(scratch->batch, scratch->keys, scratch->verdicts);
  return 0;
}
