// The Internet checksum, against the RFC's example and against a sum that anyone can follow.
#include "protocol/deep/checksum.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "base/prng.h"

namespace weir::protocol {
namespace {

constexpr std::uint64_t kSeed = 5;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kIcmpv6 = 58;

// RFC 1071, byte by byte.
std::uint16_t model(Bytes bytes, std::uint16_t carry_in = 0) {
  std::uint32_t sum = carry_in;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8 : bytes[i];
    if (sum > 0xffff) sum -= 0xffff;
  }
  return static_cast<std::uint16_t>(sum);
}

std::vector<std::uint8_t> random_bytes(std::size_t count, Prng& prng) {
  std::vector<std::uint8_t> bytes(count);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(prng.next());
  return bytes;
}

TEST(OnesComplementSum, IsThatOfTheExampleInRfc1071) {
  const std::array<std::uint8_t, 8> bytes = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  EXPECT_EQ(ones_complement_sum(bytes), 0xddf2);
}

TEST(OnesComplementSum, OfNothingIsWhatCameBefore) {
  EXPECT_EQ(ones_complement_sum({}), 0);
  EXPECT_EQ(ones_complement_sum({}, 0x1234), 0x1234);
  EXPECT_EQ(ones_complement_sum({}, 0xffff), 0xffff);
}

TEST(OnesComplementSum, PadsAnOddLastByteWithZero) {
  const std::array<std::uint8_t, 3> bytes = {0x12, 0x34, 0x56};
  EXPECT_EQ(ones_complement_sum(bytes), 0x1234 + 0x5600);
}

TEST(OnesComplementSum, IsZeroOnlyOfZeros) {
  const std::vector<std::uint8_t> zeros(1000, 0);
  EXPECT_EQ(ones_complement_sum(zeros), 0);
  EXPECT_EQ(ones_complement_sum(zeros, 0xffff), 0xffff);
  const std::array<std::uint8_t, 4> cancelling = {0x12, 0x34, 0xed, 0xcb};
  EXPECT_EQ(ones_complement_sum(cancelling), 0xffff);
}

TEST(OnesComplementSum, BringsEveryCarryRound) {
  for (const std::size_t count : {1u, 2u, 63u, 64u, 65'535u, 1u << 20}) {
    const std::vector<std::uint8_t> ones(count, 0xff);
    EXPECT_EQ(ones_complement_sum(ones, 0xffff), model(ones, 0xffff)) << count << " bytes";
  }
}

TEST(OnesComplementSum, EqualsTheModelAtEveryLengthAndAlignment) {
  Prng prng(kSeed);
  const std::vector<std::uint8_t> bytes = random_bytes(700, prng);
  for (std::size_t start = 0; start < 16; ++start) {
    for (std::size_t count = 0; count < 600; ++count) {
      // A vector of its own, so that one byte too many is found.
      const std::vector<std::uint8_t> exact(
          bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(start + count));
      const Bytes part = Bytes(exact).subspan(start);
      const auto carry_in = static_cast<std::uint16_t>(prng.next());
      ASSERT_EQ(ones_complement_sum(part, carry_in), model(part, carry_in))
          << count << " bytes from " << start;
    }
  }
}

TEST(OnesComplementSum, GoesOnAfterAnEvenNumberOfBytes) {
  Prng prng(kSeed);
  const std::vector<std::uint8_t> bytes = random_bytes(301, prng);
  const Bytes all(bytes);
  for (std::size_t cut = 0; cut < bytes.size(); cut += 2) {
    EXPECT_EQ(ones_complement_sum(all.subspan(cut), ones_complement_sum(all.first(cut))),
              ones_complement_sum(all));
  }
}

TEST(Ipv4HeaderChecksum, IsRightAndEverySingleBitMakesItWrong) {
  std::array<std::uint8_t, 20> header = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40,
                                         0x00, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8,
                                         0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  EXPECT_TRUE(ipv4_header_checksum_ok(header));
  for (std::size_t bit = 0; bit < 8 * header.size(); ++bit) {
    header[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(ipv4_header_checksum_ok(header)) << "bit " << bit;
    header[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
  }
}

TEST(Ipv4HeaderChecksum, OfZerosIsWrong) {
  EXPECT_FALSE(ipv4_header_checksum_ok(std::array<std::uint8_t, 20>{}));
}

constexpr IpAddress kSource4{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 0, 31}};
constexpr IpAddress kDestination4{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 168, 0, 30}};
constexpr IpAddress kSource6{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
constexpr IpAddress kDestination6{{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0, 0, 2}};

// The pseudo header as the RFCs draw it, before the segment.
std::vector<std::uint8_t> with_pseudo_header(const IpAddress& source, const IpAddress& destination,
                                             int version, std::uint8_t protocol, Bytes segment) {
  std::vector<std::uint8_t> all;
  const std::ptrdiff_t skipped = version == 4 ? 12 : 0;
  all.insert(all.end(), source.bytes.begin() + skipped, source.bytes.end());
  all.insert(all.end(), destination.bytes.begin() + skipped, destination.bytes.end());
  const auto high = static_cast<std::uint8_t>(segment.size() >> 8);
  const auto low = static_cast<std::uint8_t>(segment.size());
  if (version == 4) {
    all.insert(all.end(), {0, protocol, high, low});  // RFC 9293 3.1
  } else {
    all.insert(all.end(), {0, 0, high, low, 0, 0, 0, protocol});  // RFC 8200 8.1
  }
  all.insert(all.end(), segment.begin(), segment.end());
  return all;
}

struct Transport {
  const char* name;
  int version;
  std::uint8_t protocol;
  std::size_t checksum_at;
};
constexpr std::array<Transport, 5> kTransports = {{{"TCP over IPv4", 4, kTcp, 16},
                                                   {"UDP over IPv4", 4, kUdp, 6},
                                                   {"TCP over IPv6", 6, kTcp, 16},
                                                   {"UDP over IPv6", 6, kUdp, 6},
                                                   {"ICMPv6", 6, kIcmpv6, 2}}};

TEST(TransportChecksum, IsRightAndEverySingleBitMakesItWrong) {
  Prng prng(kSeed);
  for (const Transport& transport : kTransports) {
    const IpAddress& source = transport.version == 4 ? kSource4 : kSource6;
    const IpAddress& destination = transport.version == 4 ? kDestination4 : kDestination6;
    for (const std::size_t count : {20u, 21u, 60u, 191u, 1460u}) {
      std::vector<std::uint8_t> segment = random_bytes(count, prng);
      std::uint8_t* field = segment.data() + transport.checksum_at;
      store_be<std::uint16_t>(field, 0);
      const std::uint16_t sum = model(
          with_pseudo_header(source, destination, transport.version, transport.protocol, segment));
      store_be(field, static_cast<std::uint16_t>(~sum));
      EXPECT_TRUE(transport_checksum_ok(source, destination, transport.protocol, segment))
          << transport.name << ", " << count << " bytes";
      for (std::size_t bit = 0; bit < 8 * count; ++bit) {
        segment[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
        ASSERT_FALSE(transport_checksum_ok(source, destination, transport.protocol, segment))
            << transport.name << ", " << count << " bytes, bit " << bit;
        segment[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      }
    }
  }
}

// Zero would mean that there is none, so 0xffff stands for it (RFC 768). Both add up.
TEST(TransportChecksum, OfZeroIsSentAsFfff) {
  std::vector<std::uint8_t> datagram = {0x00, 0x35, 0xc0, 0x00, 0x00, 0x0a, 0x00, 0x00, 0, 0};
  const std::uint16_t sum = model(with_pseudo_header(kSource4, kDestination4, 4, kUdp, datagram));
  store_be(datagram.data() + 8, static_cast<std::uint16_t>(~sum));
  EXPECT_TRUE(transport_checksum_ok(kSource4, kDestination4, kUdp, datagram));
  store_be<std::uint16_t>(datagram.data() + 6, 0xffff);
  EXPECT_TRUE(transport_checksum_ok(kSource4, kDestination4, kUdp, datagram));
  EXPECT_FALSE(udp_checksum_absent(datagram));
}

TEST(TransportChecksum, OfADatagramWithoutOneIsToBeAskedForFirst) {
  const std::array<std::uint8_t, 9> datagram = {0x00, 0x35, 0xc0, 0x00, 0x00, 0x09, 0, 0, 'a'};
  EXPECT_TRUE(udp_checksum_absent(datagram));
  EXPECT_FALSE(transport_checksum_ok(kSource4, kDestination4, kUdp, datagram));
}

TEST(TransportChecksum, OfIcmpHasNoPseudoHeader) {
  const std::array<std::uint8_t, 8> echo = {8, 0, 0xf7, 0xfd, 0, 1, 0, 1};
  EXPECT_TRUE(transport_checksum_ok(kSource4, kDestination4, kIcmp, echo));
  EXPECT_TRUE(transport_checksum_ok({}, {}, kIcmp, echo));
  EXPECT_FALSE(transport_checksum_ok({}, {}, kIcmp, std::array<std::uint8_t, 8>{}));
}

TEST(TransportChecksum, CountsTheAddressesAndTheProtocol) {
  std::array<std::uint8_t, 8> datagram = {0x12, 0x34, 0, 53, 0, 8, 0, 0};
  const std::uint16_t sum = model(with_pseudo_header(kSource6, kDestination6, 6, kUdp, datagram));
  store_be(datagram.data() + 6, static_cast<std::uint16_t>(~sum));
  EXPECT_TRUE(transport_checksum_ok(kSource6, kDestination6, kUdp, datagram));
  EXPECT_TRUE(transport_checksum_ok(kDestination6, kSource6, kUdp, datagram));
  EXPECT_FALSE(transport_checksum_ok(kSource6, kSource6, kUdp, datagram));
  EXPECT_FALSE(transport_checksum_ok(kSource6, kDestination6, kTcp, datagram));
}

}  // namespace
}  // namespace weir::protocol
