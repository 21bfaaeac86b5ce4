// The kernel's pre-filter on real sockets: it never costs a packet that the user-space filter
// wants, it is there before the first packet, it can be changed while packets flow, and what it
// rejects is counted where eBPF may be loaded.
#include <linux/if_arp.h>

#include <atomic>
#include <memory>
#include <thread>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "filter/pcap_compiler.h"
#include "filter/program.h"
#include "interface/af_packet_sources.h"
#include "interface_live/live_capture.h"
#include "support/command.h"
#include "support/ebpf.h"
#include "support/frames.h"
#include "support/network_namespace.h"
#include "support/typical_filters.h"

namespace weir::interface {
namespace {

using test::FrameBytes;
using test::InNamespace;
using test::NetworkNamespace;
using test::TrafficSocket;
using test::udp_frame;

// The rights of this process without the one to load eBPF.
class NoEbpf final : public security::PrivilegedOperations {
 public:
  Result<UniqueFd> open_packet_socket(security::PacketSocketKind kind) override {
    return real_.open_packet_socket(kind);
  }
  Result<UniqueFd> load_socket_filter(std::span<const std::uint64_t>) override { return refused(); }
  Result<UniqueFd> load_socket_program(std::span<const std::byte>) override { return refused(); }
  Result<UniqueFd> create_counters(std::uint32_t) override { return refused(); }

 private:
  static Error refused() { return system_error(EPERM, "load eBPF"); }
  security::InProcessPrivileges real_;
};

constexpr std::uint64_t kSmallRing = 4 * 1024 * 1024;  // opens faster

enum class Form { Classic, Ebpf };

// Privileges for one form of the pre-filter.
std::unique_ptr<security::PrivilegedOperations> rights_for(Form form) {
  if (form == Form::Classic) return std::make_unique<NoEbpf>();
  return std::make_unique<security::InProcessPrivileges>();
}

filter::Program user_filter(const std::string& expression) {
  const auto compiled = filter::compile(expression, LinkType::Ethernet);
  return filter::Program::create(std::get<filter::CbpfProgram>(compiled)).value();
}

std::vector<FrameBytes> accepted_by(const filter::Program& filter,
                                    const std::vector<CapturedFrame>& frames) {
  std::vector<FrameBytes> accepted;
  for (const CapturedFrame& frame : frames) {
    if (filter.run(frame.bytes, frame.wire_bytes) != 0) accepted.push_back(frame.bytes);
  }
  return accepted;
}

std::uint64_t bytes_of(const std::vector<CapturedFrame>& frames) {
  std::uint64_t bytes = 0;
  for (const CapturedFrame& frame : frames) bytes += frame.wire_bytes;
  return bytes;
}

class AfPacketPrefilter : public testing::TestWithParam<Form> {
 protected:
  void SetUp() override {
    WEIR_SKIP_WITHOUT_NAMESPACES();
    if (GetParam() == Form::Ebpf) WEIR_SKIP_WITHOUT_EBPF();
    rights_ = rights_for(GetParam());
  }
  [[nodiscard]] bool counts() const { return GetParam() == Form::Ebpf; }

