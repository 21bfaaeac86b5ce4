#include "security/source_validator.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "support/packet_builder.h"

namespace weir::security {
namespace {

using Frame = std::vector<std::uint8_t>;
using enum SourceRefusal;

// The builder's source MAC is 02:00:00:00:00:01.
Frame from(const std::string& address) {
  return test::PacketBuilder().ethernet().ipv4(address, "192.0.2.9").udp(1, 2).payload(4).build();
}
Frame from_6(const std::string& address) {
  return test::PacketBuilder().ethernet().ipv6(address, "2001:db8::9").udp(1, 2).build();
}
Frame tagged(const std::string& address, int tags) {
  test::PacketBuilder builder;
  builder.ethernet();
  for (int i = 0; i < tags; ++i) builder.vlan(5, i == 0 ? 0x88a8 : 0x8100);
  return builder.ipv4(address, "192.0.2.9").udp(1, 2).build();
}
Frame arp(std::uint8_t last_byte) {
  Frame frame(14 + 28);
  frame[6] = 2;
  frame[11] = 1;
  frame[12] = 0x08;
  frame[13] = 0x06;
  const std::uint8_t body[] = {0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, last_byte};
  std::copy(std::begin(body), std::end(body), frame.begin() + 14);
  return frame;
}

// One packet, and what the parser found of it.
class SourceValidatorTest : public testing::Test {
 protected:
  void rules(std::vector<SourceRules> list) {
    auto compiled = SourceValidator::compile(list);
    ASSERT_TRUE(compiled.ok()) << compiled.error().context;
    validator_ = std::move(*compiled);
    validator_.prepare("eth0");
    validator_.prepare("eth1");
  }
  SourceRefusal check(const Frame& frame, LinkType link_type = LinkType::Ethernet,
                      std::uint32_t interface = 0, TenantIdentity tenant = {}) {
    // No byte to spare behind it.
    const auto bytes = std::make_unique<std::uint8_t[]>(frame.size());
    std::copy(frame.begin(), frame.end(), bytes.get());
    batch_->packets[0] = {.data = bytes.get(),
                          .captured_bytes = static_cast<std::uint32_t>(frame.size()),
                          .wire_bytes = 1500,
                          .interface = {interface},
                          .link_type = link_type};
    batch_->count = 1;
    (*keys_)[0].tenant = tenant;
    validator_.check_frames(*batch_, verdicts_);
    validator_.check_tenants(*batch_, *keys_, verdicts_);
    EXPECT_EQ(verdicts_.refused, verdicts_.of(0) == None ? 0u : 1u);
    return verdicts_.of(0);
  }
  SourceRefusal check_tenant(TenantIdentity tenant) {
    return check(from("10.0.0.1"), LinkType::Ethernet, 0, tenant);
  }

