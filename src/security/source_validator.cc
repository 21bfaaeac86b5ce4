#include "security/source_validator.h"

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace weir::security {
namespace {

constexpr std::array<std::string_view, kSourceRefusals> kNames = {
    "none", "blocked", "interface", "mac", "address", "vni", "endpoint"};

constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kArp = 0x0806;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr std::uint64_t kNoMac = ~std::uint64_t{0};
static_assert(TenantIdentity::kNoVni > kVniMax);

// Where in a frame its source stands; null: it is not there, or was not captured.
struct Located {
  const std::uint8_t* mac = nullptr;
  const std::uint8_t* address = nullptr;  // 4 or 16 bytes, by `version`
  std::uint8_t version = 0;

  [[nodiscard]] std::uint64_t mac_number() const noexcept {
    return mac == nullptr ? kNoMac : std::uint64_t{load_be16(mac)} << 32 | load_be32(mac + 2);
  }
  [[nodiscard]] Uint128 address_6() const noexcept {
    return static_cast<Uint128>(load_be64(address)) << 64 | load_be64(address + 8);
  }
};

bool is_tag(std::uint16_t type) noexcept {
  return type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200 || type == 0x9300;
}

// The network header at `at`, of which `left` bytes were captured.
void locate_address(std::uint16_t type, const std::uint8_t* at, std::uint32_t left,
                    Located& found) noexcept {
  constexpr std::uint32_t kSourceEnd4 = 16;
  constexpr std::uint32_t kSourceEnd6 = 24;
  constexpr std::uint32_t kArpFixed = 8;
  if (type == kIpv4) {
    if (left < kSourceEnd4 || at[0] >> 4 != 4) return;
    found.version = 4;
    found.address = at + 12;
  } else if (type == kIpv6) {
    if (left < kSourceEnd6 || at[0] >> 4 != 6) return;
    found.version = 6;
    found.address = at + 8;
  } else if (type == kArp) {
    // The sender's protocol address, behind its hardware address.
    if (left < kArpFixed || load_be16(at + 2) != kIpv4 || at[5] != 4) return;
    if (left < kArpFixed + at[4] + 4u) return;
    found.version = 4;
    found.address = at + kArpFixed + at[4];
  }
}

void locate_behind_tags(std::uint16_t type, const std::uint8_t* at, std::uint32_t left,
                        Located& found) noexcept {
  constexpr std::uint32_t kTagBytes = 4;
  for (std::size_t tags = 0; is_tag(type) && tags < kLayersMax; ++tags) {
    if (left < kTagBytes) return;
    type = load_be16(at + 2);
    at += kTagBytes;
    left -= kTagBytes;
  }
  locate_address(type, at, left, found);
}

void locate_raw(const std::uint8_t* at, std::uint32_t left, Located& found) noexcept {
  if (left == 0) return;
  locate_address(at[0] >> 4 == 6 ? kIpv6 : kIpv4, at, left, found);
}

// Linux cooked headers (tcpdump.org/linktypes); of GRE and netlink devices the protocol is none of
// Ethernet's.
void locate_cooked(std::uint16_t device, std::uint16_t type, const std::uint8_t* mac,
                   std::uint32_t mac_bytes, const Packet& packet, std::uint32_t header_bytes,
                   Located& found) noexcept {
  constexpr std::uint16_t kDeviceGre = 778;
  constexpr std::uint16_t kDeviceNetlink = 824;
  constexpr std::uint32_t kMacBytes = 6;
  if (mac_bytes == kMacBytes) found.mac = mac;
  if (device == kDeviceGre || device == kDeviceNetlink) return;
  locate_behind_tags(type, packet.data + header_bytes, packet.captured_bytes - header_bytes, found);
}

void locate_other(const Packet& packet, Located& found) noexcept {
  constexpr std::uint32_t kSllBytes = 16;
  constexpr std::uint32_t kSll2Bytes = 20;
  constexpr std::uint32_t kFamilyBytes = 4;
  const std::uint8_t* const at = packet.data;
  const std::uint32_t left = packet.captured_bytes;
  switch (packet.link_type) {
    case LinkType::LinuxSll:
      if (left < kSllBytes) return;
      return locate_cooked(load_be16(at + 2), load_be16(at + 14), at + 6, load_be16(at + 4), packet,
                           kSllBytes, found);
    case LinkType::LinuxSll2:
      if (left < kSll2Bytes) return;
      return locate_cooked(load_be16(at + 8), load_be16(at), at + 12, at[11], packet, kSll2Bytes,
                           found);
    case LinkType::Raw:
    case LinkType::Ipv4:
    case LinkType::Ipv6:
      return locate_raw(at, left, found);
    case LinkType::Null:
    case LinkType::Loop:
      if (left > kFamilyBytes) locate_raw(at + kFamilyBytes, left - kFamilyBytes, found);
      return;
    default:
      return;
  }
}

Located locate(const Packet& packet) noexcept {
  constexpr std::uint32_t kMacEnd = 12;
  constexpr std::uint32_t kEthernetBytes = 14;
  Located found;
  if (packet.link_type != LinkType::Ethernet) {
    locate_other(packet, found);
    return found;
  }
  const std::uint32_t bytes = packet.captured_bytes;
  if (bytes >= kMacEnd) found.mac = packet.data + 6;
  if (bytes < kEthernetBytes) return found;
  locate_behind_tags(load_be16(packet.data + 12), packet.data + kEthernetBytes,
                     bytes - kEthernetBytes, found);
  return found;
}

// IPv4 without a tag in Ethernet; its source address is at kPlainSource.
constexpr std::uint32_t kPlainSource = 26;
[[gnu::always_inline]] inline bool is_plain_ipv4(const Packet& packet) noexcept {
  constexpr std::uint32_t kTypeAndVersion = 0xfffff000;
  return packet.link_type == LinkType::Ethernet && packet.captured_bytes >= kPlainSource + 4 &&
         (load_be32(packet.data + 12) & kTypeAndVersion) == (std::uint32_t{kIpv4} << 16 | 0x4000);
}

// Without a branch that depends on the packet.
SourceRefusal refusal_unless(bool may, SourceRefusal refusal) noexcept {
  return static_cast<SourceRefusal>((std::uint32_t{may} - 1) & static_cast<std::uint32_t>(refusal));
}

// Packets that were not refused already.
template <typename May>
void refuse_unless(std::uint32_t packets, SourceRefusal refusal, SourceVerdicts& verdicts,
                   May&& may) noexcept {
  std::uint32_t refused = 0;
  for (std::uint32_t i = 0; i < packets; ++i) {
    if (may(i) || verdicts.refusals[i] != SourceRefusal::None) continue;
    verdicts.refusals[i] = refusal;
    ++refused;
  }
  verdicts.refused += refused;
}

// A set asked by packets that mostly come in trains: what was found last is asked first.
template <typename T>
class Asked {
 public:
  explicit Asked(const RangeSet<T>& set) noexcept : set_(set), last_(set.find(0)) {}
  bool operator()(T value) noexcept {
    if (!last_.covers(value)) last_ = set_.find(value);
    return last_.inside;
  }

 private:
  const RangeSet<T>& set_;
  typename RangeSet<T>::Answer last_;
};

RangeSet<std::uint64_t> macs_in(const std::vector<std::string>& texts) {
  std::vector<Range<std::uint64_t>> ranges;
  for (const std::string& text : texts) {
    if (const auto mac = parse_mac(text); mac) ranges.push_back({*mac, *mac});
  }
  return RangeSet(std::move(ranges));
}

struct Nets {
  explicit Nets(const std::vector<std::string>& texts) {
    std::vector<Range<std::uint32_t>> four;
    std::vector<Range<Uint128>> six;
    for (const std::string& text : texts) {
      const auto net = parse_source_net(text);
      if (!net) continue;
      if (net->version_6) {
        six.push_back({net->first, net->last});
      } else {
        four.push_back(
            {static_cast<std::uint32_t>(net->first), static_cast<std::uint32_t>(net->last)});
      }
    }
    v4 = RangeSet(std::move(four));
    v6 = RangeSet(std::move(six));
  }
  RangeSet<std::uint32_t> v4;
  RangeSet<Uint128> v6;
};

RangeSet<std::uint32_t> vnis_in(const std::vector<VniRange>& list) {
  std::vector<Range<std::uint32_t>> ranges;
  for (const VniRange& range : list) ranges.push_back({range.first, range.last});
  return RangeSet(std::move(ranges));
}

RangeSet<std::uint64_t> endpoints_in(const std::vector<std::uint64_t>& list) {
  std::vector<Range<std::uint64_t>> ranges;
  for (const std::uint64_t one : list) {
    if (one != 0) ranges.push_back({one, one});
  }
  return RangeSet(std::move(ranges));
}

// A VNI becomes a block of a table, which is found without a look at single numbers.
constexpr std::uint32_t kVniShift = 8;
RangeSet<std::uint32_t> as_blocks(const RangeSet<std::uint32_t>& vnis) {
  std::vector<Range<std::uint32_t>> blocks;
  for (const Range<std::uint32_t>& range : vnis.ranges()) {
    if (range.first > kVniMax) continue;
    const std::uint32_t last = std::min(range.last, kVniMax);
    blocks.push_back({range.first << kVniShift, last << kVniShift | ((1u << kVniShift) - 1)});
  }
  return RangeSet(std::move(blocks));
}

// What may be, of what the rules that were added leave. The values that stand for nothing (no MAC,
// kNoVni, endpoint 0) are in a set unless there is a list of what is allowed.
struct Allowed {
  void narrow(const SourceRules& rules);

  RangeSet<std::uint64_t> macs = RangeSet<std::uint64_t>::everything();
  RangeSet<std::uint32_t> addresses_4 = RangeSet<std::uint32_t>::everything();
  RangeSet<Uint128> addresses_6 = RangeSet<Uint128>::everything();
  bool no_address = true;
  RangeSet<std::uint32_t> vnis = RangeSet<std::uint32_t>::everything();
  RangeSet<std::uint64_t> endpoints = RangeSet<std::uint64_t>::everything();
};

// Lists of what is allowed leave their part of what is allowed until now, lists of what is refused
// the rest of it.
void Allowed::narrow(const SourceRules& rules) {
  const auto allow = [](auto& may, const auto& list, const auto& set) {
    if (!list.empty()) may = may.intersect(set);
  };
  const auto deny = [](auto& may, const auto& set) {
    if (!set.ranges().empty()) may = may.intersect(set.complement());
  };
  allow(macs, rules.macs, macs_in(rules.macs));
  deny(macs, macs_in(rules.deny_macs));
  const Nets nets(rules.nets);
  allow(addresses_4, rules.nets, nets.v4);
  allow(addresses_6, rules.nets, nets.v6);
  no_address = no_address && rules.nets.empty();
  const Nets deny_nets(rules.deny_nets);
  deny(addresses_4, deny_nets.v4);
  deny(addresses_6, deny_nets.v6);
  allow(vnis, rules.vnis, vnis_in(rules.vnis));
  deny(vnis, vnis_in(rules.deny_vnis));
  allow(endpoints, rules.gwlb_endpoints, endpoints_in(rules.gwlb_endpoints));
}

}  // namespace

std::string_view name_of(SourceRefusal refusal) noexcept {
  return kNames[static_cast<std::size_t>(refusal)];
}

FrameSource source_of(const Packet& packet) noexcept {
  constexpr std::size_t kMappedBytes = 12;
  const Located found = locate(packet);
  FrameSource source{.ip_version = found.version, .has_mac = found.mac != nullptr};
  if (source.has_mac) source.mac = found.mac_number();
  if (found.version == 6) std::memcpy(source.address.bytes.data(), found.address, 16);
  if (found.version == 4) {
    source.address.bytes[10] = source.address.bytes[11] = 0xff;
    std::memcpy(source.address.bytes.data() + kMappedBytes, found.address, 4);
  }
  return source;
}

Result<SourceValidator> SourceValidator::compile(std::span<const SourceRules> rules) {
  std::string problems;
  SourceValidator made;
  Allowed may;
  for (const SourceRules& one : rules) {
    for (const SourceProblem& problem : problems_in(one)) {
      problems += (problems.empty() ? "" : "; ") + problem.list + ": " + problem.message;
    }
    made.block_ = made.block_ || one.block;
    if (!one.interfaces.empty()) made.names_.push_back(one.interfaces);
    may.narrow(one);
  }
  if (!problems.empty()) return Error{.code = ErrorCode::Usage, .context = std::move(problems)};
  made.checks_macs_ = !may.macs.is_everything();
  made.checks_frames_ = made.checks_macs_ || !made.names_.empty() || !may.no_address ||
                        !may.addresses_4.is_everything() || !may.addresses_6.is_everything();
  made.checks_endpoints_ = !may.endpoints.is_everything();
  made.checks_vnis_ = !may.vnis.is_everything();
  made.checks_tenants_ = !made.block_ && (made.checks_vnis_ || made.checks_endpoints_);
  made.active_ = made.block_ || made.checks_frames_ || made.checks_tenants_;
  if (made.names_.empty() && !made.checks_macs_) made.plain_interfaces_ = kAllInterfaces;
  made.macs_ = std::move(may.macs);
  made.addresses_4_ = NumberTable(may.addresses_4);
  made.addresses_6_ = std::move(may.addresses_6);
  made.no_address_may_ = may.no_address;
  made.vnis_ = NumberTable(as_blocks(may.vnis));
  made.no_vni_may_ = may.vnis.contains(TenantIdentity::kNoVni);
  made.endpoints_ = std::move(may.endpoints);
  return made;
}

void SourceValidator::prepare(std::string_view interface_name) {
  const bool may = std::all_of(names_.begin(), names_.end(), [&](const auto& list) {
    return std::find(list.begin(), list.end(), interface_name) != list.end();
  });
  if (may && !checks_macs_ && plain_interfaces_ == interfaces_.size()) ++plain_interfaces_;
  interfaces_.push_back(may ? 1 : 0);
}

bool SourceValidator::interface_may(InterfaceId interface) const noexcept {
  return names_.empty() ||
         (interface.index < interfaces_.size() && interfaces_[interface.index] != 0);
}

void SourceValidator::check_frames_by_rules(const PacketBatch& batch,
                                            SourceVerdicts& verdicts) const noexcept {
  if (block_) {
    std::fill_n(verdicts.refusals.begin(), batch.count, SourceRefusal::Blocked);
    verdicts.refused = batch.count;
  } else if (checks_frames_) {
    addresses_4_.visit([&](const auto& set) noexcept { check_each_frame(set, batch, verdicts); });
  } else {
    std::fill_n(verdicts.refusals.begin(), batch.count, SourceRefusal::None);
  }
}

// Most rules ask no more of most packets than their IPv4 address; the others wait for a loop of
// their own, so that this one is short.
template <typename Set>
void SourceValidator::check_each_frame(const Set& addresses_4, const PacketBatch& batch,
                                       SourceVerdicts& verdicts) const noexcept {
  const std::uint32_t plain_interfaces = plain_interfaces_;
  std::array<std::uint16_t, kBatchPacketsMax> others;
  std::uint32_t other_count = 0;
  std::uint32_t allowed = 0;
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    const Packet& packet = batch.packets[i];
    if (packet.interface.index < plain_interfaces && is_plain_ipv4(packet)) {
      const bool may = addresses_4.contains(load_be32(packet.data + kPlainSource));
      verdicts.refusals[i] = refusal_unless(may, SourceRefusal::Address);
      allowed += static_cast<std::uint32_t>(may);
    } else {
      others[other_count++] = static_cast<std::uint16_t>(i);
    }
  }
  verdicts.refused = batch.count - other_count - allowed;
  if (other_count != 0) check_others(batch, {others.data(), other_count}, verdicts);
}

