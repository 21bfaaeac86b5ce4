// IP addresses as text: RFC 5952, and what inet_ntop() says of addresses drawn at random.
#include "output/address_text.h"

#include <arpa/inet.h>

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "base/prng.h"

namespace weir::output {
namespace {

std::string text_of(const IpAddress& address, std::uint8_t version) {
  std::array<char, kAddressTextMax> text;
  return {text.data(), write_address(text.data(), address, version)};
}

IpAddress ipv6(const char* text) {
  IpAddress address;
  EXPECT_EQ(inet_pton(AF_INET6, text, address.bytes.data()), 1) << text;
  return address;
}

TEST(AddressText, IsDottedForVersionFour) {
  EXPECT_EQ(text_of(ipv6("::ffff:10.0.200.7"), 4), "10.0.200.7");
  EXPECT_EQ(text_of(ipv6("::ffff:255.255.255.255"), 4), "255.255.255.255");
  EXPECT_EQ(text_of(ipv6("::ffff:0.0.0.0"), 4), "0.0.0.0");
}

TEST(AddressText, IsAsRfc5952WritesItForVersionSix) {
  for (const char* text :
       {"::", "::1", "1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1",  // one zero stays
        "2001:db8::1:0:0:1",                                        // the first of equals
        "2001:0:0:1::1",                                            // the longest
        "2001:db8::", "fe80::aaaa:bbbb:cccc:dddd", "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6::", "0:1::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::ffff:192.0.2.1"}) {
    EXPECT_EQ(text_of(ipv6(text), 6), text);
  }
}

TEST(AddressText, AgreesWithTheSystem) {
  constexpr std::uint64_t kSeed = 5952;
  Prng random(kSeed);
  for (int i = 0; i < 100'000; ++i) {
    IpAddress address;
    // Two of three groups are zero. The first is not: the system would write ::1.2.3.4.
    for (std::size_t at = 0; at < 16; at += 2) {
      if (random.below(3) != 0 && at != 0) continue;
      address.bytes[at] = static_cast<std::uint8_t>(random.below(2) * random.below(256));
      address.bytes[at + 1] = static_cast<std::uint8_t>(1 + random.below(255));
    }
    std::array<char, INET6_ADDRSTRLEN> expected;
    inet_ntop(AF_INET6, address.bytes.data(), expected.data(), expected.size());
    ASSERT_EQ(text_of(address, 6), expected.data()) << "seed " << kSeed << ", address " << i;
  }
}

}  // namespace
}  // namespace weir::output
