// Who stamps packets, and that one without a stamp of the card gets the kernel's.
#include "interface/timestamping.h"

#include <linux/if_packet.h>
#include <poll.h>

#include <cstring>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "interface/af_packet_ring.h"
#include "interface/af_packet_socket.h"
#include "interface/network_interfaces.h"
#include "security/privileged_operations.h"
#include "support/frames.h"
#include "support/network_namespace.h"

namespace weir::interface {
namespace {

TEST(Timestamping, WithoutACardThatStampsTheKernelDoes) {
  WEIR_SKIP_WITHOUT_NAMESPACES();
  const test::NetworkNamespace network;
  const test::InNamespace inside(network);
  test::add_veth_pair("left", "right");

  EXPECT_EQ(timestamp_source_of("left"), TimestampSource::Kernel);
  EXPECT_EQ(timestamp_source_of("lo"), TimestampSource::Kernel);
  EXPECT_EQ(timestamp_source_of("nowhere"), TimestampSource::Kernel);
  EXPECT_EQ(name_of(TimestampSource::Kernel), "kernel");
  EXPECT_EQ(name_of(TimestampSource::Hardware), "hardware");
}

TEST(Timestamping, APacketWithoutTheCardsStampHasTheKernels) {
  WEIR_SKIP_WITHOUT_NAMESPACES();
  const test::NetworkNamespace network;
  const test::InNamespace inside(network);
  test::add_veth_pair("left", "right");
  security::InProcessPrivileges privileges;
  auto opened = privileges.open_packet_socket(security::PacketSocketKind::Frames);
  ASSERT_TRUE(opened.ok());
  AfPacketSocket socket(std::move(opened).value());
  constexpr RingGeometry kGeometry{.block_bytes = 64 * 1024, .block_count = 2};
  ASSERT_TRUE(socket.stamp_on_arrival(TimestampSource::Hardware).ok());
  ASSERT_TRUE(socket.make_ring(kGeometry, std::chrono::milliseconds(5)).ok());
  auto ring = AfPacketRing::map(socket.fd(), kGeometry);
  ASSERT_TRUE(ring.ok());
  ASSERT_TRUE(socket.bind(find_network_interface("right")->index).ok());

  const SystemClock clock;
  const Timestamp before = clock.wall();
  test::TrafficSocket("left").send_one(test::udp_frame(1));
  pollfd waited{.fd = socket.fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&waited, 1, 10'000), 1);
  const Timestamp after = clock.wall();
  BlockCursor cursor;
  ASSERT_TRUE(ring->take(cursor));
  ASSERT_EQ(cursor.packets_left, 1u);

  tpacket3_hdr header{};
  std::memcpy(&header, cursor.next, sizeof header);
  constexpr std::uint32_t kAnyStamp = TP_STATUS_TS_SOFTWARE | TP_STATUS_TS_RAW_HARDWARE;
  EXPECT_EQ(header.tp_status & kAnyStamp, std::uint32_t{TP_STATUS_TS_SOFTWARE});
  const Timestamp time{std::int64_t{header.tp_sec} * 1'000'000'000 + header.tp_nsec};
  EXPECT_GE(time, before);
  EXPECT_LE(time, after);
}

}  // namespace
}  // namespace weir::interface
