// Frames larger than the link's MTU, as segmentation offload makes them, and headers that do not
// lie in one piece in the kernel's memory.
#include <gtest/gtest.h>

#include "interface/steering.h"
#include "interface_live/offload_socket.h"
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
      sender.send_unsegmented(sent.back(), 1448);
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
  OffloadSocket("left").send_unsegmented(packet.build(), 1448);
  capture.take(1);

  EXPECT_EQ(capture.frames()[0].bytes.size(), 2000u);
  EXPECT_EQ(capture.frames()[0].wire_bytes, packet.size());
}

TEST_P(AfPacketLargeFrames, JumboFramesWhoseHeadersLieInPagesAreSteeredByTheirInnerFlow) {
  WEIR_SKIP_WITHOUT_PROGRAMS();
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
