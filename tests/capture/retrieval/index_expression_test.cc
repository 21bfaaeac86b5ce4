// What an index can tell of an expression, by the words of the language.
#include "capture/retrieval/index_expression.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "capture/retrieval/expression_words.h"

namespace weir::capture::retrieval {
namespace {

using storage::segment::Column;
using storage::segment::IndexKey;
using storage::segment::protocol_key;
using storage::segment::ProtocolClass;
using storage::segment::tenant_key;
using storage::segment::TenantClass;

// A chunk, as its keys.
struct Keys {
  std::vector<std::pair<Column, IndexKey>> keys;

  Keys& ipv4(std::uint32_t address) { return add(Column::Ipv4, {.low = address}); }
  Keys& ipv6(std::uint64_t high, std::uint64_t low) {
    return add(Column::Ipv6, {.high = high, .low = low});
  }
  Keys& protocol(ProtocolClass which, std::uint16_t value) {
    return add(Column::Protocols, {.low = protocol_key(which, value)});
  }
  Keys& vlan(std::uint16_t id) {
    return add(Column::Tenants, {.low = tenant_key(TenantClass::Vlan, id)});
  }
  Keys& add(Column column, IndexKey key) {
    keys.emplace_back(column, key);
    return *this;
  }
};

Keys tcp_80() {
  return Keys()
      .ipv4(0x0a000001)
      .ipv4(0x0a000002)
      .protocol(ProtocolClass::Network, 0x0800)
      .protocol(ProtocolClass::IpProtocol, 6)
      .protocol(ProtocolClass::TcpPort, 80)
      .protocol(ProtocolClass::TcpPort, 50'000);
}

bool may_match(const std::string& text, const Keys& chunk) {
  SkippedBy skipped{};
  const auto has = [&](const KeyQuestion& question) -> IndexExpression::ChunkMask {
    return std::ranges::any_of(chunk.keys, [&](const auto& key) {
      return key.first == question.column &&
             std::ranges::any_of(question.ranges, [&](const KeyRange& range) {
               return key.second >= range.low && key.second <= range.high;
             });
    });
  };
  return IndexExpression::parse(text).possible(1, has, skipped) != 0;
}
bool narrows(const std::string& text) { return IndexExpression::parse(text).narrows(); }

TEST(IndexExpression, AnEmptyOneMatchesEverything) {
  EXPECT_TRUE(may_match("", Keys()));
  EXPECT_FALSE(narrows(""));
}

TEST(IndexExpression, AHostIsInTheChunksThatHaveItsAddress) {
  EXPECT_TRUE(may_match("host 10.0.0.1", tcp_80()));
  EXPECT_TRUE(may_match("src host 10.0.0.1", tcp_80()));
  EXPECT_TRUE(may_match("dst 10.0.0.1", tcp_80()));
  EXPECT_TRUE(may_match("ip host 10.0.0.1", tcp_80()));
  EXPECT_FALSE(may_match("host 10.0.0.3", tcp_80()));
  EXPECT_FALSE(may_match("src or dst host 10.0.0.3", tcp_80()));
  EXPECT_FALSE(may_match("arp host 10.0.0.3", tcp_80()));
  EXPECT_TRUE(may_match("host 2001:db8::1", Keys().ipv6(0x20010db8'00000000, 1)));
  EXPECT_FALSE(may_match("host 2001:db8::2", Keys().ipv6(0x20010db8'00000000, 1)));
  EXPECT_FALSE(may_match("host ::ffff:10.0.0.1", tcp_80())) << "an address of version 6";
}

TEST(IndexExpression, ANetIsARangeOfAddresses) {
  EXPECT_TRUE(may_match("net 10.0.0.0/8", tcp_80()));
  EXPECT_TRUE(may_match("net 10", tcp_80()));
  EXPECT_TRUE(may_match("net 10.0", tcp_80()));
  EXPECT_TRUE(may_match("src net 10.0.0.0 mask 255.255.255.0", tcp_80()));
  EXPECT_FALSE(may_match("net 10.1", tcp_80()));
  EXPECT_FALSE(may_match("net 10.0.0.4/30", tcp_80()));
  EXPECT_TRUE(may_match("net 2001:db8::/32", Keys().ipv6(0x20010db8'ffffffff, 1)));
  EXPECT_FALSE(may_match("net 2001:db9::/32", Keys().ipv6(0x20010db8'ffffffff, 1)));
  EXPECT_FALSE(narrows("net 0.0.0.0/0")) << "libpcap lets everything pass";
}

TEST(IndexExpression, APortIsOfTheProtocolsThatHaveOne) {
  EXPECT_TRUE(may_match("port 80", tcp_80()));
  EXPECT_TRUE(may_match("tcp dst port 80", tcp_80()));
  EXPECT_TRUE(may_match("port http", tcp_80()));
  EXPECT_TRUE(may_match("portrange 70-90", tcp_80()));
  EXPECT_TRUE(may_match("tcp portrange 90-70", tcp_80()));
  EXPECT_FALSE(may_match("udp port 80", tcp_80()));
  EXPECT_FALSE(may_match("sctp port 80", tcp_80()));
  EXPECT_FALSE(may_match("port 81", tcp_80()));
  EXPECT_FALSE(may_match("portrange 81-100", tcp_80()));
}

TEST(IndexExpression, AProtocolIsAnswered) {
  for (const char* text : {"tcp", "ip", "ip proto 6", "ip proto \\tcp", "proto 6"}) {
    EXPECT_TRUE(may_match(text, tcp_80())) << text;
  }
  for (const char* text : {"udp", "ip6", "arp", "icmp", "icmp6", "ip proto 17", "igmp", "esp"}) {
    EXPECT_FALSE(may_match(text, tcp_80())) << text;
  }
}

TEST(IndexExpression, AVlanIsAnsweredAndWhatItIsJoinedTo) {
  const Keys tagged = tcp_80().vlan(100);
  EXPECT_TRUE(may_match("vlan", tagged));
  EXPECT_TRUE(may_match("vlan 100 and tcp port 80", tagged));
  EXPECT_FALSE(may_match("vlan 101", tagged));
  EXPECT_FALSE(may_match("vlan", tcp_80()));
  EXPECT_FALSE(may_match("vlan 100 and udp", tagged));
  EXPECT_FALSE(may_match("vlan 100 and (udp or port 90)", tagged));
}

TEST(IndexExpression, WhatStandsBehindAVlanInTheTextLooksElsewhere) {
  EXPECT_TRUE(may_match("vlan or udp", tcp_80())) << "udp is looked for four bytes further";
  EXPECT_TRUE(may_match("not vlan and udp", tcp_80()));
  EXPECT_FALSE(may_match("udp or vlan", tcp_80())) << "before it";
  EXPECT_TRUE(may_match("mpls or udp", tcp_80()));
  EXPECT_TRUE(may_match("(vlan 5 or vlan 6) and udp", tcp_80().vlan(5)));
}

TEST(IndexExpression, AndNeedsBothOrNeedsOne) {
  EXPECT_TRUE(may_match("host 10.0.0.1 and port 80", tcp_80()));
  EXPECT_FALSE(may_match("host 10.0.0.1 and port 81", tcp_80()));
  EXPECT_TRUE(may_match("host 10.0.0.9 or port 80", tcp_80()));
  EXPECT_FALSE(may_match("host 10.0.0.9 or port 81", tcp_80()));
  EXPECT_FALSE(may_match("port 80 or port 81 and udp", tcp_80())) << "from left to right";
  EXPECT_TRUE(may_match("port 80 or (port 81 and udp)", tcp_80()));
}

TEST(IndexExpression, NotOfWhatIsNowhereIsEverythingAndOfWhatIsSomewhereMayBeAnything) {
  EXPECT_TRUE(may_match("not udp", tcp_80()));
  EXPECT_TRUE(may_match("not tcp", tcp_80())) << "other packets of the chunk may be no tcp";
  EXPECT_FALSE(may_match("not not udp", tcp_80()));
  EXPECT_FALSE(may_match("not (not udp)", tcp_80()));
  EXPECT_FALSE(may_match("tcp and not (not udp or not port 81)", tcp_80()));
}

TEST(IndexExpression, AnIdWithoutQualifiersHasThoseBeforeIt) {
  EXPECT_TRUE(may_match("host 10.0.0.9 or 10.0.0.1", tcp_80()));
  EXPECT_FALSE(may_match("host 10.0.0.9 or 10.0.0.8", tcp_80()));
  EXPECT_TRUE(may_match("tcp port 81 or 80", tcp_80()));
  EXPECT_FALSE(may_match("udp port 81 or 80", tcp_80()));
  EXPECT_FALSE(may_match("tcp port (81 or 82)", tcp_80()));
  EXPECT_TRUE(may_match("port 81 or not 82", tcp_80()));
}

TEST(IndexExpression, OfWhatItDoesNotUnderstandAnythingMayMatch) {
  for (const char* text :
       {"host router.example", "ether host 02:00:00:00:00:01", "greater 100", "len > 100",
        "ether[12:2] = 0x800", "broadcast", "ip protochain 6", "rarp", "host", "((((", "tcp)",
        "port 017", "host 10.0.0.300", "what ever", "$7", "net 10.0.0.0 mask 255.0.255.0"}) {
    EXPECT_TRUE(may_match(text, Keys())) << text;
    EXPECT_FALSE(narrows(text)) << text;
  }
}

TEST(IndexExpression, AComparisonAsksForTheProtocolThatItLooksAtFirst) {
  EXPECT_TRUE(may_match("tcp[tcpflags] & tcp-syn != 0", tcp_80()));
  EXPECT_FALSE(may_match("udp[0:2] = 53", tcp_80()));
  EXPECT_FALSE(may_match("icmp[0] = 8 and host 10.0.0.1", tcp_80()));
  EXPECT_TRUE(may_match("len > udp[0]", tcp_80())) << "not first";
  EXPECT_FALSE(may_match("(tcp[12] & 0xf0) > 80 and port 81", tcp_80()));
}

TEST(IndexExpression, DeepAndLongTextsAreReadWithinBounds) {
  const std::string deep(100'000, '(');
  EXPECT_FALSE(narrows(deep));
  const std::string nested = std::string(100, '(') + "udp" + std::string(100, ')');
  EXPECT_TRUE(may_match(nested, tcp_80())) << "too deep to be read";
  std::string wide = "port 1";
  for (int i = 2; i < 1500; ++i) wide += " or port " + std::to_string(i);
  EXPECT_TRUE(may_match(wide, tcp_80()));
  EXPECT_FALSE(may_match(wide, Keys().protocol(ProtocolClass::TcpPort, 2000)));
}

TEST(IndexExpression, SaysWhichColumnRuledAChunkOut) {
  const auto skipped_by = [](const std::string& text) {
    SkippedBy skipped{};
    const IndexExpression expression = IndexExpression::parse(text);
    (void)expression.possible(
        0xf, [](const KeyQuestion&) { return std::uint64_t{1}; }, skipped);
    return skipped;
  };
  EXPECT_EQ(skipped_by("host 10.0.0.1")[2], 3u);
  EXPECT_EQ(skipped_by("tcp and host 10.0.0.1")[4], 3u) << "the first that did";
  EXPECT_EQ(skipped_by("greater 10 and host 2001:db8::1")[3], 3u);
  EXPECT_EQ(skipped_by("not not vlan 5")[5], 3u);
}

TEST(IndexExpression, WhatIsRequiredBesideIsAsked) {
  IndexExpression expression = IndexExpression::parse("greater 10");
  const IndexKey key{.low = 7};
  expression.require({.column = Column::CommunityId, .ranges = {{key, key}}});
  EXPECT_TRUE(expression.narrows());
  EXPECT_EQ(expression.questions().back().column, Column::CommunityId);
  SkippedBy skipped{};
  EXPECT_EQ(expression.possible(
                3, [](const KeyQuestion&) { return std::uint64_t{2}; }, skipped),
            2u);
  EXPECT_EQ(skipped[6], 1u);
}

TEST(ExpressionWords, NumbersAreDecimalOrHexadecimal) {
  EXPECT_EQ(number_of("0", 10), 0u);
  EXPECT_EQ(number_of("0x1F", 100), 31u);
  EXPECT_EQ(number_of("11", 10), std::nullopt);
  EXPECT_EQ(number_of("010", 100), std::nullopt) << "octal";
  EXPECT_EQ(number_of("+1", 10), std::nullopt);
  EXPECT_EQ(number_of("", 10), std::nullopt);
}

}  // namespace
}  // namespace weir::capture::retrieval
