// What an AF_PACKET source delivers is what was on the wire: every byte, tags included, with its
// time.
#include <linux/if_arp.h>

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "interface_live/live_capture.h"
#include "support/frames.h"
#include "support/network_namespace.h"

namespace weir::interface {
namespace {

using test::FrameBytes;
using test::in_vxlan;
using test::InNamespace;
using test::NetworkNamespace;
using test::TrafficSocket;
using test::TunDevice;
using test::udp_frame;
using test::with_tag;

constexpr std::uint16_t k8021Q = 0x8100;
constexpr std::uint16_t k8021Ad = 0x88a8;

std::vector<FrameBytes> udp_frames(std::uint32_t count, std::size_t frame_bytes = 60) {
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < count; ++i) frames.push_back(udp_frame(i, frame_bytes));
  return frames;
}

class AfPacketFrames : public testing::Test {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

TEST_F(AfPacketFrames, EveryFrameArrivesByteForByteInOrderWithItsTime) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "right"});
  const SystemClock clock;

  const std::vector<FrameBytes> sent = udp_frames(2000, 200);
  TrafficSocket sender("left");
  const Timestamp before = clock.wall();
  capture.exchange(sender, sent);
  const Timestamp after = clock.wall();

  expect_same_frames(capture.bytes(), sent);
  Timestamp last = before;
  for (const CapturedFrame& frame : capture.frames()) {
    EXPECT_EQ(frame.wire_bytes, 200u);
    EXPECT_EQ(frame.link_type, LinkType::Ethernet);
    EXPECT_GE(frame.time, last);
    last = frame.time;
  }
  EXPECT_LE(last, after);
  EXPECT_TRUE(std::any_of(capture.frames().begin(), capture.frames().end(),
                          [](const CapturedFrame& frame) { return frame.time.ns % 1000 != 0; }))
      << "times have nanoseconds";
}

TEST_F(AfPacketFrames, BothDirectionsAreSeen) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "right"});

  const std::vector<FrameBytes> arriving = {udp_frame(1)};
  const std::vector<FrameBytes> leaving = {udp_frame(2)};
  TrafficSocket("left").send(arriving);
  TrafficSocket("right").send(leaving);
  capture.take(2);

  EXPECT_THAT(capture.bytes(), testing::ElementsAre(arriving[0], leaving[0]));
}

TEST_F(AfPacketFrames, VlanTagsAreWhereTheyWereOnTheWire) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "right"});

  const std::vector<FrameBytes> sent = {
      with_tag(udp_frame(1), k8021Q, 100),
      with_tag(udp_frame(2), k8021Q, 0xefff),  // priority, drop eligible, highest VLAN
      with_tag(udp_frame(3), k8021Q, 0),       // priority tag without a VLAN
      with_tag(udp_frame(4), k8021Ad, 7),
      with_tag(with_tag(udp_frame(5), k8021Q, 20), k8021Ad, 10),
      with_tag(with_tag(udp_frame(6), k8021Q, 40), k8021Q, 30),
      with_tag(with_tag(with_tag(udp_frame(7), k8021Q, 3), k8021Q, 2), k8021Q, 1),
      udp_frame(8),
  };
  TrafficSocket("left").send(sent);
  capture.take(sent.size());

  expect_same_frames(capture.bytes(), sent);
  for (std::size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(capture.frames()[i].wire_bytes, sent[i].size());
  }
}

TEST_F(AfPacketFrames, VxlanStaysAsItIsAlsoWithTagsInsideAndOutside) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "right"});

  const FrameBytes inner = with_tag(udp_frame(1, 300), k8021Q, 5);
  const std::vector<FrameBytes> sent = {in_vxlan(inner, 0xabcdef),
                                        with_tag(in_vxlan(inner, 42), k8021Q, 6)};
  TrafficSocket("left").send(sent);
  capture.take(sent.size());

  expect_same_frames(capture.bytes(), sent);
}

