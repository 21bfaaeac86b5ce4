// What is told of the life of interfaces, and that captures go on through it.
#include "interface/link_monitor.h"

#include <net/if.h>
#include <poll.h>

#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "interface_live/shared_capture.h"
#include "support/frames.h"
#include "support/network_namespace.h"
#include "support/packet_builder.h"

namespace weir::interface {
namespace {

using test::FrameBytes;
using test::InNamespace;
using test::NetworkNamespace;
using test::TrafficSocket;
using testing::ElementsAre;
using Kind = LinkChange::Kind;

int index_of(const std::string& name) { return static_cast<int>(::if_nametoindex(name.c_str())); }

std::unique_ptr<LinkMonitor> watch(const std::vector<std::string>& names) {
  std::vector<int> indexes;
  for (const std::string& name : names) indexes.push_back(index_of(name));
  auto monitor = LinkMonitor::open(indexes);
  EXPECT_TRUE(monitor.ok()) << monitor.error().context;
  return std::move(monitor).value();
}

// Waits until something is told; what is told at once, as "KIND NAME".
std::vector<std::string> next_changes(LinkMonitor& monitor) {
  constexpr int kPatienceMs = 10'000;
  pollfd waited{.fd = monitor.fd(), .events = POLLIN, .revents = 0};
  std::vector<std::string> texts;
  while (texts.empty() && ::poll(&waited, 1, kPatienceMs) == 1) {
    for (const LinkChange& change : monitor.take()) {
      switch (change.kind) {
        case Kind::Up:
          texts.push_back("up " + change.name);
          break;
        case Kind::Down:
          texts.push_back("down " + change.name);
          break;
        case Kind::Renamed:
          texts.push_back("renamed " + change.name + " " + change.new_name);
          break;
        case Kind::MtuChanged:
          texts.push_back("mtu " + change.name + " " + std::to_string(change.mtu) + " " +
                          std::to_string(change.new_mtu));
          break;
        case Kind::Gone:
          texts.push_back("gone " + change.name);
          break;
      }
    }
  }
  return texts;
}

class LinkMonitorTest : public testing::Test {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

TEST_F(LinkMonitorTest, TellsWhatHappensToTheInterfacesThatItWatches) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  const auto monitor = watch({"left"});
  EXPECT_EQ(monitor->state(0), LinkState::Running);
  EXPECT_TRUE(monitor->take().empty());

  test::ip({"link", "set", "left", "down"});
  EXPECT_THAT(next_changes(*monitor), ElementsAre("down left"));
  EXPECT_EQ(monitor->state(0), LinkState::LinkDown);
  test::ip({"link", "set", "left", "name", "port"});
  EXPECT_THAT(next_changes(*monitor), ElementsAre("renamed left port"));
  test::ip({"link", "set", "port", "mtu", "9000"});
  EXPECT_THAT(next_changes(*monitor), ElementsAre("mtu port 1500 9000"));
  test::ip({"link", "set", "port", "up"});
  EXPECT_THAT(next_changes(*monitor), ElementsAre("up port"));
  EXPECT_EQ(monitor->state(0), LinkState::Running);
  test::ip({"link", "delete", "port"});
  // The kernel sets an interface down before it removes it.
  std::vector<std::string> told;
  while (monitor->state(0) != LinkState::Gone && !testing::Test::HasFailure()) {
    const std::vector<std::string> more = next_changes(*monitor);
    ASSERT_FALSE(more.empty());
    told.insert(told.end(), more.begin(), more.end());
  }
  EXPECT_EQ(told.back(), "gone port");
}

TEST_F(LinkMonitorTest, ACarrierThatIsLostIsALinkThatIsDown) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  const auto monitor = watch({"left"});

  test::ip({"link", "set", "right", "down"});
  EXPECT_THAT(next_changes(*monitor), ElementsAre("down left"));
}

TEST_F(LinkMonitorTest, OtherInterfacesAreNoneOfItsBusiness) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  test::add_veth_pair("one", "other");
  const auto monitor = watch({"left", "lo"});

  test::ip({"link", "delete", "one"});
  test::ip({"link", "set", "lo", "down"});
  EXPECT_THAT(next_changes(*monitor), ElementsAre("down lo"));
  EXPECT_EQ(monitor->state(0), LinkState::Running);
  EXPECT_EQ(monitor->state(1), LinkState::LinkDown);
}

