// Several workers share the packets of an interface: each packet goes to one of them, both
// directions of a flow to the same, and the ledger stays exact.
#include <linux/if_arp.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/bytes.h"
#include "base/prng.h"
#include "interface/steering.h"
#include "interface_live/shared_capture.h"
#include "support/frames.h"
#include "support/headers_of.h"
#include "support/network_namespace.h"
#include "support/packet_builder.h"
#include "support/random_flows.h"

namespace weir::interface {
namespace {

using test::BothWays;
using test::FrameBytes;
using test::InNamespace;
using test::NetworkNamespace;
using test::PacketBuilder;
using test::TrafficSocket;

constexpr std::uint32_t kWorkers = 4;
constexpr std::uint32_t kSmallBlock = 64 * 1024;

// Every number a flow of its own, so that all workers have work; the number stands in the payload.
FrameBytes numbered_frame(std::uint32_t number) {
  PacketBuilder packet;
  packet.ethernet().ipv4("192.0.2.1", "192.0.2.2");
  packet.udp(static_cast<std::uint16_t>(number), static_cast<std::uint16_t>(7 + (number >> 16)));
  packet.payload(18);
  FrameBytes frame = packet.build();
  store_be(&frame[42], number);
  return frame;
}
std::uint32_t number_of(const CapturedFrame& frame) { return load_be32(&frame.bytes[42]); }

std::vector<FrameBytes> numbered_frames(std::uint32_t first, std::uint32_t count) {
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < count; ++i) frames.push_back(numbered_frame(first + i));
  return frames;
}

std::vector<std::uint32_t> numbers_of(const SharedCapture& capture) {
  std::vector<std::uint32_t> numbers;
  for (const CapturedFrame& frame : capture.frames()) numbers.push_back(number_of(frame));
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::uint32_t worker_by_the_parser(const FrameBytes& frame, std::uint32_t workers,
                                   LinkType link_type = LinkType::Ethernet) {
  const auto bytes = static_cast<std::uint32_t>(frame.size());
  const test::Parsed parsed = test::parse(
      {.data = frame.data(), .captured_bytes = bytes, .wire_bytes = bytes, .link_type = link_type});
  return shard_of(parsed.headers.flow_hash) % workers;
}

class AfPacketWorkers : public testing::Test {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

TEST_F(AfPacketWorkers, BothDirectionsOfEachInnerFlowComeToOneWorker) {
  WEIR_SKIP_WITHOUT_PROGRAMS();
  constexpr std::uint64_t kSeed = 20261122;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  SharedCapture capture({.interfaces = {"right"}, .workers_per_interface = kWorkers});
  ASSERT_EQ(capture.opened().interfaces[0].steering, Steering::InnerFlow)
      << capture.opened().interfaces[0].why_kernel_hash;

  Prng random(kSeed);
  std::map<FrameBytes, std::uint32_t> expected;
  std::vector<FrameBytes> arriving;
  std::vector<FrameBytes> leaving;
  for (int i = 0; i < 2000; ++i) {
    const BothWays flow = test::random_flow(random);
    const std::uint32_t worker = worker_by_the_parser(flow.there, kWorkers);
    ASSERT_EQ(worker, worker_by_the_parser(flow.back, kWorkers));
    expected[flow.there] = worker;
    expected[flow.back] = worker;
    arriving.push_back(flow.there);
    leaving.push_back(flow.back);
  }
  TrafficSocket left("left");
  TrafficSocket right("right");
  capture.exchange(left, arriving);
  capture.exchange(right, leaving);

  for (std::uint32_t worker = 0; worker < kWorkers; ++worker) {
    EXPECT_GT(capture.worker(worker).frames().size(), 700u) << "worker " << worker;
    for (const CapturedFrame& frame : capture.worker(worker).frames()) {
      ASSERT_EQ(expected.at(frame.bytes), worker);
    }
  }
}

TEST_F(AfPacketWorkers, OnADeviceWithoutLinkLayerTooBothDirectionsComeToOneWorker) {
  WEIR_SKIP_WITHOUT_TUN();
  WEIR_SKIP_WITHOUT_PROGRAMS();
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::TunDevice tun("tun", ARPHRD_NONE);
  SharedCapture capture({.interfaces = {"tun"}, .workers_per_interface = kWorkers});
  ASSERT_EQ(capture.opened().interfaces[0].steering, Steering::InnerFlow);

  TrafficSocket sender("tun");
  std::map<FrameBytes, std::uint32_t> expected;
  for (std::uint16_t port = 1; port <= 200; ++port) {
    PacketBuilder there;
    there.ipv4("192.0.2.1", "192.0.2.2").udp(port, 4789).vxlan(port).ethernet();
    there.ipv6("2001:db8::1", "2001:db8::2").tcp(port, 443).payload(20);
    PacketBuilder back;
    back.ipv4("192.0.2.2", "192.0.2.1").udp(777, 4789).vxlan(port).ethernet();
    back.ipv6("2001:db8::2", "2001:db8::1").tcp(443, port).payload(20);
    const FrameBytes arriving = there.build();
    const FrameBytes leaving = back.build();
    expected[arriving] = worker_by_the_parser(arriving, kWorkers, LinkType::Raw);
    expected[leaving] = expected[arriving];
    tun.receive(arriving);
    sender.send_one(leaving);
  }
  capture.take(400);

  for (std::uint32_t worker = 0; worker < kWorkers; ++worker) {
    EXPECT_GT(capture.worker(worker).frames().size(), 40u) << "worker " << worker;
    for (const CapturedFrame& frame : capture.worker(worker).frames()) {
      ASSERT_EQ(expected.at(frame.bytes), worker);
    }
  }
}

TEST_F(AfPacketWorkers, WhatWasSentBeforeTheIntakeClosedIsDeliveredAndNothingAfter) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  for (const std::uint32_t workers : {1u, kWorkers}) {
    SharedCapture capture({.interfaces = {"left"}, .workers_per_interface = workers});
    TrafficSocket sender("left");

    sender.send(numbered_frames(0, 500));
    for (std::uint32_t i = 0; i < workers; ++i) capture.worker(i).source().close_intake();
    sender.send(numbered_frames(500, 500));
    EXPECT_THAT(capture.close_and_drain(), testing::Each(Pull::End));
    sender.send(numbered_frames(1000, 500));
    for (std::uint32_t i = 0; i < workers; ++i) capture.worker(i).source().refresh_statistics();

    const std::vector<std::uint32_t> numbers = numbers_of(capture);
    ASSERT_EQ(numbers.size(), 500u);
    EXPECT_EQ(numbers.back(), 499u);
    EXPECT_EQ(capture.ledger().received, 500u);
    EXPECT_EQ(capture.ledger().delivered, 500u);
    EXPECT_EQ(capture.ledger().in_ring, 0u);
  }
}

TEST_F(AfPacketWorkers, UnderOverloadWhatWasSentIsWhatAllWorkersTogetherReceived) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  for (const std::uint32_t workers : {1u, kWorkers}) {
    SharedCapture capture({.interfaces = {"left"},
                           .workers_per_interface = workers,
                           .snaplen = 2048,
                           .ring_bytes = 2 * kSmallBlock,
                           .block_bytes = kSmallBlock});
    TrafficSocket sender("left");
    std::uint64_t sent = 0;
    for (std::uint32_t turn = 0; turn < 5; ++turn) {
      const std::vector<FrameBytes> burst = numbered_frames(turn * 6000, 6000);
      sender.send(burst);
      sent += burst.size();
    }
    EXPECT_THAT(capture.close_and_drain(), testing::Each(Pull::End));

    const Ledger ledger = capture.ledger();
    EXPECT_EQ(ledger.received, sent);
    EXPECT_EQ(ledger.delivered, capture.frame_count());
    EXPECT_EQ(ledger.received, ledger.delivered + ledger.dropped_kernel);
    EXPECT_GT(ledger.dropped_kernel, 0u) << "the rings cannot have held them all";
  }
}

// Frames with numbers from 0 on, by a thread, until told to stop.
class Stream {
 public:
  explicit Stream(const std::string& interface) : socket_(interface), thread_([this] { run(); }) {}
  ~Stream() { stop(); }
  // Frames below this number have been sent.
  [[nodiscard]] std::uint32_t sent() const noexcept { return sent_.load(); }
  void wait_until_sent(std::uint32_t count) const {
    while (sent() < count) std::this_thread::yield();
  }
  void stop() {
    enough_.store(true);
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run() {
    constexpr std::uint32_t kBurst = 32;
    while (!enough_.load()) {
      socket_.send(numbered_frames(sent_.load(), kBurst));
      sent_.fetch_add(kBurst);
    }
  }

  TrafficSocket socket_;
  std::atomic<std::uint32_t> sent_{0};
  std::atomic<bool> enough_{false};
  std::thread thread_;
};

TEST_F(AfPacketWorkers, OpenedAndClosedUnderLoadEveryFrameInBetweenComesExactlyOnce) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  for (const std::uint32_t workers : {1u, kWorkers, 1u, kWorkers}) {
    Stream stream("left");
    stream.wait_until_sent(100);
    SharedCapture capture({.interfaces = {"left"},
                           .workers_per_interface = workers,
                           .ring_bytes = std::uint64_t{16} << 20});
    // A frame that is on its way may be the last that came too early, or the first that came.
    const std::uint32_t open_at = stream.sent() + 32;
    stream.wait_until_sent(open_at + 3000);
    const std::uint32_t close_at = stream.sent();
    EXPECT_THAT(capture.close_and_drain(), testing::Each(Pull::End));
    const Ledger at_end = capture.ledger();
    stream.stop();
    for (std::uint32_t i = 0; i < workers; ++i) capture.worker(i).source().refresh_statistics();

    const std::vector<std::uint32_t> numbers = numbers_of(capture);
    EXPECT_EQ(std::adjacent_find(numbers.begin(), numbers.end()), numbers.end())
        << "no frame comes twice";
    EXPECT_EQ(at_end.dropped_kernel, 0u);
    EXPECT_EQ(at_end.received, numbers.size());
    EXPECT_EQ(at_end.delivered, numbers.size());
    EXPECT_EQ(capture.ledger().received, at_end.received) << "final is final";
    const auto first = std::lower_bound(numbers.begin(), numbers.end(), open_at);
    const auto last = std::lower_bound(numbers.begin(), numbers.end(), close_at);
    EXPECT_EQ(last - first, close_at - open_at) << "none is missing";
  }
}

TEST_F(AfPacketWorkers, TwoCapturesOnOneInterfaceHaveGroupsOfTheirOwn) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  const AfPacketCapture wanted{.interfaces = {"left"}, .workers_per_interface = kWorkers};
  SharedCapture one(wanted);
  SharedCapture other(wanted);

