// The source of any bytes of any link type, under rules from the same input: nothing outside of the
// frame is read, and the verdict is what the source that is told says. Input: the link type (index
// into kLinkTypes), how many bytes of the rest are the text of rules, that text, the frame. A line
// of the text is a net, a MAC or VNIs; with '!' in front it is refused.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

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
                    const weir::security::FrameSource& source) {
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
  return rules.vnis.empty() ? SourceRefusal::None : SourceRefusal::Vni;
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
  scratch->batch.count = 1;
  validator->check_frames(scratch->batch, scratch->verdicts);
  validator->check_tenants(scratch->batch, scratch->keys, scratch->verdicts);
  const SourceRefusal expected = meant(rules, weir::security::source_of(packet));
  if (scratch->verdicts.of(0) != expected) {
    std::fprintf(stderr, "refused: %s, meant: %s\n", name_of(scratch->verdicts.of(0)).data(),
                 name_of(expected).data());
    std::abort();
  }
  static weir::security::SourceAccount account;
  account.count(scratch->batch, scratch->keys, scratch->verdicts);
  return 0;
}
