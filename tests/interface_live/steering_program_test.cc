// The steering programs on single packets, run by the kernel without an interface
// (BPF_PROG_TEST_RUN).
#include <array>
#include <cerrno>
#include <cstring>

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "interface/steering.h"
#include "interface_live/shared_capture.h"
#include "support/headers_of.h"
#include "support/packet_builder.h"
#include "support/random_flows.h"

namespace weir::interface {
namespace {

using test::BothWays;
using test::PacketBuilder;
using test::random_flow;

using FrameBytes = std::vector<std::uint8_t>;

constexpr std::uint64_t kSeed = 20261122;

class SteeringProgram : public testing::TestWithParam<LinkType> {
 protected:
  void SetUp() override {
    WEIR_SKIP_WITHOUT_PROGRAMS();
    auto loaded = load_steering_program(GetParam(), privileges_);
    ASSERT_TRUE(loaded.ok()) << loaded.error().context;
    program_ = std::move(loaded).value();
  }

  // As if the frame arrived: the kernel takes the Ethernet header off, and no tag.
  std::uint32_t shard(const FrameBytes& frame) {
    LIBBPF_OPTS(bpf_test_run_opts, run);
    run.data_in = frame.data();
    run.data_size_in = static_cast<std::uint32_t>(frame.size());
    EXPECT_EQ(bpf_prog_test_run_opts(program_.get(), &run), 0) << std::strerror(errno);
    return run.retval;
  }
  std::uint32_t shard(const PacketBuilder& packet) { return shard(packet.build()); }