  TrafficSocket("left").send(numbered_frames(0, 1000));
  one.take(1000);
  other.take(1000);

  EXPECT_EQ(numbers_of(one), numbers_of(other));
}

TEST_F(AfPacketWorkers, EachSourceSaysWhereItStands) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  SharedCapture capture({.interfaces = {"right", "lo"}, .workers_per_interface = 2});

  const AfPacketSources& opened = capture.opened();
  ASSERT_EQ(opened.queues.size(), 4u);
  for (std::uint32_t i = 0; i < 4; ++i) {
    EXPECT_EQ(opened.queues[i].interface, InterfaceId{i / 2});
    EXPECT_EQ(opened.queues[i].queue, i % 2);
    EXPECT_EQ(opened.queues[i].ring_bytes, 64u << 20);
  }
  ASSERT_EQ(opened.interfaces.size(), 2u);
  EXPECT_EQ(opened.interfaces[0].name, "right");
  EXPECT_EQ(opened.interfaces[1].name, "lo");
  EXPECT_EQ(opened.interfaces[1].index, 1);
  EXPECT_EQ(opened.interfaces[0].timestamps, TimestampSource::Kernel);
  for (std::uint32_t i = 0; i < 4; ++i) {
    const InterfaceTable& table = capture.worker(i).source().interfaces();
    ASSERT_EQ(table.count(), 2u);
    EXPECT_EQ(table.at({0}).name, "right");
    EXPECT_EQ(table.at({1}).name, "lo");
  }
}

