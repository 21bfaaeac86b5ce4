// A filter that is changed at full rate loses no packet that the old and the new one accept: the
// real sources, a kernel that filters too, and a sender that does not pause.
#include <poll.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "capture/orchestrator.h"
#include "interface/af_packet_sources.h"
#include "security/privileged_operations.h"
#include "support/frames.h"
#include "support/network_namespace.h"
#include "support/traffic_socket.h"

namespace weir::capture {
namespace {

using test::FrameBytes;

// Both expressions accept a frame of udp_frame(); each also something that the other refuses.
constexpr std::string_view kOne = "udp and less 400";
constexpr std::string_view kOther = "udp or greater 900";

class FilterChange : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

TEST_P(FilterChange, AHundredChangesAtFullRateLoseNoPacketThatBothAccept) {
  const test::NetworkNamespace network;
  const test::InNamespace inside(network);
  test::add_veth_pair("tap", "far");
  test::wait_until_running("tap");
  const SystemClock clock;
  security::InProcessPrivileges privileges;
  auto opened = interface::open_af_packet_sources(
      {.interfaces = {"tap"}, .workers_per_interface = GetParam(), .prefilter = std::string(kOne)},
      privileges, clock);
  ASSERT_TRUE(opened.ok()) << opened.error().context;
  std::vector<Lane> lanes;
  for (const auto& source : opened->sources) lanes.push_back({.source = source.get()});
  Session session("all", lanes.size());
  Orchestrator orchestrator(lanes, clock, {.prefilter = std::string(kOne)});
  const auto stage = [&](std::uint64_t generation, std::string_view filter) {
    return orchestrator.stage({.generation = generation,
                               .sessions = {{.session = &session, .filter = std::string(filter)}}});
  };
  auto first = stage(1, kOne);
  ASSERT_TRUE(first.ok()) << first.error().context;
  ASSERT_TRUE(orchestrator.start(std::move(*first)).ok());
  EXPECT_EQ(orchestrator.prefilter().place, interface::FilterPlace::Kernel);

  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < 256; ++i) frames.push_back(test::udp_frame(i, 100));
  std::atomic<bool> changed = false;
  std::atomic<std::uint64_t> sent = 0;
  std::thread sender([&] {
    const test::InNamespace same(network);
    test::TrafficSocket socket("tap");
    while (!changed) {
      socket.send(frames);
      sent += frames.size();
    }
  });
  for (std::uint64_t change = 0; change < 100; ++change) {
    auto next = stage(change + 2, change % 2 == 0 ? kOther : kOne);
    ASSERT_TRUE(next.ok()) << next.error().context;
    EXPECT_TRUE(orchestrator.change(std::move(*next), std::chrono::minutes(1)));
    // Some packets of every filter's reign.
    for (const std::uint64_t before = sent; sent < before + frames.size();)
      std::this_thread::yield();
  }
  changed = true;
  sender.join();
  orchestrator.request_stop(ExitReason::Signal);
  for (bool ended = false; !ended; ended = orchestrator.tend()) {
    pollfd wait{orchestrator.ended_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&wait, 1, 60'000), 1);
  }
  orchestrator.join();

  const LedgerSnapshot ledger = orchestrator.ledger();
  EXPECT_TRUE(ledger.balanced());
  EXPECT_EQ(ledger.received, sent.load());
  // What a full ring dropped is no fault of the change, and is counted.
  EXPECT_EQ(ledger.accepted + ledger.dropped_total(), sent.load());
  EXPECT_EQ(ledger.rejected_total(), 0u);
  std::uint64_t judged = 0;
  for (const GenerationCount& count : orchestrator.generation_counts()) judged += count.packets;
  EXPECT_EQ(judged, ledger.delivered) << "every packet belongs to one generation";
}

INSTANTIATE_TEST_SUITE_P(Workers, FilterChange, testing::Values(1u, 4u),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace weir::capture
