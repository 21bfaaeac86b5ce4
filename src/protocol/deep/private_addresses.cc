#include "protocol/deep/private_addresses.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace weir::protocol {
namespace {

struct Block4 {
  std::uint32_t first;
  std::uint32_t prefix_bits;
};

constexpr std::uint32_t ipv4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return (a << 24) | (b << 16) | (c << 8) | d;
}

constexpr std::array<Block4, 16> kBlocks4 = {{
    {ipv4(10, 0, 0, 0), 8},          // RFC 1918
    {ipv4(192, 168, 0, 0), 16},      // RFC 1918
    {ipv4(172, 16, 0, 0), 12},       // RFC 1918
    {ipv4(0, 0, 0, 0), 8},           // this network, RFC 791
    {ipv4(100, 64, 0, 0), 10},       // behind a carrier's NAT, RFC 6598
    {ipv4(127, 0, 0, 0), 8},         // loopback, RFC 1122
    {ipv4(169, 254, 0, 0), 16},      // link-local, RFC 3927
    {ipv4(192, 0, 0, 0), 24},        // protocol assignments, RFC 6890
    {ipv4(192, 0, 2, 0), 24},        // documentation, RFC 5737
    {ipv4(198, 18, 0, 0), 15},       // benchmarks, RFC 2544
    {ipv4(198, 51, 100, 0), 24},     // documentation, RFC 5737
    {ipv4(203, 0, 113, 0), 24},      // documentation, RFC 5737
    {ipv4(224, 0, 0, 0), 24},        // multicast within a link, RFC 5771
    {ipv4(239, 0, 0, 0), 8},         // multicast within an organisation, RFC 2365
    {ipv4(240, 0, 0, 0), 4},         // reserved, RFC 1112
    {ipv4(255, 255, 255, 255), 32},  // limited broadcast, RFC 919
}};

// No block is longer than 64 bits, but for the two addresses that is_private() knows itself.
struct Block6 {
  std::uint64_t first;
  std::uint32_t prefix_bits;
};

constexpr std::array<Block6, 7> kBlocks6 = {{
    {0xfe80'0000'0000'0000, 10},  // link-local, RFC 4291
    {0xfc00'0000'0000'0000, 7},   // unique local, RFC 4193
    {0x0064'ff9b'0001'0000, 48},  // translation to IPv4, RFC 8215
    {0x0100'0000'0000'0000, 64},  // discarded, RFC 6666
    {0x2001'0000'0000'0000, 23},  // protocol assignments, RFC 2928; benchmarks, RFC 5180
    {0x2001'0db8'0000'0000, 32},  // documentation, RFC 3849
    {0xfec0'0000'0000'0000, 10},  // site-local, RFC 3879
}};

bool is_private4(std::uint32_t address) noexcept {
  return std::any_of(kBlocks4.begin(), kBlocks4.end(), [address](const Block4& block) {
    return ((address ^ block.first) >> (32 - block.prefix_bits)) == 0;
  });
}

bool is_private6(std::uint64_t high, std::uint64_t low) noexcept {
  if (high == 0) return low <= 1;  // unspecified and loopback, RFC 4291
  return std::any_of(kBlocks6.begin(), kBlocks6.end(), [high](const Block6& block) {
    return ((high ^ block.first) >> (64 - block.prefix_bits)) == 0;
  });
}

}  // namespace

bool is_private(const IpAddress& address) noexcept {
  const std::uint64_t high = load_be64(address.bytes.data());
  const std::uint64_t low = load_be64(address.bytes.data() + 8);
  if (high == 0 && low >> 32 == 0xffff) return is_private4(static_cast<std::uint32_t>(low));
  // 6to4 (RFC 3056): as private as the IPv4 address that follows the prefix.
  if (high >> 48 == 0x2002) return is_private4(static_cast<std::uint32_t>(high >> 16));
  return is_private6(high, low);
}

}  // namespace weir::protocol
