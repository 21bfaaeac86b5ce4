#include "protocol/deep/community_id.h"

#include <algorithm>
#include <tuple>

#include "protocol/headers/icmp.h"

namespace weir::protocol {
namespace {

constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr std::uint8_t kIcmpv6 = 58;
constexpr std::uint8_t kSctp = 132;

constexpr bool has_ports(std::uint8_t ip_protocol) noexcept {
  return ip_protocol == kTcp || ip_protocol == kUdp || ip_protocol == kSctp ||
         ip_protocol == kIcmp || ip_protocol == kIcmpv6;
}

// An ICMP message that nothing answers: its second port is a code.
bool is_one_way(const Endpoints& ends) noexcept {
  if (ends.ip_protocol != kIcmp && ends.ip_protocol != kIcmpv6) return false;
  const auto& answers = ends.ip_protocol == kIcmp ? detail::kIcmpAnswers : detail::kIcmpv6Answers;
  return answers[ends.originator_port & 0xff] == 0xff;
}

struct Side {
  const IpAddress& address;
  std::uint16_t port;
};

// By address, then port; word by word, since a call of memcmp costs more.
bool is_below(const Side& a, const Side& b) noexcept {
  const auto words = [](const Side& side) {
    return std::tuple(load_be64(side.address.bytes.data()),
                      load_be64(side.address.bytes.data() + 8), side.port);
  };
  return words(a) < words(b);
}

// What is hashed, in network byte order: seed, two addresses, protocol, zero, two ports.
class Message {
 public:
  void add(std::uint8_t byte) noexcept { bytes_[size_++] = byte; }
  void add(std::uint16_t number) noexcept {
    store_be(bytes_.data() + size_, number);
    size_ += sizeof number;
  }
  // Copies of known length: no calls.
  void add(const IpAddress& address, std::uint8_t ip_version) noexcept {
    if (ip_version == 4) {
      store_le(bytes_.data() + size_, load_le32(address.bytes.data() + 12));
      size_ += 4;
    } else {
      std::copy(address.bytes.begin(), address.bytes.end(), bytes_.begin() + size_);
      size_ += address.bytes.size();
    }
  }
  [[nodiscard]] Bytes bytes() const noexcept { return Bytes(bytes_).first(size_); }

 private:
  std::array<std::uint8_t, 2 + 2 * 16 + 2 + 2 * 2> bytes_;
  std::size_t size_ = 0;
};

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";  // RFC 4648 4

// Six threes of bytes, and two bytes that are padded.
CommunityIdText text_of(const Sha1Digest& digest) noexcept {
  CommunityIdText text;
  text.chars[0] = '1';
  text.chars[1] = ':';
  std::array<std::uint8_t, 21> bytes{};
  std::copy(digest.begin(), digest.end(), bytes.begin());
  char* to = text.chars.data() + 2;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t three = load_be24(bytes.data() + i);
    for (int shift = 18; shift >= 0; shift -= 6) *to++ = kBase64[(three >> shift) & 63];
  }
  text.chars.back() = '=';
  return text;
}

}  // namespace

Sha1Digest CommunityIdHasher::digest(const Endpoints& ends) const noexcept {
  const Side originator{ends.originator, ends.originator_port};
  const Side responder{ends.responder, ends.responder_port};
  const bool swapped = !is_one_way(ends) && is_below(responder, originator);
  const Side& first = swapped ? responder : originator;
  const Side& second = swapped ? originator : responder;

  Message message;
  message.add(seed_);
  message.add(first.address, ends.ip_version);
  message.add(second.address, ends.ip_version);
  message.add(ends.ip_protocol);
  message.add(std::uint8_t{0});
  if (has_ports(ends.ip_protocol)) {
    message.add(first.port);
    message.add(second.port);
  }
  return short_sha1(message.bytes());
}

CommunityIdText CommunityIdHasher::text(const Endpoints& ends) const noexcept {
  return text_of(digest(ends));
}

}  // namespace weir::protocol