TEST_F(AfPacketWorkers, PacketsSayOnWhichInterfaceTheyWere) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  SharedCapture capture({.interfaces = {"left", "right"}, .workers_per_interface = 2});

  TrafficSocket("left").send(numbered_frames(0, 100));
  capture.take(200);

  for (std::uint32_t worker = 0; worker < 4; ++worker) {
    for (const CapturedFrame& frame : capture.worker(worker).frames()) {
      ASSERT_EQ(frame.interface, InterfaceId{worker / 2});
    }
  }
  EXPECT_EQ(capture.worker(0).frames().size() + capture.worker(1).frames().size(), 100u);
}

Error error_of(const AfPacketCapture& wanted) {
  const SystemClock clock;
  security::InProcessPrivileges privileges;
  auto opened = open_af_packet_sources(wanted, privileges, clock);
  EXPECT_FALSE(opened.ok());
  return opened.ok() ? Error{} : opened.error();
}

TEST_F(AfPacketWorkers, WhatCannotBeAskedForIsAUsageError) {
  const NetworkNamespace network;
  const InNamespace inside(network);

  const Error twice = error_of({.interfaces = {"lo", "lo"}});
  EXPECT_EQ(twice.code, ErrorCode::Usage);
  EXPECT_EQ(twice.context, "capture on lo: the interface is named twice");
  EXPECT_EQ(error_of({}).code, ErrorCode::Usage);
  EXPECT_EQ(error_of({.interfaces = {"lo"}, .workers_per_interface = 0}).code, ErrorCode::Usage);
  EXPECT_EQ(error_of({.interfaces = {"lo"}, .workers_per_interface = 65}).code, ErrorCode::Usage);
  EXPECT_EQ(error_of({.interfaces = {"lo", "lo1"}}).code, ErrorCode::UnknownInterface);
}

