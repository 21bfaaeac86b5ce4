#include "output/address_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "base/bytes.h"

namespace weir::output {
namespace {

constexpr std::size_t kGroups = 8;
constexpr std::size_t kGroupDigitsMax = 4;
constexpr std::size_t kOctetDigitsMax = 3;

char* write_ipv4(char* out, const std::uint8_t* octets) noexcept {
  for (std::size_t i = 0; i < 4; ++i) {
    if (i != 0) *out++ = '.';
    out = std::to_chars(out, out + kOctetDigitsMax, octets[i]).ptr;
  }
  return out;
}

// Groups [begin, end) are zero and become "::".
struct Zeros {
  std::size_t begin = kGroups;
  std::size_t end = kGroups;
};

// The longest run of two or more, the first of equals.
Zeros longest_zeros(const std::array<std::uint16_t, kGroups>& groups) noexcept {
  Zeros longest;
  for (std::size_t begin = 0; begin < kGroups;) {
    std::size_t end = begin;
    while (end < kGroups && groups[end] == 0) ++end;
    if (end - begin >= 2 && end - begin > longest.end - longest.begin) longest = {begin, end};
    begin = end + 1;
  }
  return longest;
}

char* write_ipv6(char* out, const IpAddress& address) noexcept {
  std::array<std::uint16_t, kGroups> groups;
  for (std::size_t i = 0; i < kGroups; ++i) groups[i] = load_be16(&address.bytes[2 * i]);
  const Zeros zeros = longest_zeros(groups);
  for (std::size_t i = 0; i < kGroups; ++i) {
    if (i == zeros.begin) {
      *out++ = ':';
      *out++ = ':';
      i = zeros.end;
      if (i == kGroups) break;
    } else if (i != 0) {
      *out++ = ':';
    }
    out = std::to_chars(out, out + kGroupDigitsMax, groups[i], 16).ptr;
  }
  return out;
}

bool is_mapped(const IpAddress& address) noexcept {
  return load_be64(address.bytes.data()) == 0 && load_be32(&address.bytes[8]) == 0xffff;
}

}  // namespace

char* write_address(char* out, const IpAddress& address, std::uint8_t ip_version) noexcept {
  const std::uint8_t* const low_octets = &address.bytes[12];
  if (ip_version == 4) return write_ipv4(out, low_octets);
  if (!is_mapped(address)) return write_ipv6(out, address);
  constexpr std::string_view kPrefix = "::ffff:";
  return write_ipv4(std::copy(kPrefix.begin(), kPrefix.end(), out), low_octets);
}

}  // namespace weir::output
