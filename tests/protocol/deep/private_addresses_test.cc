// Which addresses are private: the first and last of each block are, their neighbours are not.
#include "protocol/deep/private_addresses.h"

#include <arpa/inet.h>

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weir::protocol {
namespace {

IpAddress address(const std::string& text) {
  IpAddress parsed;
  const bool is_ipv4 = text.find(':') == std::string::npos;
  EXPECT_EQ(inet_pton(AF_INET6, (is_ipv4 ? "::ffff:" + text : text).c_str(), parsed.bytes.data()),
            1)
      << text;
  return parsed;
}

void expect_private(bool expected, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) EXPECT_EQ(is_private(address(text)), expected) << text;
}

TEST(PrivateAddresses, HaveTheBordersOfTheirIpv4Blocks) {
  expect_private(true, {"0.0.0.0",      "0.255.255.255",   "10.0.0.0",    "10.255.255.255",
                        "100.64.0.0",   "100.127.255.255", "127.0.0.0",   "127.255.255.255",
                        "169.254.0.0",  "169.254.255.255", "172.16.0.0",  "172.31.255.255",
                        "192.0.0.0",    "192.0.0.255",     "192.0.2.0",   "192.0.2.255",
                        "192.168.0.0",  "192.168.255.255", "198.18.0.0",  "198.19.255.255",
                        "198.51.100.0", "198.51.100.255",  "203.0.113.0", "203.0.113.255",
                        "224.0.0.0",    "224.0.0.255",     "239.0.0.0",   "239.255.255.255",
                        "240.0.0.0",    "255.255.255.255"});
  expect_private(false, {"1.0.0.0",         "9.255.255.255",   "11.0.0.0",        "100.63.255.255",
                         "100.128.0.0",     "126.255.255.255", "128.0.0.0",       "169.253.255.255",
                         "169.255.0.0",     "172.15.255.255",  "172.32.0.0",      "191.255.255.255",
                         "192.0.1.0",       "192.0.3.0",       "192.167.255.255", "192.169.0.0",
                         "198.17.255.255",  "198.20.0.0",      "198.51.99.255",   "198.51.101.0",
                         "203.0.112.255",   "203.0.114.0",     "223.255.255.255", "224.0.1.0",
                         "238.255.255.255", "8.8.8.8"});
}

TEST(PrivateAddresses, HaveTheBordersOfTheirIpv6Blocks) {
  expect_private(true, {"::", "::1", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
                        "100::", "100::ffff:ffff:ffff:ffff", "2001::", "2001:2::1",
                        "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
                        "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
                        "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                        "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                        "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"});
  expect_private(false, {"::2", "1::", "64:ff9b::", "64:ff9b:2::", "100:0:0:1::", "2001:200::",
                         "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", "fe00::",
                         "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff02::1", "2606:4700::1111"});
}

TEST(PrivateAddresses, AreIn6To4WhatTheirIpv4AddressIs) {
  expect_private(true, {"2002:a00::", "2002:aff:ffff::1",
                        "2002:c0a8:101::", "2002:ac1f:ffff::", "2002:c612::", "2002:ffff:ffff::"});
  expect_private(false, {"2002:b00::", "2002:808:808::", "2002:c0a9::", "2002:ac20::"});
}

}  // namespace
}  // namespace weir::protocol
