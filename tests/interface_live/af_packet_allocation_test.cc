// Once an AF_PACKET source is open it allocates nothing, whatever comes.
#include <vector>

#include <gtest/gtest.h>

#include "interface_live/live_capture.h"
#include "support/alloc_guard.h"
#include "support/frames.h"
#include "support/network_namespace.h"

namespace weir::interface {
namespace {

TEST(AfPacketAllocation, FromTheFirstPacketToTheEndThereIsNone) {
  WEIR_SKIP_WITHOUT_NAMESPACES();
  const test::NetworkNamespace network;
  const test::InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "right"});
  std::vector<test::FrameBytes> sent;
  for (std::uint32_t i = 0; i < 250; ++i) {
    sent.push_back(test::with_tag(test::udp_frame(i), 0x8100, 5));
  }
  test::TrafficSocket("left").send(sent);
  AfPacketSource& source = capture.source();
  PacketBatch batch;

  const std::uint64_t before = test::allocations();
  std::size_t delivered = 0;
  while (delivered < sent.size()) {
    const Pull outcome = source.next_batch(batch, kBatchPacketsMax, std::chrono::seconds(10));
    if (outcome != Pull::Packets) break;
    delivered += batch.count;
    source.refresh_statistics();
    source.release(batch);
  }
  source.close_intake();
  const Pull end = source.next_batch(batch, kBatchPacketsMax, std::chrono::seconds(10));
  const std::uint64_t after = test::allocations();

  EXPECT_EQ(delivered, sent.size());
  EXPECT_EQ(end, Pull::End);
  EXPECT_EQ(after, before);
}

}  // namespace
}  // namespace weir::interface
