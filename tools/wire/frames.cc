#include "frames.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>

#include "base/bytes.h"

namespace weir::wire {
namespace {

constexpr std::uint32_t kSmallBytes = 60;
constexpr std::uint32_t kMiddleBytes = 508;
constexpr std::uint32_t kLargeBytes = 1514;

struct Share {
  std::uint32_t frame_bytes;
  std::uint32_t parts;  // of kShares
};

struct MixRow {
  Mix mix;
  std::string_view name;
  std::array<Share, 3> shares;
};

constexpr std::array<MixRow, 4> kMixes = {{
    {Mix::Small, "60", {{{kSmallBytes, kShares}}}},
    {Mix::Middle, "508", {{{kMiddleBytes, kShares}}}},
    {Mix::Large, "1514", {{{kLargeBytes, kShares}}}},
    {Mix::Imix, "imix", {{{kSmallBytes, 7}, {kMiddleBytes, 4}, {kLargeBytes, 1}}}},
}};

constexpr std::size_t kIpOffset = kEthernetBytes;
constexpr std::size_t kUdpOffset = kIpOffset + 20;
constexpr std::uint8_t kUdp = 17;

const MixRow& row_of(Mix mix) noexcept {
  return *std::find_if(kMixes.begin(), kMixes.end(),
                       [mix](const MixRow& r) { return r.mix == mix; });
}

constexpr std::uint16_t to_network(std::uint16_t value) noexcept {
  if constexpr (std::endian::native == std::endian::big) return value;
  return static_cast<std::uint16_t>(value << 8 | value >> 8);
}

// The sum of a checksum over words as they lie in memory (RFC 1071: the byte order does not
// matter); an odd last byte is followed by a zero.
std::uint32_t sum_words(std::span<const std::uint8_t> bytes) noexcept {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(2, bytes.size() - at));
    sum += word;
  }
  return sum;
}

// Fields that differ between frames are zero in the template.
FrameSize make_size(std::span<const std::uint8_t> frame, std::uint32_t frame_bytes) {
  const std::uint16_t ip_bytes =
      to_network(static_cast<std::uint16_t>(frame_bytes - kEthernetBytes));
  const std::uint16_t udp_bytes = to_network(static_cast<std::uint16_t>(frame_bytes - kUdpOffset));
  const std::uint32_t pseudo_header = to_network(kUdp) + udp_bytes;
  return {.cut_bytes = static_cast<std::uint32_t>(frame.size()) - frame_bytes,
          .ip_bytes = ip_bytes,
          .udp_bytes = udp_bytes,
          .ip_sum = sum_words(frame.subspan(kIpOffset, kUdpOffset - kIpOffset)) + ip_bytes,
          .udp_sum = sum_words(frame.subspan(kUdpOffset, frame_bytes - kUdpOffset)) + udp_bytes +
                     pseudo_header};
}

}  // namespace

std::optional<Mix> find_mix(std::string_view name) noexcept {
  for (const MixRow& row : kMixes) {
    if (row.name == name) return row.mix;
  }
  return std::nullopt;
}

std::string_view name_of(Mix mix) noexcept { return row_of(mix).name; }

std::string mix_names() {
  std::string names;
  for (const MixRow& row : kMixes) names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

std::vector<std::uint8_t> make_template(Mix mix) {
  std::uint32_t frame_bytes = 0;
  for (const Share& share : row_of(mix).shares)
    frame_bytes = std::max(frame_bytes, share.frame_bytes);
  std::vector<std::uint8_t> frame(frame_bytes, 0);
  // Addresses of no real station (locally administered): the receiver's host drops the frames
  // early.
  constexpr std::array<std::uint8_t, kEthernetBytes> kEthernet = {2, 0, 0, 0, 0, 2,    2,
                                                                  0, 0, 0, 0, 1, 0x08, 0x00};
  std::copy(kEthernet.begin(), kEthernet.end(), frame.begin());
  frame[kIpOffset] = 0x45;
  frame[kIpOffset + 6] = 0x40;  // do not fragment: no identification is needed (RFC 6864)
  frame[kIpOffset + 8] = 64;    // time to live
  frame[kIpOffset + 9] = kUdp;
  for (std::size_t at = kNumberedBytes; at < frame.size(); ++at) {
    frame[at] = static_cast<std::uint8_t>('a' + (at - kNumberedBytes) % 26);
  }
  return frame;
}

FramePlan make_plan(Mix mix, const std::vector<std::uint8_t>& frame) {
  FramePlan plan{};
  std::size_t next = 0;
  for (const Share& share : row_of(mix).shares) {
    for (std::uint32_t part = 0; part < share.parts; ++part) {
      plan.shares[next++] = make_size(frame, share.frame_bytes);
    }
  }
  return plan;
}

}  // namespace weir::wire
