#include "support/frames.h"

#include <array>

#include "base/bytes.h"
#include "base/prng.h"

namespace weir::test {
namespace {

constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kUdpBytes = 8;
constexpr std::size_t kHeadersBytes = kEthernetBytes + kIpv4Bytes + kUdpBytes;
constexpr std::uint16_t kVxlanPort = 4789;

std::uint16_t ipv4_checksum(const std::uint8_t* header) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < kIpv4Bytes; i += 2) sum += load_be16(header + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void write_headers(FrameBytes& frame, std::uint16_t source_port, std::uint16_t destination_port) {
  constexpr std::array<std::uint8_t, 12> kMacs = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
  std::copy(kMacs.begin(), kMacs.end(), frame.begin());
  store_be<std::uint16_t>(&frame[12], 0x0800);

  std::uint8_t* ip = &frame[kEthernetBytes];
  ip[0] = 0x45;
  store_be(ip + 2, static_cast<std::uint16_t>(frame.size() - kEthernetBytes));
  ip[8] = 64;                                    // TTL
  ip[9] = 17;                                    // UDP
  store_be<std::uint32_t>(ip + 12, 0xc0000201);  // 192.0.2.1
  store_be<std::uint32_t>(ip + 16, 0xc0000202);  // 192.0.2.2
  store_be(ip + 10, ipv4_checksum(ip));

  std::uint8_t* udp = ip + kIpv4Bytes;
  store_be(udp, source_port);
  store_be(udp + 2, destination_port);
  store_be(udp + 4, static_cast<std::uint16_t>(frame.size() - kEthernetBytes - kIpv4Bytes));
}

}  // namespace

FrameBytes udp_frame(std::uint32_t number, std::size_t frame_bytes) {
  FrameBytes frame(frame_bytes);
  write_headers(frame, 1024, 9);
  Prng payload(number);
  for (std::size_t i = kHeadersBytes; i < frame.size(); ++i) {
    frame[i] = static_cast<std::uint8_t>(payload.next());
  }
  store_be(&frame[kHeadersBytes], number);
  return frame;
}

FrameBytes with_tag(FrameBytes frame, std::uint16_t tpid, std::uint16_t tci) {
  std::array<std::uint8_t, 4> tag;
  store_be(tag.data(), tpid);
  store_be(tag.data() + 2, tci);
  frame.insert(frame.begin() + 12, tag.begin(), tag.end());
  return frame;
}

FrameBytes in_vxlan(const FrameBytes& inner, std::uint32_t vni) {
  constexpr std::size_t kVxlanBytes = 8;
  constexpr std::size_t kInnerOffset = kHeadersBytes + kVxlanBytes;
  FrameBytes frame(kInnerOffset + inner.size());
  frame[kHeadersBytes] = 0x08;  // the VNI is valid
  store_be(&frame[kHeadersBytes + 4], vni << 8);
  std::copy(inner.begin(), inner.end(), frame.begin() + kInnerOffset);
  write_headers(frame, 49152, kVxlanPort);
  return frame;
}

FrameBytes ip_packet_of(const FrameBytes& frame) {
  return FrameBytes(frame.begin() + kEthernetBytes, frame.end());
}

}  // namespace weir::test