TEST_F(LinkMonitorTest, AnInterfaceThatLeavesTheNamespaceIsGone) {
  const NetworkNamespace network;
  const NetworkNamespace elsewhere;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  const auto monitor = watch({"left"});

  test::ip({"link", "set", "left", "netns",
            "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(elsewhere.fd())});
  std::vector<std::string> told;
  while (monitor->state(0) != LinkState::Gone && !testing::Test::HasFailure()) {
    told = next_changes(*monitor);
    ASSERT_FALSE(told.empty());
  }
  EXPECT_EQ(told.back(), "gone left");
}

TEST_F(LinkMonitorTest, ManyMoreChangesThanTheKernelKeepsEndWithWhatIsTrue) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  const auto monitor = watch({"left", "right"});
  constexpr int kSmall = 1;  // the kernel makes it its minimum
  ASSERT_EQ(::setsockopt(monitor->fd(), SOL_SOCKET, SO_RCVBUF, &kSmall, sizeof kSmall), 0);

  for (int i = 0; i < 20; ++i) {
    test::ip({"link", "set", "left", "mtu", std::to_string(1400 + i)});
    test::ip({"link", "set", "left", "name", "left" + std::to_string(i)});
    test::ip({"link", "set", "left" + std::to_string(i), "name", "left"});
  }
  test::ip({"link", "set", "left", "name", "port"});
  test::ip({"link", "set", "port", "mtu", "2000"});
  test::ip({"link", "set", "right", "down"});
  std::string name = "left";
  std::uint32_t mtu = 0;
  for (const LinkChange& change : monitor->take()) {
    if (change.kind == Kind::Renamed) name = change.new_name;
    if (change.kind == Kind::MtuChanged) mtu = change.new_mtu;
  }

  EXPECT_EQ(name, "port");
  EXPECT_EQ(mtu, 2000u);
  EXPECT_EQ(monitor->state(0), LinkState::LinkDown);
  EXPECT_EQ(monitor->state(1), LinkState::LinkDown);
}

TEST_F(LinkMonitorTest, AnInterfaceThatIsGoneAlreadyIsGone) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  constexpr int kNoSuchIndex = 12'345;
  auto monitor = LinkMonitor::open(std::array{kNoSuchIndex});
  ASSERT_TRUE(monitor.ok());
  EXPECT_EQ((*monitor)->state(0), LinkState::Gone);
}

// ---- Captures through all that ----

class AfPacketLinkChanges : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

// Flows of their own, so that all workers have work.
std::vector<FrameBytes> flows(std::uint16_t first, std::uint16_t count, std::size_t payload = 18) {
  std::vector<FrameBytes> frames;
  for (std::uint16_t i = 0; i < count; ++i) {
    test::PacketBuilder packet;
    packet.ethernet().ipv4("192.0.2.1", "192.0.2.2");
    packet.udp(static_cast<std::uint16_t>(first + i), 9).payload(payload);
    frames.push_back(packet.build());
  }
  return frames;
}

TEST_P(AfPacketLinkChanges, ACaptureGoesOnThroughDownAndUpAnotherNameAndAnotherMtu) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right", 9000);
  SharedCapture capture({.interfaces = {"left"}, .workers_per_interface = GetParam()});

  TrafficSocket("left").send(flows(0, 300));
  test::ip({"link", "set", "left", "down"});
  capture.take(300);
  test::ip({"link", "set", "left", "name", "port"});
  test::ip({"link", "set", "port", "up"});
  test::wait_until_running("port");
  TrafficSocket("port").send(flows(1000, 300));
  test::ip({"link", "set", "port", "mtu", "1500"});
  TrafficSocket("port").send(flows(2000, 300, 1400));
  test::ip({"link", "set", "port", "mtu", "9000"});
  TrafficSocket("port").send(flows(3000, 300, 8000));
  capture.take(1200);
  // The same flows as at first, still to the same workers.
  TrafficSocket("port").send(flows(0, 300));
  EXPECT_THAT(capture.close_and_drain(), testing::Each(Pull::End));

  EXPECT_EQ(capture.ledger().received, 1500u);
  EXPECT_EQ(capture.ledger().delivered, 1500u);
  for (std::uint32_t i = 0; i < GetParam(); ++i) {
    const std::vector<FrameBytes> frames = capture.worker(i).bytes();
    const std::vector<FrameBytes> again = flows(0, 300);
    for (const FrameBytes& frame : again) {
      const auto times = std::count(frames.begin(), frames.end(), frame);
      ASSERT_TRUE(times == 0 || times == 2);
    }
  }
}

TEST_P(AfPacketLinkChanges, TheWorkersOfARemovedInterfaceEndAndTheOthersGoOn) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  const std::uint32_t workers = GetParam();
  test::add_veth_pair("left", "right");
  test::add_veth_pair("one", "other");
  SharedCapture capture({.interfaces = {"left", "one"}, .workers_per_interface = workers});
  TrafficSocket("left").send(flows(0, 300));
  TrafficSocket("one").send(flows(0, 200));

  test::ip({"link", "delete", "left"});
  for (std::uint32_t i = 0; i < workers; ++i) {
    EXPECT_EQ(capture.worker(i).drain(), Pull::Failed);
    const auto& error = capture.worker(i).source().error();
    ASSERT_TRUE(error.has_value());
    EXPECT_EQ(error->code, ErrorCode::LinkGone);
  }
  TrafficSocket("one").send(flows(1000, 200));
  for (std::uint32_t i = workers; i < 2 * workers; ++i) capture.worker(i).source().close_intake();
  for (std::uint32_t i = workers; i < 2 * workers; ++i) {
    EXPECT_EQ(capture.worker(i).drain(), Pull::End);
  }

  EXPECT_EQ(capture.ledger().received, 700u);
  EXPECT_EQ(capture.ledger().delivered, 700u);
}

INSTANTIATE_TEST_SUITE_P(Workers, AfPacketLinkChanges, testing::Values(1u, 4u),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace weir::interface
