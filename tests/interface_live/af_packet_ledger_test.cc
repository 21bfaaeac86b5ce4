// The source's row of the ledger against what was really sent. Frames are captured where they
// leave: there a sender has passed the tap when its system call returns, so that counts can be
// exact.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "interface_live/live_capture.h"
#include "support/frames.h"
#include "support/network_namespace.h"

namespace weir::interface {
namespace {

using test::FrameBytes;
using test::InNamespace;
using test::NetworkNamespace;
using test::TrafficSocket;
using test::udp_frame;

constexpr std::uint32_t kSmallBlock = 64 * 1024;

std::vector<FrameBytes> frames_from(std::uint32_t first, std::uint32_t count,
                                    std::size_t frame_bytes = 60) {
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < count; ++i) frames.push_back(udp_frame(first + i, frame_bytes));
  return frames;
}

class AfPacketLedger : public testing::Test {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

TEST_F(AfPacketLedger, WhatWasSentBeforeTheIntakeClosedIsDeliveredAndNothingAfter) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "left"});
  TrafficSocket sender("left");

  const std::vector<FrameBytes> before = frames_from(0, 500);
  sender.send(before);
  capture.source().close_intake();
  sender.send(frames_from(500, 500));
  EXPECT_EQ(capture.drain(), Pull::End);
  sender.send(frames_from(1000, 500));
  capture.source().refresh_statistics();

  expect_same_frames(capture.bytes(), before);
  const Ledger ledger = ledger_of(capture.source());
  EXPECT_EQ(ledger.received, before.size());
  EXPECT_EQ(ledger.delivered, before.size());
  EXPECT_EQ(ledger.in_ring, 0u);
  EXPECT_EQ(capture.source().statistics().received_bytes.value(), before.size() * 60);
  EXPECT_EQ(capture.pull(Duration(0)), Pull::End) << "the end stays the end";
}

TEST_F(AfPacketLedger, PacketsThatWaitAreInTheRing) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "left"});
  EXPECT_EQ(capture.source().ring_fill_now(), 0u);

  TrafficSocket("left").send(frames_from(0, 300));
  capture.source().refresh_statistics();

  const Ledger ledger = ledger_of(capture.source());
  EXPECT_EQ(ledger.received, 300u);
  EXPECT_EQ(ledger.in_ring, 300u);
  EXPECT_TRUE(ledger.law_holds());
  // One of 64 blocks, when the kernel hands it over.
  while (capture.source().ring_fill_now() == 0) {
  }
  EXPECT_EQ(capture.source().ring_fill_now(), 15u);
}

TEST_F(AfPacketLedger, UnderOverloadEveryFrameIsEitherDeliveredOrCountedAsDropped) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "left",
                       .snaplen = 2048,
                       .ring_bytes = 2 * kSmallBlock,
                       .block_bytes = kSmallBlock});
  TrafficSocket sender("left");

  // Five times as much as the ring holds, in turns with a reader that is slow to come.
  std::uint64_t sent = 0;
  for (std::uint32_t turn = 0; turn < 5; ++turn) {
    const std::vector<FrameBytes> burst = frames_from(turn * 1000, 1000, 600);
    sender.send(burst);
    sent += burst.size();
    capture.source().refresh_statistics();
    EXPECT_EQ(ledger_of(capture.source()).received, sent);
    EXPECT_EQ(capture.source().ring_fill_now(), 1000u);
    EXPECT_EQ(capture.pull(std::chrono::seconds(5)), Pull::Packets);
  }
  capture.source().close_intake();
  EXPECT_EQ(capture.drain(), Pull::End);

  const Ledger ledger = ledger_of(capture.source());
  EXPECT_EQ(ledger.received, sent);
  EXPECT_EQ(ledger.delivered, capture.frames().size());
  EXPECT_EQ(ledger.dropped_kernel, sent - ledger.delivered);
  EXPECT_GT(ledger.dropped_kernel, 0u) << "the ring cannot have held them all";
  EXPECT_EQ(ledger.in_ring, 0u);
  EXPECT_EQ(ledger.dropped_stop, 0u);
}

TEST_F(AfPacketLedger, ClosingTheIntakeUnderLoadEndsWithAnExactLedger) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  const std::vector<FrameBytes> burst = frames_from(0, 64, 300);

  for (int round = 0; round < 10; ++round) {
    LiveCapture capture({.interface = "left"});
    std::atomic<bool> enough{false};
    std::uint64_t sent = 0;
    TrafficSocket socket("left");
    std::thread sender([&] {
      while (!enough.load(std::memory_order_relaxed)) {
        socket.send(burst);
        sent += burst.size();
      }
    });
    capture.take(2000);
    capture.source().close_intake();
    EXPECT_EQ(capture.drain(), Pull::End);
    const Ledger at_end = ledger_of(capture.source());
    enough.store(true, std::memory_order_relaxed);
    sender.join();
    capture.source().refresh_statistics();

    EXPECT_EQ(at_end.received, at_end.delivered + at_end.dropped_kernel)
        << testing::PrintToString(at_end);
    EXPECT_EQ(at_end.delivered, capture.frames().size());
    EXPECT_LE(at_end.received, sent);
    EXPECT_EQ(ledger_of(capture.source()).received, at_end.received) << "final is final";
  }
}

TEST_F(AfPacketLedger, ClosingAtOnceCountsWhatWaitedAsDroppedAtStop) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "left"});

  TrafficSocket("left").send(frames_from(0, 100));
  EXPECT_EQ(capture.pull(std::chrono::seconds(10), 30), Pull::Packets);
  capture.source().close();

  const Ledger ledger = ledger_of(capture.source());
  EXPECT_EQ(ledger.received, 100u);
  EXPECT_EQ(ledger.delivered, 30u);
  EXPECT_EQ(ledger.dropped_stop, 70u);
  EXPECT_EQ(ledger.in_ring, 0u);
}

}  // namespace
}  // namespace weir::interface