[[gnu::noinline]] void SourceValidator::check_others(const PacketBatch& batch,
                                                     std::span<const std::uint16_t> others,
                                                     SourceVerdicts& verdicts) const noexcept {
  Asked mac_may(macs_);
  Asked address_6_may(addresses_6_);
  const auto refusal_of = [&](const Packet& packet) noexcept {
    if (!interface_may(packet.interface)) return SourceRefusal::Interface;
    const Located found = locate(packet);
    if (!mac_may(found.mac_number())) return SourceRefusal::Mac;
    const bool may = found.version == 4   ? addresses_4_.contains(load_be32(found.address))
                     : found.version == 6 ? address_6_may(found.address_6())
                                          : no_address_may_;
    return may ? SourceRefusal::None : SourceRefusal::Address;
  };
  for (const std::uint16_t i : others) {
    const SourceRefusal refusal = refusal_of(batch.packets[i]);
    verdicts.refusals[i] = refusal;
    verdicts.refused += refusal != SourceRefusal::None ? 1u : 0u;
  }
}

void SourceValidator::check_each_tenant(const PacketBatch& batch, const KeysArray& keys,
                                        SourceVerdicts& verdicts) const noexcept {
  if (checks_vnis_) {
    const bool no_vni_may = no_vni_may_;
    vnis_.visit([&](const auto& set) noexcept {
      refuse_unless(batch.count, SourceRefusal::Vni, verdicts, [&](std::uint32_t i) noexcept {
        const std::uint32_t vni = keys[i].tenant.vni;
        return vni == TenantIdentity::kNoVni ? no_vni_may : set.contains(vni << kVniShift);
      });
    });
  }
  if (checks_endpoints_) {
    Asked endpoint_may(endpoints_);
    refuse_unless(batch.count, SourceRefusal::Endpoint, verdicts, [&](std::uint32_t i) noexcept {
      return endpoint_may(keys[i].tenant.gwlb_endpoint);
    });
  }
}

}  // namespace weir::security
