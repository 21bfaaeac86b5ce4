#include "security/source_rules.h"

#include <gtest/gtest.h>

namespace weir::security {
namespace {

TEST(SourceRules, MacsAreSixBytes) {
  EXPECT_EQ(*parse_mac("02:00:5e:00:53:01"), 0x02005e005301u);
  EXPECT_EQ(*parse_mac("FF-FF-FF-FF-FF-FE"), 0xfffffffffffeu);
  EXPECT_EQ(mac_text(0x02005e005301), "02:00:5e:00:53:01");
  for (const char* text :
       {"", "02:00:5e:00:53", "02:00:5e:00:53:0", "02:00:5e:00:53:01:02", "02:00-5e:00:53:01",
        "02.00.5e.00.53.01", "0g:00:5e:00:53:01", "02:00:5e:00:53: 1"}) {
    EXPECT_FALSE(parse_mac(text).ok()) << text;
  }
  EXPECT_EQ(parse_mac("eth0").error().context, "\"eth0\": no MAC address (like 02:00:5e:00:53:01)");
}

TEST(SourceRules, VnisAreNumbersAndRanges) {
  EXPECT_EQ(*parse_vnis("100"), (VniRange{100, 100}));
  EXPECT_EQ(*parse_vnis("0-16777215"), (VniRange{0, 16'777'215}));
  for (const char* text : {"", "-", "1-", "-1", "1 - 2", "16777216", "0x10", "a"}) {
    EXPECT_FALSE(parse_vnis(text).ok()) << text;
  }
  EXPECT_EQ(parse_vnis("20-10").error().context, "\"20-10\": ends before it begins");
}

TEST(SourceRules, NetsHaveAPrefixAndNothingBehindIt) {
  const auto ten = parse_source_net("10.0.0.0/8");
  ASSERT_TRUE(ten.ok());
  EXPECT_FALSE(ten->version_6);
  EXPECT_TRUE(ten->first == 0x0a000000u && ten->last == 0x0affffffu);
  const auto host = parse_source_net("2001:db8::1");
  ASSERT_TRUE(host.ok());
  EXPECT_TRUE(host->version_6);
  EXPECT_TRUE(host->first == host->last);
  const auto all = parse_source_net("::/0");
  ASSERT_TRUE(all.ok());
  EXPECT_TRUE(all->first == 0 && all->last == ~Uint128{0});
  EXPECT_EQ(parse_source_net("10.0.0.1/8").error().context,
            "\"10.0.0.1/8\": the address has bits beyond the prefix");
  EXPECT_EQ(parse_source_net("10.0.0.0/33").error().context,
            "\"10.0.0.0/33\": a prefix of 0 to 32 bits");
  EXPECT_FALSE(parse_source_net("ten").ok());
  EXPECT_FALSE(parse_source_net(std::string_view("10.0.0.1\0", 9)).ok());
}

TEST(SourceRules, AllProblemsAreToldWithTheirLists) {
  const SourceRules rules{.interfaces = {""},
                          .macs = {"x", "02:00:5e:00:53:01", "y"},
                          .nets = {"10.0.0.0/40"},
                          .vnis = {{3, 2}},
                          .deny_macs = {"z"},
                          .deny_nets = {"10.0.0.0/8", "q"},
                          .deny_vnis = {{0, 1u << 24}}};
  std::string lists;
  for (const SourceProblem& problem : problems_in(rules)) lists += problem.list + " ";
  EXPECT_EQ(lists, "interfaces macs macs nets vnis deny_macs deny_nets deny_vnis ");
}

TEST(SourceRules, NoneAreNone) {
  EXPECT_TRUE(SourceRules().none());
  EXPECT_FALSE((SourceRules{.block = true}.none()));
  EXPECT_FALSE((SourceRules{.deny_vnis = {{1, 1}}}.none()));
}

}  // namespace
}  // namespace weir::security