 private:
  security::InProcessPrivileges privileges_;
  UniqueFd program_;
};

test::Parsed parse(const FrameBytes& frame) {
  const auto bytes = static_cast<std::uint32_t>(frame.size());
  return test::parse({.data = frame.data(), .captured_bytes = bytes, .wire_bytes = bytes});
}
std::uint32_t shard_by_the_parser(const FrameBytes& frame) {
  return shard_of(parse(frame).headers.flow_hash);
}

// "Ethernet Vlan Ipv4 ...", to tell what a random frame was.
std::string layers_of(const FrameBytes& frame) {
  std::string text;
  for (const LayerType type : parse(frame).types()) text += std::string(name_of(type)) + ' ';
  return text;
}

TEST_P(SteeringProgram, FindsTheFlowThatTheParserFindsWhateverIsAroundItBothWays) {
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  Prng random(kSeed);
  for (int i = 0; i < 20'000; ++i) {
    const BothWays flow = random_flow(random);
    ASSERT_EQ(shard(flow.there), shard_by_the_parser(flow.there))
        << "flow " << i << ": " << layers_of(flow.there);
    ASSERT_EQ(shard(flow.there), shard(flow.back)) << "flow " << i << ": " << layers_of(flow.there);
  }
}

TEST_P(SteeringProgram, SpreadsManyFlowsEvenlyOverWorkers) {
  constexpr std::uint32_t kWorkers = 4;
  constexpr std::uint32_t kFlows = 20'000;
  std::array<std::uint32_t, kWorkers> flows{};
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    const auto port = static_cast<std::uint16_t>(20'000 + i);
    const std::string client = "10.0." + std::to_string(i % 7) + "." + std::to_string(i % 200);
    ++flows[shard(PacketBuilder().ethernet().ipv4(client, "192.0.2.1").tcp(port, 443)) % kWorkers];
  }
  // Six standard deviations of a fair choice.
  constexpr std::uint32_t kFairShare = kFlows / kWorkers;
  for (const std::uint32_t count : flows) EXPECT_NEAR(count, kFairShare, 370);
}

TEST_P(SteeringProgram, AllFragmentsOfAPacketComeTogether) {
  const auto four = [](std::uint16_t offset, bool more) {
    PacketBuilder packet;
    packet.ethernet().ipv4("10.0.0.1", "10.0.0.2",
                           {.fragment_offset = offset, .more_fragments = more});
    return offset == 0 ? packet.udp(5000, 53).payload(64) : packet.ip_protocol(17).payload(64);
  };
  EXPECT_EQ(shard(four(0, true)), shard(four(9, true)));
  EXPECT_EQ(shard(four(0, true)), shard(four(18, false)));

  const auto six = [](std::uint16_t offset, bool more) {
    PacketBuilder packet;
    packet.ethernet().ipv6("2001:db8::1", "2001:db8::2").ipv6_fragment(offset, more);
    return offset == 0 ? packet.udp(5000, 53).payload(64) : packet.ip_protocol(17).payload(64);
  };
  EXPECT_EQ(shard(six(0, true)), shard(six(9, true)));
  EXPECT_EQ(shard(six(0, true)), shard(six(18, false)));
}

TEST_P(SteeringProgram, AnAtomicFragmentIsAWholePacket) {
  PacketBuilder atomic;
  atomic.ethernet().ipv6("2001:db8::1", "2001:db8::2").ipv6_fragment(0, false).tcp(5000, 443);
  EXPECT_EQ(shard(atomic), shard_by_the_parser(atomic.build()));
}

// What is cut off or damaged is hashed by what came before, which both programs find.
TEST_P(SteeringProgram, EveryFrameHasAShardHoweverItIsDamaged) {
  constexpr std::size_t kWholeBytes = 54;  // the kernel wants to see a whole IP header in a test
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  Prng random(kSeed);
  for (int i = 0; i < 20'000; ++i) {
    FrameBytes frame = random_flow(random).there;
    for (std::uint64_t flips = random.below(4); flips > 0; --flips) {
      frame[random.below(frame.size())] ^= static_cast<std::uint8_t>(1 << random.below(8));
    }
    if (frame.size() > kWholeBytes) {
      frame.resize(kWholeBytes + random.below(frame.size() - kWholeBytes));
    }
    ASSERT_LT(shard(frame), kFlowShards) << "frame " << i;
  }
}

TEST_P(SteeringProgram, GtpExtensionHeadersAreSkipped) {
  PacketBuilder packet;
  packet.ethernet().ipv4("10.0.0.1", "10.0.0.2").udp(2152, 2152);
  // Sequence number and one PDU session container (3GPP TS 38.415), then the user's packet.
  const std::vector<std::uint8_t> gtp = {0x36, 0xff, 0, 56,   0, 0,    0, 1,
                                         0,    7,    0, 0x85, 1, 0x10, 9, 0};
  packet.bytes(gtp);
  PacketBuilder user;
  user.ipv4("172.16.0.1", "198.51.100.7").tcp(40'000, 443).payload(8);
  packet.bytes(user.build());

  EXPECT_EQ(shard(packet), shard_by_the_parser(packet.build()));
}

INSTANTIATE_TEST_SUITE_P(LinkType, SteeringProgram,
                         testing::Values(LinkType::Ethernet, LinkType::Raw),
                         [](const auto& instance) {
                           return instance.param == LinkType::Ethernet ? "Ethernet" : "OtherLinks";
                         });

class SteeringOfEthernet : public SteeringProgram {};

TEST_P(SteeringOfEthernet, PacketsWithoutIpGoByTheirStations) {
  FrameBytes there = PacketBuilder().ethernet().payload(46).build();
  FrameBytes back = there;
  std::swap_ranges(back.begin(), back.begin() + 6, back.begin() + 6);
  EXPECT_EQ(shard(there), shard(back));

  std::array<bool, kFlowShards> seen{};
  for (int station = 0; station < 256; ++station) {
    there[11] = static_cast<std::uint8_t>(station);
    seen[shard(there)] = true;
  }
  EXPECT_GT(std::count(seen.begin(), seen.end(), true), 48) << "stations are spread";
}

INSTANTIATE_TEST_SUITE_P(LinkType, SteeringOfEthernet, testing::Values(LinkType::Ethernet));

}  // namespace
}  // namespace weir::interface