  std::unique_ptr<security::PrivilegedOperations> rights_;
};

INSTANTIATE_TEST_SUITE_P(Forms, AfPacketPrefilter, testing::Values(Form::Classic, Form::Ebpf),
                         [](const auto& form) {
                           return form.param == Form::Classic ? "Classic" : "Ebpf";
                         });

TEST_P(AfPacketPrefilter, NeverCostsAPacketThatTheUserFilterWants) {
  constexpr std::uint64_t kSeed = 20261122;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  TrafficSocket sender("left");
  Prng prng(kSeed);

  for (const std::string expression : test::kTypicalFilters) {
    SCOPED_TRACE(expression);
    std::vector<FrameBytes> sent;
    for (int i = 0; i < 250; ++i) sent.push_back(test::typical_frame(prng));
    // The first socket on an interface sees each packet last: what it has seen, the other has too.
    LiveCapture all({.interface = "right", .ring_bytes = kSmallRing});
    LiveCapture some({.interface = "right", .ring_bytes = kSmallRing, .prefilter = expression},
                     *rights_);
    all.exchange(sender, sent);
    some.source().close_intake();
    EXPECT_EQ(some.drain(), Pull::End);

    const filter::Program user = user_filter(expression);
    const std::vector<FrameBytes> wanted = accepted_by(user, all.frames());
    expect_same_frames(accepted_by(user, some.frames()), wanted);
    EXPECT_LT(some.frames().size(), sent.size()) << "the kernel has rejected nothing";

    EXPECT_EQ(some.source().prefilter().place, FilterPlace::Kernel);
    EXPECT_EQ(some.source().prefilter().counted, counts());
    const Ledger ledger = ledger_of(some.source());
    EXPECT_EQ(ledger.received, counts() ? sent.size() : some.frames().size());
    EXPECT_EQ(ledger.rejected, ledger.received - some.frames().size());
    EXPECT_EQ(some.source().statistics().received_bytes.value(),
              bytes_of(counts() ? all.frames() : some.frames()));
  }
}

TEST_P(AfPacketPrefilter, IsThereBeforeTheFirstPacket) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  TrafficSocket socket("left");
  const std::vector<FrameBytes> burst(64, udp_frame(1));
  std::atomic<bool> enough{false};
  std::thread sender([&] {
    while (!enough.load(std::memory_order_relaxed)) socket.send(burst);
  });
  for (int round = 0; round < 20; ++round) {
    LiveCapture capture({.interface = "left", .ring_bytes = kSmallRing, .prefilter = "tcp"},
                        *rights_);
    capture.source().close_intake();
    EXPECT_EQ(capture.drain(), Pull::End);
    EXPECT_TRUE(capture.frames().empty());
  }
  enough.store(true, std::memory_order_relaxed);
  sender.join();
}

TEST_P(AfPacketPrefilter, ChangesAtFullRateWithoutCostingAPacketThatBothWant) {
  constexpr std::uint32_t kBurst = 64;
  constexpr int kChanges = 100;
  constexpr std::uint64_t kUnreadMax = 100'000;  // far less than the ring holds
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "left", .prefilter = "udp"}, *rights_);
  AfPacketSource& source = capture.source();

  std::atomic<bool> enough{false};
  std::atomic<std::uint64_t> sent{0};
  std::thread sender([&] {
    const InNamespace here(network);
    TrafficSocket socket("left");
    const std::vector<FrameBytes> burst(kBurst, udp_frame(1));
    while (!enough.load(std::memory_order_relaxed)) {
      if (sent.load() - source.statistics().delivered.value() > kUnreadMax) continue;
      socket.send(burst);
      sent.fetch_add(kBurst);
    }
  });
  std::thread control([&] {
    for (int change = 0; change < kChanges; ++change) {
      const bool widened = change % 3 == 2;
      const Prefilter now = source.set_prefilter(widened           ? ""
                                                 : change % 3 == 1 ? "udp"
                                                                   : "host 192.0.2.1");
      EXPECT_EQ(now.place, widened ? FilterPlace::User : FilterPlace::Kernel);
      const std::uint64_t seen = source.statistics().delivered.value();
      while (source.statistics().delivered.value() < seen + kBurst) std::this_thread::yield();
    }
    enough.store(true);
  });
  auto batch = std::make_unique<PacketBatch>();
  std::uint64_t delivered = 0;
  const auto pull = [&] {
    const Pull outcome = source.next_batch(*batch, kBatchPacketsMax, std::chrono::milliseconds(10));
    delivered += batch->count;
    source.release(*batch);
    source.refresh_statistics();
    EXPECT_TRUE(ledger_of(source).law_holds()) << testing::PrintToString(ledger_of(source));
    return outcome;
  };
  while (!enough.load()) (void)pull();
  sender.join();
  control.join();
  source.close_intake();
  while (pull() != Pull::End) {
  }

  EXPECT_EQ(delivered, sent.load());
  EXPECT_EQ(ledger_of(source).received, sent.load());
  EXPECT_EQ(ledger_of(source).rejected, 0u);
}

TEST_P(AfPacketPrefilter, ThatIsChangedForgetsNothingOfWhatTheOneBeforeRejected) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  LiveCapture capture({.interface = "left", .prefilter = "tcp"}, *rights_);
  TrafficSocket sender("left");
  const std::vector<FrameBytes> frames(100, udp_frame(1));

  std::uint64_t sent = 0;
  for (const char* next : {"arp", "", "udp", "ip6", "udp"}) {
    sender.send(frames);
    sent += frames.size();
    capture.source().set_prefilter(next);
    capture.source().refresh_statistics();
    EXPECT_TRUE(ledger_of(capture.source()).law_holds());
  }
  capture.source().close_intake();
  sender.send(frames);
  EXPECT_EQ(capture.drain(), Pull::End);
  sender.send(frames);
  capture.source().refresh_statistics();

  const Ledger ledger = ledger_of(capture.source());
  EXPECT_EQ(capture.frames().size(), 200u) << "while there was none, and while it was udp";
  EXPECT_EQ(ledger.received, counts() ? sent : 200u);
  EXPECT_EQ(ledger.rejected, counts() ? 300u : 0u);
  EXPECT_EQ(capture.source().statistics().received_bytes.value(), ledger.received * 60);
}

