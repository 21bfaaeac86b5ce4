// The validator beside a reference that looks at every entry of every list, on random packets and
// rules.
#include <arpa/inet.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "security/source_validator.h"

namespace weir::security {
namespace {

// What a packet was made from.
struct Made {
  std::uint32_t interface = 0;
  std::optional<std::uint64_t> mac;
  int version = 0;
  Uint128 address = 0;
  TenantIdentity tenant;
  std::vector<std::uint8_t> frame;
  LinkType link_type = LinkType::Ethernet;
};

constexpr std::array<const char*, 3> kInterfaces = {"eth0", "eth1", "eth2"};

// Few values, so that rules and packets meet; many of them where tables and nets have borders.
std::uint64_t random_mac(Prng& prng) { return 0x020000000000 + prng.below(6); }
std::uint32_t random_vni(Prng& prng) {
  if (prng.chance(1, 8)) return kVniMax - static_cast<std::uint32_t>(prng.below(2));
  return static_cast<std::uint32_t>(prng.below(12)) + (prng.chance(1, 8) ? 122 : 0);
}
Uint128 random_address(Prng& prng, int version) {
  constexpr std::array<std::uint32_t, 6> kBorders = {0,          0x0a000000, 0x0a000100,
                                                     0x0a007fff, 0x0a010000, 0xffffffff};
  auto low = static_cast<std::uint32_t>(prng.below(4) << 8 | prng.below(3));
  if (prng.chance(1, 3)) {
    low = kBorders[prng.below(kBorders.size())] + static_cast<std::uint32_t>(prng.below(3)) - 1;
  } else if (version == 4) {
    low += 0x0a000000;
  }
  if (version == 4) return low;
  const std::uint64_t high = prng.chance(1, 16) ? prng.next() : 0x20010db800000000;
  return static_cast<Uint128>(high) << 64 | low;
}

std::string address_text(Uint128 address, int version) {
  std::array<std::uint8_t, 16> bytes{};
  store_be(bytes.data(), static_cast<std::uint64_t>(address >> 64));
  store_be(bytes.data() + 8, static_cast<std::uint64_t>(address));
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(version == 4 ? AF_INET : AF_INET6, bytes.data() + (version == 4 ? 12 : 0), text.data(),
            text.size());
  return text.data();
}

void append_ip(std::vector<std::uint8_t>& frame, int version, Uint128 address) {
  if (version == 4) {
    frame.resize(frame.size() + 20);
    std::uint8_t* const at = &*(frame.end() - 20);
    at[0] = 0x45;
    store_be(at + 12, static_cast<std::uint32_t>(address));
    return;
  }
  frame.resize(frame.size() + 40);
  std::uint8_t* const at = &*(frame.end() - 40);
  at[0] = 0x60;
  store_be(at + 8, static_cast<std::uint64_t>(address >> 64));
  store_be(at + 16, static_cast<std::uint64_t>(address));
}

Made random_packet(Prng& prng) {
  Made made{.interface = static_cast<std::uint32_t>(prng.below(kInterfaces.size()))};
  made.version = prng.chance(1, 8) ? 0 : prng.chance(1, 3) ? 6 : 4;
  made.address = random_address(prng, made.version);
  if (prng.chance(2, 3)) made.tenant.vni = random_vni(prng);
  if (prng.chance(1, 2)) made.tenant.gwlb_endpoint = 1 + prng.below(4);
  if (prng.chance(1, 6) && made.version != 0) {
    made.link_type = LinkType::Raw;
    append_ip(made.frame, made.version, made.address);
    return made;
  }
  made.mac = random_mac(prng);
  made.frame.resize(14);
  store_be(&made.frame[6], static_cast<std::uint16_t>(*made.mac >> 32));
  store_be(&made.frame[8], static_cast<std::uint32_t>(*made.mac));
  for (std::uint64_t tags = prng.below(3); tags > 0; --tags) {
    store_be<std::uint16_t>(&*(made.frame.end() - 2), 0x8100);
    made.frame.resize(made.frame.size() + 4);
  }
  std::uint8_t* const type = &*(made.frame.end() - 2);
  store_be<std::uint16_t>(type, made.version == 4 ? 0x0800 : made.version == 6 ? 0x86dd : 0x8847);
  if (made.version != 0) append_ip(made.frame, made.version, made.address);
  return made;
}

SourceRules random_rules(Prng& prng) {
  SourceRules rules;
  const auto some = [&](auto& list, auto&& make) {
    if (!prng.chance(1, 3)) return;
    for (std::uint64_t n = 1 + prng.below(5); n > 0; --n) list.push_back(make());
  };
  const auto mac = [&] { return mac_text(random_mac(prng)); };
  const auto net = [&] {
    const int version = prng.chance(1, 2) ? 4 : 6;
    const Uint128 address = random_address(prng, version);
    if (prng.chance(1, 3)) return address_text(address, version);
    // From one address to nearly all, and all.
    constexpr std::array<std::uint32_t, 10> kHostBits = {0, 1, 2, 7, 8, 9, 15, 16, 24, 31};
    const std::uint32_t bits = version == 4 ? 32 : 128;
    if (prng.chance(1, 20)) return std::string(version == 4 ? "0.0.0.0/0" : "::/0");
    const std::uint32_t host_bits = kHostBits[prng.below(kHostBits.size())];
    return address_text(address >> host_bits << host_bits, version) + "/" +
           std::to_string(bits - host_bits);
  };
  const auto vnis = [&] {
    const std::uint32_t first = random_vni(prng);
    return VniRange{first, std::min(first + static_cast<std::uint32_t>(prng.below(4)), kVniMax)};
  };
  some(rules.interfaces, [&] { return kInterfaces[prng.below(kInterfaces.size())]; });
  some(rules.macs, mac);
  some(rules.nets, net);
  some(rules.vnis, vnis);
  some(rules.gwlb_endpoints, [&] { return 1 + prng.below(4); });
  some(rules.deny_macs, mac);
  some(rules.deny_nets, net);
  some(rules.deny_vnis, vnis);
  rules.block = prng.chance(1, 40);
  return rules;
}

// Reference.

bool has_net(const std::vector<std::string>& nets, const Made& made) {
  for (const std::string& text : nets) {
    const auto net = parse_source_net(text);
    if (net->version_6 != (made.version == 6) || made.version == 0) continue;
    if (made.address >= net->first && made.address <= net->last) return true;
  }
  return false;
}
bool has_mac(const std::vector<std::string>& macs, const Made& made) {
  for (const std::string& text : macs) {
    if (made.mac && *parse_mac(text) == *made.mac) return true;
  }
  return false;
}
bool has_vni(const std::vector<VniRange>& vnis, const Made& made) {
  for (const VniRange& range : vnis) {
    const bool none = made.tenant.vni == TenantIdentity::kNoVni;
    if (!none && made.tenant.vni >= range.first && made.tenant.vni <= range.last) return true;
  }
  return false;
}
template <typename List, typename Value>
bool has(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

SourceRefusal reference(const std::vector<SourceRules>& rules, const Made& made) {
  const auto any = [&](auto&& refuses) { return std::any_of(rules.begin(), rules.end(), refuses); };
  if (any([](const auto& r) { return r.block; })) return SourceRefusal::Blocked;
  if (any([&](const auto& r) {
        return !r.interfaces.empty() && !has(r.interfaces, kInterfaces[made.interface]);
      })) {
    return SourceRefusal::Interface;
  }
  if (any([&](const auto& r) {
        return (!r.macs.empty() && !has_mac(r.macs, made)) || has_mac(r.deny_macs, made);
      })) {
    return SourceRefusal::Mac;
  }
  if (any([&](const auto& r) {
        return (!r.nets.empty() && !has_net(r.nets, made)) || has_net(r.deny_nets, made);
      })) {
    return SourceRefusal::Address;
  }
  if (any([&](const auto& r) {
        return (!r.vnis.empty() && !has_vni(r.vnis, made)) || has_vni(r.deny_vnis, made);
      })) {
    return SourceRefusal::Vni;
  }
  if (any([&](const auto& r) {
        return !r.gwlb_endpoints.empty() && !has(r.gwlb_endpoints, made.tenant.gwlb_endpoint);
      })) {
    return SourceRefusal::Endpoint;
  }
  return SourceRefusal::None;
}

void compare(std::uint64_t seed, std::array<int, kSourceRefusals>& seen) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Prng prng(seed);
  std::vector<SourceRules> rules;
  for (std::uint64_t n = prng.below(3); n > 0; --n) rules.push_back(random_rules(prng));
  auto validator = SourceValidator::compile(rules);
  ASSERT_TRUE(validator.ok()) << validator.error().context;
  for (const char* name : kInterfaces) validator->prepare(name);
  std::vector<Made> made;
  const auto batch = std::make_unique<PacketBatch>();
  const auto keys = std::make_unique<KeysArray>();
  for (std::uint64_t n = 1 + prng.below(kBatchPacketsMax); n > 0; --n) {
    made.push_back(random_packet(prng));
  }
  for (const Made& one : made) {
    (*keys)[batch->count].tenant = one.tenant;
    batch->packets[batch->count++] = {
        .data = one.frame.data(),
        .captured_bytes = static_cast<std::uint32_t>(one.frame.size()),
        .interface = {one.interface},
        .link_type = one.link_type};
  }
  SourceVerdicts verdicts;
  validator->check_frames(*batch, verdicts);
  validator->check_tenants(*batch, *keys, verdicts);
  std::uint32_t refused = 0;
  for (std::uint32_t i = 0; i < batch->count; ++i) {
    const SourceRefusal expected = reference(rules, made[i]);
    ASSERT_EQ(name_of(verdicts.of(i)), name_of(expected)) << "packet " << i;
    refused += expected != SourceRefusal::None ? 1u : 0u;
    ++seen[static_cast<std::size_t>(expected)];
  }
  EXPECT_EQ(verdicts.refused, refused);
}

TEST(SourceValidatorModel, AgreesWithALookAtEveryEntry) {
  std::array<int, kSourceRefusals> seen{};
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    compare(seed, seen);
    if (HasFatalFailure()) return;
  }
  for (std::size_t kind = 0; kind < seen.size(); ++kind) {
    EXPECT_GT(seen[kind], 100) << name_of(static_cast<SourceRefusal>(kind));
  }
}

}  // namespace
}  // namespace weir::security