  SourceValidator validator_;
  std::unique_ptr<PacketBatch> batch_ = std::make_unique<PacketBatch>();
  std::unique_ptr<KeysArray> keys_ = std::make_unique<KeysArray>();
  SourceVerdicts verdicts_;
};

TEST_F(SourceValidatorTest, WithoutRulesNothingIsRefused) {
  rules({});
  EXPECT_FALSE(validator_.active());
  EXPECT_EQ(check({}), None);
  rules({SourceRules()});
  EXPECT_FALSE(validator_.active());
  EXPECT_EQ(check(from("10.0.0.1")), None);
}

TEST_F(SourceValidatorTest, ABlockRefusesEverything) {
  rules({{.interfaces = {"eth0"}}, {.block = true}});
  EXPECT_EQ(check(from("10.0.0.1")), Blocked);
  EXPECT_EQ(check({}), Blocked);
  EXPECT_EQ(check(from("10.0.0.1"), LinkType::Ethernet, 1), Blocked);
}

TEST_F(SourceValidatorTest, OnlyInterfacesOfTheListMaySend) {
  rules({{.interfaces = {"eth1", "eth9"}}});
  EXPECT_EQ(check(from("10.0.0.1"), LinkType::Ethernet, 0), Interface);
  EXPECT_EQ(check(from("10.0.0.1"), LinkType::Ethernet, 1), None);
  EXPECT_EQ(check(from("10.0.0.1"), LinkType::Ethernet, 2), Interface) << "nobody knows it";
}

TEST_F(SourceValidatorTest, OnlyMacsOfTheListMaySend) {
  rules({{.macs = {"02:00:00:00:00:01"}}});
  EXPECT_EQ(check(from("10.0.0.1")), None);
  Frame other = from("10.0.0.1");
  other[6] ^= 1;
  EXPECT_EQ(check(other), Mac);
  other = from("10.0.0.1");
  other[11] ^= 1;
  EXPECT_EQ(check(other), Mac);
}

TEST_F(SourceValidatorTest, MacsThatAreDeniedMayNotSend) {
  rules({{.deny_macs = {"02:00:00:00:00:01", "02:00:00:00:00:77"}}});
  EXPECT_EQ(check(from("10.0.0.1")), Mac);
  Frame other = from("10.0.0.1");
  other[11] = 0x77;
  EXPECT_EQ(check(other), Mac);
  other[11] = 0x78;
  EXPECT_EQ(check(other), None);
}

TEST_F(SourceValidatorTest, OnlyAddressesOfTheNetsMaySend) {
  rules({{.nets = {"10.0.0.0/8", "2001:db8:1::/48"}}});
  EXPECT_EQ(check(from("10.0.0.0")), None);
  EXPECT_EQ(check(from("10.255.255.255")), None);
  EXPECT_EQ(check(from("9.255.255.255")), Address);
  EXPECT_EQ(check(from("11.0.0.0")), Address);
  EXPECT_EQ(check(from_6("2001:db8:1::1")), None);
  EXPECT_EQ(check(from_6("2001:db8:1:ffff:ffff:ffff:ffff:ffff")), None);
  EXPECT_EQ(check(from_6("2001:db8:2::")), Address);
}

TEST_F(SourceValidatorTest, ANetOfOneVersionAllowsNothingOfTheOther) {
  rules({{.nets = {"0.0.0.0/0"}}});
  EXPECT_EQ(check(from("1.2.3.4")), None);
  EXPECT_EQ(check(from_6("2001:db8::1")), Address);
  rules({{.deny_nets = {"0.0.0.0/0"}}});
  EXPECT_EQ(check(from("1.2.3.4")), Address);
  EXPECT_EQ(check(from_6("2001:db8::1")), None);
}

TEST_F(SourceValidatorTest, DenyBeatsAllow) {
  rules({{.nets = {"10.0.0.0/8"}, .deny_nets = {"10.1.0.0/16"}}});
  EXPECT_EQ(check(from("10.0.255.255")), None);
  EXPECT_EQ(check(from("10.1.0.0")), Address);
  EXPECT_EQ(check(from("10.2.0.0")), None);
  rules({{.macs = {"02:00:00:00:00:01"}, .deny_macs = {"02:00:00:00:00:01"}}});
  EXPECT_EQ(check(from("10.1.0.0")), Mac);
  rules({{.vnis = {{1, 10}}, .deny_vnis = {{5, 5}}}});
  EXPECT_EQ(check_tenant({.vni = 4}), None);
  EXPECT_EQ(check_tenant({.vni = 5}), Vni);
}

TEST_F(SourceValidatorTest, AllRulesMustAllow) {
  rules({{.nets = {"10.0.0.0/8"}}, {.nets = {"10.1.0.0/16", "11.0.0.0/8"}}});
  EXPECT_EQ(check(from("10.1.2.3")), None);
  EXPECT_EQ(check(from("10.2.0.0")), Address);
  EXPECT_EQ(check(from("11.0.0.1")), Address);
  rules({{.interfaces = {"eth0", "eth1"}}, {.interfaces = {"eth1"}}});
  EXPECT_EQ(check(from("10.1.2.3"), LinkType::Ethernet, 0), Interface);
  EXPECT_EQ(check(from("10.1.2.3"), LinkType::Ethernet, 1), None);
}

TEST_F(SourceValidatorTest, AddressesStandBehindTags) {
  rules({{.nets = {"10.0.0.0/8"}}});
  for (const int tags : {1, 2, 3, 12}) {
    EXPECT_EQ(check(tagged("10.0.0.1", tags)), None) << tags;
    EXPECT_EQ(check(tagged("11.0.0.1", tags)), Address) << tags;
  }
}

TEST_F(SourceValidatorTest, TheOuterAddressCounts) {
  rules({{.nets = {"10.0.0.0/8"}}});
  const auto tunnel = [](const std::string& outer, const std::string& inner) {
    return test::PacketBuilder()
        .ethernet()
        .ipv4(outer, "10.0.0.9")
        .udp(40000, 4789)
        .vxlan(7)
        .ethernet()
        .ipv4(inner, "10.0.0.9")
        .udp(1, 2)
        .build();
  };
  EXPECT_EQ(check(tunnel("10.0.0.1", "172.16.0.1")), None);
  EXPECT_EQ(check(tunnel("172.16.0.1", "10.0.0.1")), Address);
}

TEST_F(SourceValidatorTest, TheSenderOfArpHasAnAddress) {
  rules({{.nets = {"10.0.0.1"}}});
  EXPECT_EQ(check(arp(1)), None);
  EXPECT_EQ(check(arp(2)), Address);
}

TEST_F(SourceValidatorTest, WhatAFrameDoesNotSayNoListHas) {
  Frame spanning_tree(60);
  spanning_tree[13] = 38;
  rules({{.nets = {"0.0.0.0/0", "::/0"}}});
  EXPECT_EQ(check(spanning_tree), Address);
  rules({{.deny_nets = {"0.0.0.0/0", "::/0"}}});
  EXPECT_EQ(check(spanning_tree), None);
  rules({{.macs = {"02:00:00:00:00:01"}}});
  EXPECT_EQ(check({0x45, 0, 0, 20}, LinkType::Raw), Mac);
  rules({{.deny_macs = {"02:00:00:00:00:01"}}});
  EXPECT_EQ(check({0x45, 0, 0, 20}, LinkType::Raw), None);
  rules({{.vnis = {{0, kVniMax}}}});
  EXPECT_EQ(check_tenant({}), Vni);
  rules({{.deny_vnis = {{0, kVniMax}}}});
  EXPECT_EQ(check_tenant({}), None);
  rules({{.gwlb_endpoints = {1}}});
  EXPECT_EQ(check_tenant({}), Endpoint);
}

TEST_F(SourceValidatorTest, ATruncatedFrameSaysNothing) {
  rules({{.macs = {"02:00:00:00:00:01"}, .nets = {"10.0.0.0/8", "2001:db8::/32"}}});
  const Frame four = tagged("10.0.0.1", 1);
  for (std::size_t bytes = 0; bytes < four.size(); ++bytes) {
    const Frame cut(four.begin(), four.begin() + static_cast<std::ptrdiff_t>(bytes));
    const SourceRefusal expected = bytes < 12 ? Mac : bytes < 14 + 4 + 16 ? Address : None;
    EXPECT_EQ(check(cut), expected) << bytes;
  }
  const Frame six = from_6("2001:db8::1");
  for (std::size_t bytes = 12; bytes < six.size(); ++bytes) {
    const Frame cut(six.begin(), six.begin() + static_cast<std::ptrdiff_t>(bytes));
    EXPECT_EQ(check(cut), bytes < 14 + 24 ? Address : None) << bytes;
  }
}

TEST_F(SourceValidatorTest, TheVersionInTheHeaderMustBeTheOneThatTheFrameNames) {
  rules({{.nets = {"10.0.0.0/8"}}});
  Frame frame = from("10.0.0.1");
  frame[14] = 0x65;
  EXPECT_EQ(check(frame), Address);
}

TEST_F(SourceValidatorTest, CookedAndRawFramesHaveSourcesToo) {
  rules({{.macs = {"02:00:00:00:00:01"}, .nets = {"10.0.0.1"}}});
  const Frame whole = from("10.0.0.1");
  const Frame ip(whole.begin() + 14, whole.end());
  Frame sll = {0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0};
  sll.insert(sll.end(), ip.begin(), ip.end());
  EXPECT_EQ(check(sll, LinkType::LinuxSll), None);
  sll[11] = 2;
  EXPECT_EQ(check(sll, LinkType::LinuxSll), Mac);
  Frame sll2 = {8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0};
  sll2.insert(sll2.end(), ip.begin(), ip.end());
  EXPECT_EQ(check(sll2, LinkType::LinuxSll2), None);
  sll2[20 + 15] = 2;
  EXPECT_EQ(check(sll2, LinkType::LinuxSll2), Address);
  rules({{.nets = {"10.0.0.1"}}});
  EXPECT_EQ(check(ip, LinkType::Raw), None);
  EXPECT_EQ(check(ip, LinkType::Ipv4), None);
  Frame null = {2, 0, 0, 0};
  null.insert(null.end(), ip.begin(), ip.end());
  EXPECT_EQ(check(null, LinkType::Null), None);
  EXPECT_EQ(check(ip, LinkType::Ieee80211), Address) << "where its address stands is not known";
}

TEST_F(SourceValidatorTest, VnisAndEndpointsOfTheListsMaySend) {
  rules({{.vnis = {{100, 199}, {7, 7}}, .gwlb_endpoints = {0x0123456789abcdef}}});
  const std::uint64_t endpoint = 0x0123456789abcdef;
  EXPECT_EQ(check_tenant({.gwlb_endpoint = endpoint, .vni = 7}), None);
  EXPECT_EQ(check_tenant({.gwlb_endpoint = endpoint, .vni = 100}), None);
  EXPECT_EQ(check_tenant({.gwlb_endpoint = endpoint, .vni = 199}), None);
  EXPECT_EQ(check_tenant({.gwlb_endpoint = endpoint, .vni = 99}), Vni);
  EXPECT_EQ(check_tenant({.gwlb_endpoint = endpoint, .vni = 200}), Vni);
  EXPECT_EQ(check_tenant({.gwlb_endpoint = endpoint - 1, .vni = 7}), Endpoint);
}

TEST_F(SourceValidatorTest, WhatTheFirstStepRefusedTheSecondDoesNotCountAgain) {
  rules({{.nets = {"10.0.0.0/8"}, .vnis = {{1, 1}}}});
  EXPECT_EQ(check(from("11.0.0.1"), LinkType::Ethernet, 0, {.vni = 2}), Address);
  EXPECT_EQ(verdicts_.refused, 1u);
}

TEST_F(SourceValidatorTest, ProblemsOfAllRulesAreToldTogether) {
  const std::vector<SourceRules> bad = {{.macs = {"x"}}, {.nets = {"y"}}};
  const auto compiled = SourceValidator::compile(bad);
  ASSERT_FALSE(compiled.ok());
  EXPECT_EQ(compiled.error().context,
            "macs: \"x\": no MAC address (like 02:00:5e:00:53:01); nets: \"y\": no network (like "
            "10.0.0.0/8, 192.0.2.1, 2001:db8::/32)");
}

TEST(SourceOf, SaysWhatTheFrameSays) {
  const Frame frame = from("10.0.0.1");
  const FrameSource four =
      source_of({.data = frame.data(), .captured_bytes = static_cast<std::uint32_t>(frame.size())});
  EXPECT_TRUE(four.has_mac);
  EXPECT_EQ(mac_text(four.mac), "02:00:00:00:00:01");
  EXPECT_EQ(four.ip_version, 4);
  EXPECT_EQ(four.address.bytes,
            (std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1}));
  const FrameSource nothing = source_of({.data = frame.data(), .captured_bytes = 5});
  EXPECT_FALSE(nothing.has_mac);
  EXPECT_EQ(nothing.ip_version, 0);
}

}  // namespace
}  // namespace weir::security
