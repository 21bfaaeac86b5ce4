#include "support/community_id.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <tuple>
#include <vector>

#include <openssl/evp.h>
#include <openssl/sha.h>

namespace weir::test {
namespace {

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint8_t kSctp = 132;

template <std::size_t kCount>
bool contains(const std::array<std::uint16_t, kCount>& types, std::uint16_t type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

// Messages that nothing answers are not put in order.
bool is_one_way(const PacketKeys& keys) {
  static constexpr std::array<std::uint16_t, 10> kPaired = {0, 8, 9, 10, 13, 14, 15, 16, 17, 18};
  static constexpr std::array<std::uint16_t, 12> kPairedv6 = {128, 129, 130, 131, 133, 134,
                                                              135, 136, 139, 140, 144, 145};
  if (keys.ip_protocol == kIcmp) return !contains(kPaired, keys.source_port);
  if (keys.ip_protocol == kIcmpv6) return !contains(kPairedv6, keys.source_port);
  return false;
}

bool protocol_has_ports(std::uint8_t protocol) {
  return protocol == kIcmp || protocol == kTcp || protocol == kUdp || protocol == kIcmpv6 ||
         protocol == kSctp;
}

void append_address(std::vector<std::uint8_t>& to, const IpAddress& address, bool version4) {
  to.insert(to.end(), address.bytes.begin() + (version4 ? 12 : 0), address.bytes.end());
}

void append_be16(std::vector<std::uint8_t>& to, std::uint16_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value & 0xff));
}

std::string base64(const std::uint8_t* bytes, int count) {
  std::string text(static_cast<std::size_t>(4 * ((count + 2) / 3)) + 1, '\0');
  std::vector<unsigned char> out(text.size());
  const int length = EVP_EncodeBlock(out.data(), bytes, count);
  text.assign(out.begin(), out.begin() + length);
  return text;
}

}  // namespace

std::string community_id(const PacketKeys& keys, bool has_ports) {
  if (keys.ip_version == 0) return {};
  const bool version4 = keys.ip_version == 4;
  has_ports = has_ports && protocol_has_ports(keys.ip_protocol);
  const auto source = std::tie(keys.source.bytes, keys.source_port);
  const auto destination = std::tie(keys.destination.bytes, keys.destination_port);
  const bool in_order = (has_ports && is_one_way(keys)) || source <= destination;

  std::vector<std::uint8_t> input = {0, 0};  // the seed
  append_address(input, in_order ? keys.source : keys.destination, version4);
  append_address(input, in_order ? keys.destination : keys.source, version4);
  input.push_back(keys.ip_protocol);
  input.push_back(0);
  if (has_ports) {
    append_be16(input, in_order ? keys.source_port : keys.destination_port);
    append_be16(input, in_order ? keys.destination_port : keys.source_port);
  }
  std::array<std::uint8_t, SHA_DIGEST_LENGTH> digest{};
  SHA1(input.data(), input.size(), digest.data());
  return "1:" + base64(digest.data(), SHA_DIGEST_LENGTH);
}

}  // namespace weir::test