TEST_P(AfPacketPrefilter, UnderLoadLeavesAnExactLedger) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  std::vector<FrameBytes> burst;
  for (std::uint32_t i = 0; i < 64; ++i) burst.push_back(udp_frame(i, i % 2 == 0 ? 60 : 600));

  for (int round = 0; round < 5; ++round) {
    LiveCapture capture({.interface = "left", .prefilter = "greater 100"}, *rights_);
    std::atomic<std::uint64_t> sent{0};
    std::atomic<bool> enough{false};
    TrafficSocket socket("left");
    std::thread sender([&] {
      while (!enough.load(std::memory_order_relaxed)) {
        socket.send(burst);
        sent.fetch_add(burst.size());
      }
    });
    capture.take(2000);
    enough.store(true);
    sender.join();
    capture.source().close_intake();
    EXPECT_EQ(capture.drain(), Pull::End);

    const Ledger ledger = ledger_of(capture.source());
    EXPECT_EQ(ledger.rejected, counts() ? sent.load() / 2 : 0);
    EXPECT_EQ(ledger.received, counts() ? sent.load() : sent.load() / 2);
    EXPECT_EQ(ledger.delivered + ledger.dropped_kernel, sent.load() / 2);
    EXPECT_TRUE(ledger.law_holds()) << testing::PrintToString(ledger);
  }
}

TEST_P(AfPacketPrefilter, OpensNoIntakeThatIsClosed) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  TrafficSocket sender("left");
  const std::vector<FrameBytes> frames(50, udp_frame(1));
  LiveCapture capture({.interface = "left", .prefilter = "udp"}, *rights_);
  sender.send(frames);
  capture.source().close_intake();
  capture.source().set_prefilter("");
  sender.send(frames);
  EXPECT_EQ(capture.drain(), Pull::End);
  EXPECT_EQ(ledger_of(capture.source()).received, frames.size());
  EXPECT_EQ(capture.source().prefilter().place, FilterPlace::Kernel) << "as set last";
}

TEST_P(AfPacketPrefilter, MayChangeWhileTheIntakeIsClosedUnderLoad) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  const std::vector<FrameBytes> burst(64, udp_frame(1));
  for (int round = 0; round < 10; ++round) {
    LiveCapture capture({.interface = "left"}, *rights_);
    std::atomic<bool> enough{false};
    TrafficSocket socket("left");
    std::thread sender([&] {
      while (!enough.load()) socket.send(burst);
    });
    std::thread control([&] {
      while (!enough.load()) {
        capture.source().set_prefilter("tcp");
        capture.source().set_prefilter("");
      }
    });
    capture.take(500);
    capture.source().close_intake();
    enough.store(true);
    control.join();
    EXPECT_EQ(capture.drain(), Pull::End);
    sender.join();
    const Ledger ledger = ledger_of(capture.source());
    EXPECT_TRUE(ledger.law_holds()) << testing::PrintToString(ledger);
    EXPECT_EQ(ledger.in_ring, 0u);
    EXPECT_EQ(ledger.delivered, capture.frames().size());
  }
}

TEST_P(AfPacketPrefilter, OfEachWorkerCountsWhatThatWorkerWouldHaveHad) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  const SystemClock clock;
  auto opened = open_af_packet_sources(
      {.interfaces = {"left"}, .workers_per_interface = 3, .prefilter = "udp"}, *rights_, clock);
  ASSERT_TRUE(opened.ok()) << opened.error().context;

  constexpr std::uint16_t kFlows = 300;
  std::vector<FrameBytes> sent;
  for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
    test::PacketBuilder packet;
    packet.ethernet().ipv4("10.0.0.1", "10.0.0.2");
    flow % 3 == 0 ? packet.udp(flow, 53) : packet.tcp(flow, 443);
    sent.push_back(packet.payload(20).build());
  }
  TrafficSocket("left").send(sent);
  std::uint64_t received = 0;
  std::uint64_t delivered = 0;
  PacketBatch batch;
  for (const auto& source : opened->sources) {
    EXPECT_EQ(source->prefilter().counted, counts());
    source->close_intake();
    while (source->next_batch(batch, kBatchPacketsMax, std::chrono::seconds(5)) != Pull::End) {
      source->release(batch);
    }
    const Ledger ledger = ledger_of(*source);
    EXPECT_TRUE(ledger.law_holds()) << testing::PrintToString(ledger);
    EXPECT_EQ(ledger.rejected > 0, counts()) << "each has had some of the flows";
    received += ledger.received;
    delivered += ledger.delivered;
  }
  EXPECT_EQ(delivered, kFlows / 3u);
  EXPECT_EQ(received, counts() ? kFlows : kFlows / 3u);
}

