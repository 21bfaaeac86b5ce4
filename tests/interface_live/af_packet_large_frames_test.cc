// Frames larger than the link's MTU, as segmentation offload makes them, and headers that do not
// lie in one piece in the kernel's memory.
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include <gtest/gtest.h>

#include "interface/steering.h"
#include "interface_live/shared_capture.h"
#include "support/headers_of.h"
#include "support/network_namespace.h"
#include "support/packet_builder.h"
#include "support/random_flows.h"

namespace weir::interface {
namespace {

using test::FrameBytes;
using test::InNamespace;
using test::NetworkNamespace;
using test::PacketBuilder;

// struct virtio_net_hdr of <linux/virtio_net.h>, which is no C++.
struct VirtioHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t header_bytes = 0;
  std::uint16_t segment_bytes = 0;
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(VirtioHeader) == 10);
constexpr std::uint8_t kNeedsChecksum = 1;
constexpr std::uint8_t kTcpv4 = 1;

// Sends frames as a driver's offloads would leave them (PACKET_VNET_HDR).
class OffloadSocket {
 public:
  explicit OffloadSocket(const std::string& interface)
      : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    constexpr int kOn = 1;
    EXPECT_EQ(::setsockopt(fd_.get(), SOL_PACKET, PACKET_VNET_HDR, &kOn, sizeof kOn), 0);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  // One TCP segment of many MTUs, to be cut later.
  void send_unsegmented(FrameBytes frame) {
    constexpr std::uint16_t kHeaderBytes = 14 + 20 + 20;
    send({.flags = kNeedsChecksum,
          .gso_type = kTcpv4,
          .header_bytes = kHeaderBytes,
          .segment_bytes = 1448,
          .checksum_start = 34,
          .checksum_offset = 16},
         std::move(frame));
  }
  // Only the Ethernet header in one piece, the rest in pages.
  void send_in_pages(FrameBytes frame) { send({}, std::move(frame)); }

 private:
  void send(VirtioHeader header, FrameBytes frame) {
    std::array parts = {iovec{&header, sizeof header}, iovec{frame.data(), frame.size()}};
    const auto bytes = static_cast<ssize_t>(sizeof header + frame.size());
    ASSERT_EQ(::writev(fd_.get(), parts.data(), parts.size()), bytes) << std::strerror(errno);
  }

  UniqueFd fd_;
};

class AfPacketLargeFrames : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

TEST_P(AfPacketLargeFrames, UnsegmentedFramesAreStoredWholeOnBothEnds) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right", 1500);
  SharedCapture capture({.interfaces = {"left", "right"}, .workers_per_interface = GetParam()});
  OffloadSocket sender("left");

  // A virtual link takes no larger ones.
  std::vector<FrameBytes> sent;
  for (const std::size_t bytes : {3000u, 20'000u, 65'535u}) {
    for (std::uint16_t port = 1; port <= 20; ++port) {
      PacketBuilder packet;
      packet.ethernet().ipv4("192.0.2.1", "192.0.2.2").tcp(port, 443);
      packet.payload(bytes - packet.size(), static_cast<std::uint8_t>(port));
      sent.push_back(packet.build());
      sender.send_unsegmented(sent.back());
    }
  }
  capture.take(2 * sent.size());

  for (const std::uint32_t interface : {0u, 1u}) {
    std::vector<FrameBytes> seen;
    for (const CapturedFrame& frame : capture.frames()) {
      if (frame.interface.index != interface) continue;
      EXPECT_EQ(frame.wire_bytes, frame.bytes.size());
      seen.push_back(frame.bytes);
    }
    expect_same_frames(seen, sent);
  }
}

TEST_P(AfPacketLargeFrames, ASnaplenCutsThemAndTheWireLengthStays) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right", 1500);
  SharedCapture capture(
      {.interfaces = {"right"}, .workers_per_interface = GetParam(), .snaplen = 2000});
  PacketBuilder packet;
  packet.ethernet().ipv4("192.0.2.1", "192.0.2.2").tcp(1, 443).payload(60'000);
  OffloadSocket("left").send_unsegmented(packet.build());
  capture.take(1);

  EXPECT_EQ(capture.frames()[0].bytes.size(), 2000u);
  EXPECT_EQ(capture.frames()[0].wire_bytes, packet.size());
}

TEST_P(AfPacketLargeFrames, JumboFramesWhoseHeadersLieInPagesAreSteeredByTheirInnerFlow) {
  constexpr std::uint64_t kSeed = 20261122;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right", 9000);
  const std::uint32_t workers = GetParam();
  SharedCapture capture({.interfaces = {"left", "right"}, .workers_per_interface = workers});
  OffloadSocket sender("left");

  Prng random(kSeed);
  constexpr std::size_t kFrames = 200;
  for (std::size_t i = 0; i < kFrames; ++i) {
    FrameBytes frame = test::random_flow(random).there;
    frame.resize(8000);  // smaller ones would lie in one piece; what is added is padding
    sender.send_in_pages(frame);
  }
  capture.take(2 * kFrames);

  for (std::uint32_t i = 0; i < 2 * workers; ++i) {
    for (const CapturedFrame& frame : capture.worker(i).frames()) {
      ASSERT_EQ(frame.bytes.size(), 8000u);
      const test::Parsed parsed =
          test::parse({.data = frame.bytes.data(), .captured_bytes = 8000, .wire_bytes = 8000});
      ASSERT_EQ(shard_of(parsed.headers.flow_hash) % workers, i % workers);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Workers, AfPacketLargeFrames, testing::Values(1u, 4u),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace weir::interface
