// An AF_PACKET source and the life of its interface: opening, errors, link changes, waking,
// closing.
#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "interface_live/live_capture.h"
#include "support/command.h"
#include "support/frames.h"
#include "support/network_namespace.h"

namespace weir::interface {
namespace {

using test::FrameBytes;
using test::InNamespace;
using test::NetworkNamespace;
using test::TrafficSocket;
using test::udp_frame;

class AfPacketLink : public testing::Test {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

Error error_of(const AfPacketOptions& options) {
  const SystemClock clock;
  security::InProcessPrivileges privileges;
  auto opened = AfPacketSource::open(options, privileges, clock);
  EXPECT_FALSE(opened.ok());
  return opened.ok() ? Error{} : opened.error();
}

bool is_promiscuous(const std::string& interface) {
  const auto shown = test::run_command({"ip", "-d", "link", "show", interface});
  EXPECT_EQ(shown.status, 0);
  return shown.out.find("promiscuity 0") == std::string::npos;
}

TEST_F(AfPacketLink, AnUnknownInterfaceIsAnsweredWithTheListNearestFirst) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("uplink0", "tap0");

  const Error error = error_of({.interface = "uplink1"});

  EXPECT_EQ(error.code, ErrorCode::UnknownInterface);
  EXPECT_EQ(error.context,
            "capture on uplink1: no network interface is called 'uplink1' "
            "(there are: uplink0, lo, tap0)");
}

TEST_F(AfPacketLink, SizesThatCannotBeAreUsageErrors) {
  const NetworkNamespace network;
  const InNamespace inside(network);

  EXPECT_EQ(error_of({.interface = "lo", .snaplen = 0}).code, ErrorCode::Usage);
  EXPECT_EQ(error_of({.interface = "lo", .snaplen = kPacketBytesMax + 1}).code, ErrorCode::Usage);
  EXPECT_EQ(error_of({.interface = "lo", .block_bytes = 64 * 1024}).code, ErrorCode::Usage)
      << "a block must hold the largest packet";
  EXPECT_EQ(error_of({.interface = "lo", .ring_bytes = 1024 * 1024}).code, ErrorCode::Usage)
      << "one block is not enough";
  EXPECT_EQ(error_of({.interface = "lo", .block_timeout = Duration(0)}).code, ErrorCode::Usage);
}

TEST_F(AfPacketLink, TheInterfaceIsDescribedForTheFile) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "left", .snaplen = 96});

  const InterfaceTable& table = capture.source().interfaces();
  ASSERT_EQ(table.count(), 1u);
  const CaptureInterface& described = table.at({0});
  EXPECT_EQ(described.name, "left");
  EXPECT_EQ(described.link_type, LinkType::Ethernet);
  EXPECT_EQ(described.snaplen, 96u);
  // if_speed (8), 8 bytes: a veth says 10 Gbit/s. Then if_os (12).
  ASSERT_GT(described.options.size(), 16u);
  EXPECT_EQ(load_le16(&described.options[0]), 8);
  EXPECT_EQ(load_le64(&described.options[4]), 10'000'000'000u);
  EXPECT_EQ(load_le16(&described.options[12]), 12);
  EXPECT_EQ(std::string(described.options.begin() + 16, described.options.begin() + 22), "Linux ");
  EXPECT_EQ(described.options.size() % 4, 0u);
}

TEST_F(AfPacketLink, PromiscuousModeLastsAsLongAsTheCapture) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  ASSERT_FALSE(is_promiscuous("right"));
  {
    const LiveCapture modest({.interface = "right", .promiscuous = Promiscuous::No});
    EXPECT_FALSE(is_promiscuous("right"));
  }
  {
    const LiveCapture capture({.interface = "right"});
    EXPECT_TRUE(is_promiscuous("right"));
  }
  EXPECT_FALSE(is_promiscuous("right"));
}

TEST_F(AfPacketLink, WakeEndsAWait) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  LiveCapture capture({.interface = "lo"});

  std::thread waker([&] { capture.source().wake(); });
  EXPECT_EQ(capture.pull(Duration::max()), Pull::Idle);
  waker.join();

  EXPECT_EQ(capture.pull(Duration(0)), Pull::Idle);
  TrafficSocket("lo").send_one(udp_frame(1));
  capture.take(1);
}

TEST_F(AfPacketLink, AQuietLinkIsIdleNotTheEnd) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  LiveCapture capture({.interface = "lo"});

  EXPECT_EQ(capture.pull(std::chrono::milliseconds(5)), Pull::Idle);
  capture.source().close_intake();
  EXPECT_EQ(capture.drain(), Pull::End);
}

TEST_F(AfPacketLink, ALinkThatGoesDownAndUpAgainIsCapturedOn) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "left"});
  TrafficSocket("left").send_one(udp_frame(1));

  test::ip({"link", "set", "left", "down"});
  capture.take(1);
  EXPECT_EQ(capture.pull(std::chrono::milliseconds(5)), Pull::Idle);
  test::ip({"link", "set", "left", "up"});
  TrafficSocket("left").send_one(udp_frame(2));
  capture.take(2);

  EXPECT_THAT(capture.bytes(), testing::ElementsAre(udp_frame(1), udp_frame(2)));
  EXPECT_FALSE(capture.source().error().has_value());
}

TEST_F(AfPacketLink, ALinkThatIsDownAtTheStartIsCapturedWhenItComesUp) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  test::ip({"link", "set", "left", "down"});
  LiveCapture capture({.interface = "left"});
  EXPECT_EQ(capture.pull(std::chrono::milliseconds(5)), Pull::Idle);

  test::ip({"link", "set", "left", "up"});
  TrafficSocket("left").send_one(udp_frame(1));
  capture.take(1);
}

TEST_F(AfPacketLink, AnInterfaceThatIsRemovedEndsTheCaptureAfterItsLastPacket) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "left"});
  std::vector<FrameBytes> sent;
  for (std::uint32_t i = 0; i < 200; ++i) sent.push_back(udp_frame(i));
  TrafficSocket("left").send(sent);

  test::ip({"link", "delete", "left"});

  EXPECT_EQ(capture.drain(), Pull::Failed);
  expect_same_frames(capture.bytes(), sent);
  ASSERT_TRUE(capture.source().error().has_value());
  EXPECT_EQ(capture.source().error()->code, ErrorCode::LinkGone);
  EXPECT_EQ(capture.source().error()->context, "capture on left: the interface was removed");
  const Ledger ledger = ledger_of(capture.source());
  EXPECT_EQ(ledger.received, sent.size());
  EXPECT_EQ(ledger.delivered, sent.size());
}

TEST_F(AfPacketLink, RemovalIsNoticedDuringAnEndlessWait) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "left"});

  std::thread remover([&] {
    const InNamespace also_inside(network);
    test::ip({"link", "delete", "left"});
  });
  EXPECT_EQ(capture.pull(Duration::max()), Pull::Failed);
  remover.join();
}

}  // namespace
}  // namespace weir::interface