TEST_P(AfPacketPrefilter, IsNotWhereTheKernelWouldSeeOtherFramesOrTheExpressionIsWrong) {
  WEIR_SKIP_WITHOUT_TUN();
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::TunDevice cooked("cooked", ARPHRD_PPP);
  test::TunDevice raw("raw", ARPHRD_NONE);
  test::add_veth_pair("left", "right");

  const auto place = [&](const std::string& interface, const std::string& expression) {
    LiveCapture capture({.interface = interface, .prefilter = expression}, *rights_);
    return capture.source().prefilter().place;
  };
  EXPECT_EQ(place("cooked", "ip"), FilterPlace::User);
  EXPECT_EQ(place("raw", "ip"), FilterPlace::Kernel);
  EXPECT_EQ(place("left", ""), FilterPlace::User);
  EXPECT_EQ(place("left", "no such thing"), FilterPlace::User);
  EXPECT_EQ(place("left", "vlan 5"), FilterPlace::Kernel);
}

TEST_P(AfPacketPrefilter, OfADeviceWithoutLinkLayerSeesItsPackets) {
  WEIR_SKIP_WITHOUT_TUN();
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::TunDevice tun("tun", ARPHRD_NONE);
  LiveCapture capture({.interface = "tun", .prefilter = "greater 100"}, *rights_);
  const FrameBytes small = test::ip_packet_of(udp_frame(1));
  const FrameBytes large = test::ip_packet_of(udp_frame(2, 200));
  tun.receive(small);
  tun.receive(large);
  capture.take(1);

  EXPECT_THAT(capture.bytes(), testing::ElementsAre(large));
  capture.source().refresh_statistics();
  EXPECT_EQ(ledger_of(capture.source()).rejected, counts() ? 1u : 0u);
}

struct DirectionCase {
  Direction direction;
  const char* name;  // tcpdump's
  bool arriving;
  bool leaving;
  bool on_loopback;
};
constexpr DirectionCase kDirections[] = {{Direction::In, "in", true, false, true},
                                         {Direction::Out, "out", false, true, false},
                                         {Direction::InOut, "inout", true, true, true}};

TEST_P(AfPacketPrefilter, LeavesOutOtherDirectionsUncounted) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  const FrameBytes arriving = udp_frame(1);
  const FrameBytes leaving = udp_frame(2);
  const FrameBytes short_of = udp_frame(3, 61);
  for (const DirectionCase& c : kDirections) {
    SCOPED_TRACE(c.name);
    for (const std::string prefilter : {"", "less 60"}) {
      LiveCapture capture({.interface = "right", .direction = c.direction, .prefilter = prefilter},
                          *rights_);
      TrafficSocket("left").send({&arriving, 1});
      TrafficSocket("right").send({&leaving, 1});
      TrafficSocket("right").send({&short_of, 1});
      std::vector<FrameBytes> expected;
      if (c.arriving) expected.push_back(arriving);
      if (c.leaving) expected.push_back(leaving);
      if (c.leaving && prefilter.empty()) expected.push_back(short_of);
      capture.take(expected.size());
      capture.source().close_intake();
      EXPECT_EQ(capture.drain(), Pull::End);
      EXPECT_EQ(capture.bytes(), expected);
      const bool rejects = c.leaving && !prefilter.empty() && counts();
      EXPECT_EQ(ledger_of(capture.source()).rejected, rejects ? 1u : 0u);
      EXPECT_EQ(ledger_of(capture.source()).received, expected.size() + (rejects ? 1u : 0u));
    }
  }
}

TEST_P(AfPacketPrefilter, OnLoopbackSeesEachPacketOnceOrNeverAsTcpdumpDoes) {
  const NetworkNamespace network;
  const InNamespace inside(network);
  const std::vector<FrameBytes> sent = {udp_frame(1, 60), udp_frame(2, 80)};
  for (const DirectionCase& c : kDirections) {
    SCOPED_TRACE(c.name);
    // It ends by itself after two packets: stopped by a signal it would forget its buffer.
    test::Process tcpdump({"tcpdump", "-i", "lo", "-Q", c.name, "-n", "-Z", "root", "-c", "2"});
    ASSERT_TRUE(tcpdump.wait_for_stderr("listening on lo")) << tcpdump.wait().err;
    LiveCapture capture({.interface = "lo", .direction = c.direction, .prefilter = "udp"},
                        *rights_);
    TrafficSocket("lo").send(sent);
    capture.take(c.on_loopback ? sent.size() : 0);
    capture.source().close_intake();
    EXPECT_EQ(capture.drain(), Pull::End);
    if (!c.on_loopback) tcpdump.signal(SIGINT);
    const test::CommandResult peer = tcpdump.wait();

    EXPECT_EQ(capture.bytes(), c.on_loopback ? sent : std::vector<FrameBytes>());
    EXPECT_EQ(ledger_of(capture.source()).received, capture.frames().size());
    const bool both = peer.out.find("UDP, length 18\n") != std::string::npos &&
                      peer.out.find("UDP, length 38\n") != std::string::npos;
    EXPECT_EQ(both, c.on_loopback) << peer.out << peer.err;
  }
}

}  // namespace
}  // namespace weir::interface
