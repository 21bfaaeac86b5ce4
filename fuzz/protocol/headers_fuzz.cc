// The header parser on any bytes of any link type. Input: the link type (index into kLinkTypes),
// how many bytes of the packet the snaplen cut off, and the frame.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "protocol/headers/parse_batch.h"
#include "support/sound_headers.h"

namespace {

constexpr std::array kLinkTypes = {
    weir::LinkType::Ethernet, weir::LinkType::Raw,       weir::LinkType::Ipv4,
    weir::LinkType::Ipv6,     weir::LinkType::Null,      weir::LinkType::Loop,
    weir::LinkType::LinuxSll, weir::LinkType::LinuxSll2, weir::LinkType::Ppp,
    weir::LinkType::PppHdlc,  weir::LinkType::Ieee80211, weir::LinkType::Ieee80211Radiotap,
    weir::LinkType{0xffff},   weir::LinkType::Fddi,
};

struct Scratch {
  weir::PacketBatch batch;
  weir::HeadersArray headers;
  weir::KeysArray keys;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kPrefixBytes = 2;
  if (size < kPrefixBytes) return 0;
  static const auto scratch = std::make_unique<Scratch>();
  const std::size_t captured = size - kPrefixBytes;
  const auto frame = std::make_unique<std::uint8_t[]>(captured);  // no byte to spare behind it
  std::copy_n(data + kPrefixBytes, captured, frame.get());

  weir::Packet& packet = scratch->batch.packets[0];
  packet = {};
  packet.data = frame.get();
  packet.captured_bytes = static_cast<std::uint32_t>(captured);
  packet.wire_bytes = static_cast<std::uint32_t>(captured + data[1]);
  packet.link_type = kLinkTypes[data[0] % kLinkTypes.size()];
  scratch->batch.count = 1;
  weir::protocol::parse_batch(scratch->batch, scratch->headers, scratch->keys);

  const char* problem = weir::test::unsound(packet, scratch->headers[0], scratch->keys[0]);
  if (problem != nullptr) {
    std::fprintf(stderr, "%s\n", problem);
    std::abort();
  }
  return 0;
}