// Rights as they are where the administrator allows packet sockets and no programs.
class NoPrograms final : public security::PrivilegedOperations {
 public:
  Result<UniqueFd> open_packet_socket(security::PacketSocketKind kind) override {
    return real_.open_packet_socket(kind);
  }
  Result<UniqueFd> load_socket_filter(std::span<const std::uint64_t>) override { return refusal(); }
  Result<UniqueFd> load_socket_program(std::span<const std::byte>) override { return refusal(); }
  Result<UniqueFd> create_counters(std::uint32_t) override { return refusal(); }

 private:
  static Error refusal() { return system_error(EPERM, "load a socket program"); }
  security::InProcessPrivileges real_;
};

TEST_F(AfPacketWorkers, WithoutTheRightToLoadProgramsTheKernelsHashSteersAndTheReasonIsSaid) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  NoPrograms privileges;
  SharedCapture capture({.interfaces = {"left"}, .workers_per_interface = kWorkers}, privileges);
  EXPECT_EQ(capture.opened().interfaces[0].steering, Steering::KernelHash);
  EXPECT_EQ(capture.opened().interfaces[0].why_kernel_hash,
            "load a socket program: Operation not permitted");

  TrafficSocket("left").send(numbered_frames(0, 1000));
  EXPECT_THAT(capture.close_and_drain(), testing::Each(Pull::End));

  EXPECT_EQ(numbers_of(capture).size(), 1000u);
  EXPECT_EQ(capture.ledger().received, 1000u);
  for (std::uint32_t worker = 0; worker < kWorkers; ++worker) {
    EXPECT_GT(capture.worker(worker).frames().size(), 100u);
  }
}

}  // namespace
}  // namespace weir::interface