TEST_F(AfPacketFrames, OfLongPacketsNoLessThanTheSnaplenAndNoLessThanFiltersNeedIsDelivered) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  const std::vector<FrameBytes> sent = {udp_frame(1, 1000), with_tag(udp_frame(2, 1000), k8021Q, 9),
                                        udp_frame(3, 300)};

  for (const std::uint32_t snaplen : {1u, 64u, 511u, 512u, 513u, 999u, 1000u, 1001u, 2000u}) {
    LiveCapture capture({.interface = "right", .snaplen = snaplen});
    TrafficSocket("left").send(sent);
    capture.take(sent.size());

    for (std::size_t i = 0; i < sent.size(); ++i) {
      const CapturedFrame& frame = capture.frames()[i];
      const std::size_t kept =
          std::min<std::size_t>(std::max(snaplen, kDeliveredBytesMin), sent[i].size());
      EXPECT_GE(frame.bytes.size(), kept) << "snaplen " << snaplen << " frame " << i;
      EXPECT_LE(frame.bytes.size(), kept + 4) << "no more than a tag more than was asked for";
      EXPECT_TRUE(std::equal(frame.bytes.begin(), frame.bytes.end(), sent[i].begin()));
      EXPECT_EQ(frame.wire_bytes, sent[i].size());
    }
    EXPECT_EQ(capture.source().interfaces().at({0}).snaplen, snaplen);
  }
}

TEST_F(AfPacketFrames, LoopbackShowsEachPacketOnce) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  LiveCapture capture({.interface = "lo"});

  const std::vector<FrameBytes> sent = udp_frames(100);
  TrafficSocket("lo").send(sent);
  capture.take(sent.size());
  capture.source().close_intake();

  EXPECT_EQ(capture.drain(), Pull::End);
  expect_same_frames(capture.bytes(), sent);
  EXPECT_EQ(ledger_of(capture.source()).received, sent.size())
      << "the packets on their way out are not even counted";
}

TEST_F(AfPacketFrames, JumboFramesFillBatchesOnlyToTheirLimit) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  constexpr std::uint32_t kMtu = 65'535;
  test::add_veth_pair("left", "right", kMtu);
  LiveCapture capture({.interface = "right"});

  const std::vector<FrameBytes> sent = udp_frames(60, 65'000);
  TrafficSocket("left").send(sent);
  capture.take(sent.size());

  expect_same_frames(capture.bytes(), sent);
  EXPECT_LE(capture.largest_batch_bytes(), kBatchBytesMax);
  EXPECT_GT(capture.largest_batch_bytes(), kBatchBytesMax / 2);
}

TEST_F(AfPacketFrames, ACallerMayAskForFewerPacketsThanWait) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "right"});

  const std::vector<FrameBytes> sent = udp_frames(10);
  TrafficSocket("left").send(sent);
  while (capture.frames().size() < sent.size()) {
    const std::size_t had = capture.frames().size();
    ASSERT_EQ(capture.pull(std::chrono::seconds(10), 3), Pull::Packets);
    EXPECT_LE(capture.frames().size() - had, 3u);
  }

  expect_same_frames(capture.bytes(), sent);
}

TEST_F(AfPacketFrames, ADeviceWithoutLinkLayerGivesRawIpPackets) {
  WEIR_SKIP_WITHOUT_TUN();
  const NetworkNamespace network;
  const InNamespace inside(network);
  TunDevice tun("tun", ARPHRD_NONE);
  LiveCapture capture({.interface = "tun"});

  const FrameBytes packet = test::ip_packet_of(udp_frame(1));
  tun.receive(packet);
  capture.take(1);

  EXPECT_EQ(capture.frames()[0].link_type, LinkType::Raw);
  EXPECT_EQ(capture.frames()[0].bytes, packet);
}

TEST_F(AfPacketFrames, HardwareThatWeirDoesNotKnowIsCaptureCooked) {
  WEIR_SKIP_WITHOUT_TUN();
  const NetworkNamespace network;
  const InNamespace inside(network);
  TunDevice tun("tun", ARPHRD_PPP);
  LiveCapture capture({.interface = "tun", .snaplen = 60});

  const FrameBytes packet = test::ip_packet_of(udp_frame(1, 1014));  // 1000 bytes of IP
  tun.receive(packet);
  capture.take(1);

  const CapturedFrame& frame = capture.frames()[0];
  EXPECT_EQ(frame.link_type, LinkType::LinuxSll);
  EXPECT_EQ(frame.wire_bytes, packet.size() + 16);
  ASSERT_EQ(frame.bytes.size(), 16u + kDeliveredBytesMin);
  EXPECT_EQ(load_be16(&frame.bytes[0]), 0) << "to us";
  EXPECT_EQ(load_be16(&frame.bytes[2]), ARPHRD_PPP);
  EXPECT_EQ(load_be16(&frame.bytes[14]), 0x0800);
  EXPECT_TRUE(std::equal(frame.bytes.begin() + 16, frame.bytes.end(), packet.begin()));
}

}  // namespace
}  // namespace weir::interface
