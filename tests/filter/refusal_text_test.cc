// What the user reads. The marker ^ in the tables stands before the place where the caret must be.
#include "filter/refusal_text.h"

#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "filter/frame_filter.h"
#include "filter/pcap_compiler.h"

namespace weir::filter {
namespace {

std::string message_of(const std::string& expression, LinkType link_type) {
  const auto compiled = compile(expression, link_type);
  const auto* refusal = std::get_if<Refusal>(&compiled);
  return refusal == nullptr ? "(compiles)" : refusal->message;
}

struct Stumble {
  std::string marked;   // with ^ before the culprit, or none
  std::string message;  // libpcap's
  LinkType link_type = LinkType::Ethernet;
};

void PrintTo(const Stumble& stumble, std::ostream* out) { *out << stumble.marked; }

class RefusedPosition : public testing::TestWithParam<Stumble> {};

TEST_P(RefusedPosition, IsWhereLibpcapStumbled) {
  std::string expression = GetParam().marked;
  const std::size_t caret = expression.find('^');
  if (caret != std::string::npos) expression.erase(caret, 1);
  const std::string message = message_of(expression, GetParam().link_type);
  EXPECT_EQ(message, GetParam().message);
  const auto position = refused_position(expression, GetParam().link_type, message);
  ASSERT_EQ(position.has_value(), caret != std::string::npos) << "at " << position.value_or(0);
  if (position) {
    EXPECT_EQ(*position, caret);
  }
}

const char* const kSyntax = "can't parse filter expression: syntax error";

INSTANTIATE_TEST_SUITE_P(Syntax, RefusedPosition,
                         testing::Values(Stumble{"tcp ^prot 80", kSyntax},
                                         Stumble{"tcp port^", kSyntax}, Stumble{"^foo", kSyntax},
                                         Stumble{"tcp and (port 80^", kSyntax},
                                         Stumble{"port 80^)", kSyntax}, Stumble{"ip[0^", kSyntax},
                                         Stumble{"tcp ^@ port", kSyntax}, Stumble{"not^", kSyntax},
                                         Stumble{"(^)", kSyntax},
                                         Stumble{"host 10.0.0.1 and ^and x", kSyntax},
                                         Stumble{"tcp port 80 ^udp or ip", kSyntax},
                                         Stumble{"ip proto 1 ^/ 0", kSyntax}));

INSTANTIATE_TEST_SUITE_P(
    Meaning, RefusedPosition,
    testing::Values(Stumble{"tcp and port ^99999 or udp", "illegal port number 99999 > 65535"},
                    Stumble{"ip and tcp port ^http-foo", "unknown port 'http-foo'"},
                    Stumble{"ip proto ^bogus", "unknown ip proto 'bogus'"},
                    Stumble{"vlan ^5000 and tcp", "VLAN tag 5000 greater than maximum 4095"},
                    Stumble{"tcp and net ^10.0.0.1/8", "non-network bits set in \"10.0.0.1/8\""},
                    Stumble{"udp port 53 or ^udp host 1.2.3.4 or udp",
                            "'udp' modifier applied to host"},
                    Stumble{"port ^70000000000", "number 70000000000 overflows 32 bits"},
                    Stumble{"ether host ^aa:bb:cc:dd:ee", "bogus ethernet address aa:bb:cc:dd:"},
                    Stumble{"ip and host ^1.2.3.400", "invalid IPv4 address '1.2.3.400'"},
                    Stumble{"tcp and ^vlan", "no VLAN support for Raw IP", LinkType::Raw},
                    Stumble{"tcp or ^inbound",
                            "inbound/outbound not supported on Ethernet when reading savefiles"}));

INSTANTIATE_TEST_SUITE_P(WholeExpression, RefusedPosition,
                         testing::Values(Stumble{"ip and ip6", "expression rejects all packets"},
                                         Stumble{"ip[0] / 0 = 1", "division by zero"},
                                         Stumble{"ip[100] << 40 = 1",
                                                 "shift by more than 31 bits"}));

TEST(RefusalText, ShowsMessageExpressionAndCaret) {
  FrameFilter filter("tcp prot 80", Scope::Frame);
  const Error error = filter.prepare(LinkType::Ethernet).error();
  EXPECT_EQ(error.code, ErrorCode::BadFilter);
  EXPECT_EQ(error.context,
            "filter for EN10MB packets: can't parse filter expression: syntax error\n"
            "  tcp prot 80\n"
            "      ^");
}

TEST(RefusalText, WithoutAPlaceHasNoCaret) {
  EXPECT_EQ(refusal_text("ip and ip6", LinkType::Raw, "expression rejects all packets"),
            "filter for RAW packets: expression rejects all packets\n  ip and ip6");
}

TEST(RefusalText, ALinkTypeWithoutNameIsANumber) {
  EXPECT_EQ(
      refusal_text("tcp", LinkType{60'000}, message_of("tcp", LinkType{60'000})).substr(0, 36),
      "filter for link type 60000 packets: ");
}

TEST(RefusalText, ALongExpressionIsCutAroundTheCaret) {
  std::string expression = "host 10.0.0.1";
  for (int i = 0; i < 200; ++i) expression += " or host 10.0.0.2";
  expression += " or nonsense";
  for (int i = 0; i < 200; ++i) expression += "\nor host 10.0.0.3";
  const std::string text = refusal_text(expression, LinkType::Ethernet, kSyntax);
  const std::size_t line = text.find('\n') + 1;
  const std::size_t caret_line = text.find('\n', line) + 1;
  const std::size_t caret = text.find('^', caret_line) - caret_line;
  EXPECT_LT(caret_line - line, 110u);
  EXPECT_EQ(text.substr(line + caret, 8), "nonsense") << text;
}

TEST(RefusalText, AZeroByteIsRefused) {
  FrameFilter filter(std::string("tcp\0or", 6), Scope::Frame);
  EXPECT_NE(filter.prepare(LinkType::Ethernet).error().context.find("zero byte"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::filter
