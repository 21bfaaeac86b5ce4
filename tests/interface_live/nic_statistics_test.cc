// What the interface lost before any capture could see it.
#include "interface/nic_statistics.h"

#include <net/if.h>

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "interface_live/offload_socket.h"
#include "interface_live/shared_capture.h"
#include "support/network_namespace.h"
#include "support/packet_builder.h"

namespace weir::interface {
namespace {

using test::FrameBytes;
using test::InNamespace;
using test::NetworkNamespace;
using test::TrafficSocket;

NicStatistics statistics_of(const std::string& name) {
  auto opened = NicStatistics::open(static_cast<int>(::if_nametoindex(name.c_str())));
  EXPECT_TRUE(opened.ok()) << opened.error().context;
  return std::move(opened).value();
}

class NicStatisticsTest : public testing::Test {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

TEST_F(NicStatisticsTest, TheDriversOwnCountersHaveItsNames) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");

  const std::vector<DriverCounter> counters = read_driver_counters("left");

  const auto found = std::find_if(counters.begin(), counters.end(),
                                  [](const auto& one) { return one.name == "peer_ifindex"; });
  ASSERT_NE(found, counters.end());
  EXPECT_EQ(found->value, ::if_nametoindex("right"));
  EXPECT_TRUE(read_driver_counters("lo").empty());
  EXPECT_TRUE(read_driver_counters("nowhere").empty());
}

TEST_F(NicStatisticsTest, AVirtualCableIsExactAndOthersAreNot) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");

  NicStatistics cable = statistics_of("left");
  ASSERT_EQ(cable.read().size(), 1u);
  EXPECT_EQ(cable.read()[0].name, "nic");
  EXPECT_EQ(cable.read()[0].count, 0u);
  EXPECT_TRUE(cable.read()[0].exact);
  EXPECT_FALSE(statistics_of("lo").read()[0].exact);
}

// Without a capture or anybody else who wants them, packets of an unknown type count as dropped.
void lose_packets(const std::string& interface, std::uint32_t count) {
  const FrameBytes unwanted = test::PacketBuilder().ethernet().payload(46).build();
  TrafficSocket(interface).send(std::vector<FrameBytes>(count, unwanted));
}

// Arrival is a soft interrupt that may come later than the sender's return.
std::uint64_t count_once_it_is(NicStatistics& statistics, std::uint64_t expected) {
  const SystemClock clock;
  const MonotonicTime deadline = clock.monotonic() + std::chrono::seconds(10);
  while (statistics.read()[0].count < expected && clock.monotonic() < deadline) {
  }
  return statistics.read()[0].count;
}

TEST_F(NicStatisticsTest, OnlyWhatIsLostSinceOpeningCountsAlsoOnceTheInterfaceIsGone) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  NicStatistics before = statistics_of("right");
  lose_packets("left", 5);
  ASSERT_EQ(count_once_it_is(before, 5), 5u);

  NicStatistics statistics = statistics_of("right");
  EXPECT_EQ(statistics.read()[0].count, 0u);
  lose_packets("left", 7);
  EXPECT_EQ(count_once_it_is(statistics, 7), 7u);
  test::ip({"link", "set", "right", "name", "port"});
  lose_packets("left", 3);
  EXPECT_EQ(count_once_it_is(statistics, 10), 10u);
  test::ip({"link", "delete", "port"});
  EXPECT_EQ(statistics.read()[0].count, 10u);
}

class UpstreamOfACapture : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

// The kernel cuts each frame into more packets than its queue in front of the receiver takes at
// once, so that some never reach a tap.
TEST_P(UpstreamOfACapture, AtFullRateWhatWasSentWasReceivedOrLostUpstream) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  switch_segmentation_off("left");
  SharedCapture capture({.interfaces = {"right"},
                         .workers_per_interface = GetParam(),
                         .snaplen = 2048,
                         .ring_bytes = std::uint64_t{256} * 1024,
                         .block_bytes = 64 * 1024});
  NicStatistics statistics = statistics_of("right");
  constexpr std::uint16_t kSegmentBytes = 40;
  constexpr std::size_t kSegments = 1600;
  constexpr std::uint16_t kFrames = 100;
  OffloadSocket sender("left");
  for (std::uint16_t port = 1; port <= kFrames; ++port) {
    test::PacketBuilder packet;
    packet.ethernet().ipv4("192.0.2.1", "192.0.2.2").tcp(port, 443);
    sender.send_unsegmented(packet.payload(kSegments * kSegmentBytes).build(), kSegmentBytes);
    for (std::uint32_t i = 0; i < GetParam(); ++i) (void)capture.worker(i).pull(Duration(0));
  }
  // What is still in the kernel's queues arrives by and by.
  constexpr std::uint64_t kSent = kFrames * kSegments;
  const SystemClock clock;
  const MonotonicTime deadline = clock.monotonic() + std::chrono::seconds(10);
  const auto accounted = [&] {
    for (std::uint32_t i = 0; i < GetParam(); ++i) capture.worker(i).source().refresh_statistics();
    return capture.ledger().received + statistics.read()[0].count;
  };
  while (accounted() < kSent && clock.monotonic() < deadline) {
  }
  EXPECT_THAT(capture.close_and_drain(), testing::Each(Pull::End));

  const Ledger ledger = capture.ledger();
  const UpstreamLoss upstream = statistics.read()[0];
  EXPECT_TRUE(upstream.exact);
  EXPECT_GT(upstream.count, 0u);
  EXPECT_EQ(ledger.received + upstream.count, kSent);
  EXPECT_EQ(ledger.received, ledger.delivered + ledger.dropped_kernel);
}

INSTANTIATE_TEST_SUITE_P(Workers, UpstreamOfACapture, testing::Values(1u, 4u),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace weir::interface
