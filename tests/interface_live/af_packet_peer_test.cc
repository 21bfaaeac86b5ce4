// What weir captures against what tcpdump captures beside it, packet for packet.
#include <algorithm>
#include <string>
#include <tuple>

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include "base/prng.h"
#include "interface_live/shared_capture.h"
#include "support/command.h"
#include "support/frames.h"
#include "support/network_namespace.h"
#include "support/packet_builder.h"
#include "support/random_flows.h"
#include "support/temp_dir.h"

namespace weir::interface {
namespace {

using test::FrameBytes;
using test::InNamespace;
using test::NetworkNamespace;
using test::TrafficSocket;
using test::udp_frame;

struct StoredPacket {
  FrameBytes bytes;
  std::uint32_t wire_bytes;
  Timestamp time;
};

std::vector<StoredPacket> read_pcap(const std::string& path) {
  std::array<char, PCAP_ERRBUF_SIZE> message{};
  pcap_t* file = ::pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO,
                                                           message.data());
  if (file == nullptr) {
    ADD_FAILURE() << message.data();
    return {};
  }
  std::vector<StoredPacket> packets;
  pcap_pkthdr* header = nullptr;
  const std::uint8_t* data = nullptr;
  while (::pcap_next_ex(file, &header, &data) == 1) {
    packets.push_back({.bytes = {data, data + header->caplen},
                       .wire_bytes = header->len,
                       .time = {header->ts.tv_sec * 1'000'000'000 + header->ts.tv_usec}});
  }
  ::pcap_close(file);
  return packets;
}

// A packet in three fragments that follow each other.
void push_fragments(std::vector<FrameBytes>& frames, std::uint16_t id) {
  for (std::uint16_t part = 0; part < 3; ++part) {
    test::PacketBuilder packet;
    packet.ethernet().ipv4("192.0.2.1", "192.0.2.2",
                           {.id = id,
                            .fragment_offset = static_cast<std::uint16_t>(part * 100),
                            .more_fragments = part < 2});
    part == 0 ? packet.udp(5000, 53) : packet.ip_protocol(17);
    frames.push_back(packet.payload(part == 0 ? 792 : 800).build());
  }
}

// Flows, sizes, tags, tunnels and fragments in a seeded mixture.
std::vector<FrameBytes> mixed_traffic(std::uint64_t seed, std::uint32_t count) {
  Prng random(seed);
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; frames.size() < count; ++i) {
    if (random.chance(1, 20)) push_fragments(frames, static_cast<std::uint16_t>(i));
    const std::size_t jumbo = random.chance(1, 10) ? 7000 : 0;
    FrameBytes frame = random.chance(1, 2) ? test::random_flow(random).there
                                           : udp_frame(i, 60 + jumbo + random.below(1200));
    if (random.chance(1, 3)) frame = test::in_vxlan(frame, i);
    const std::uint64_t tags = random.below(3);
    for (std::uint64_t tag = 0; tag < tags; ++tag) {
      const std::uint16_t tpid = random.chance(1, 4) ? 0x88a8 : 0x8100;
      frame = test::with_tag(frame, tpid, static_cast<std::uint16_t>(random.below(0x10000)));
    }
    frames.push_back(std::move(frame));
  }
  frames.resize(count);
  return frames;
}

void in_one_order(std::vector<StoredPacket>& packets) {
  std::sort(packets.begin(), packets.end(), [](const StoredPacket& a, const StoredPacket& b) {
    return std::tie(a.time, a.bytes) < std::tie(b.time, b.bytes);
  });
}

struct PeerCase {
  std::uint32_t workers;
  std::uint32_t snaplen;
};
void PrintTo(const PeerCase& one, std::ostream* out) {
  *out << one.workers << " workers, snaplen " << one.snaplen;
}

class AfPacketBesideTcpdump : public testing::TestWithParam<PeerCase> {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

TEST_P(AfPacketBesideTcpdump, BothStoreTheSamePackets) {
  const auto [workers, snaplen] = GetParam();
  constexpr std::uint64_t kSeed = 20261121;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right", 9000);
  const test::TempDir directory;
  const std::vector<FrameBytes> sent = mixed_traffic(kSeed, 3000);

  // tcpdump ends by itself after the last packet: stopped by a signal it would forget its buffer.
  test::Process tcpdump({"tcpdump", "-i", "right", "-w", directory.file("peer.pcap"), "-s",
                         std::to_string(snaplen), "-c", std::to_string(sent.size()), "-B", "65536",
                         "--time-stamp-precision=nano", "-Z", "root"});
  ASSERT_TRUE(tcpdump.wait_for_stderr("listening on right")) << tcpdump.wait().err;
  SharedCapture capture(
      {.interfaces = {"right"}, .workers_per_interface = workers, .snaplen = snaplen});
  TrafficSocket sender("left");
  capture.exchange(sender, sent);
  const test::CommandResult ended = tcpdump.wait();
  ASSERT_EQ(ended.status, 0) << ended.err;

  std::vector<StoredPacket> peer = read_pcap(directory.file("peer.pcap"));
  std::vector<StoredPacket> ours;
  for (const CapturedFrame& frame : capture.frames()) {
    // As whoever stores it cuts it.
    test::FrameBytes stored = frame.bytes;
    stored.resize(std::min<std::size_t>(stored.size(), snaplen));
    ours.push_back(
        {.bytes = std::move(stored), .wire_bytes = frame.wire_bytes, .time = frame.time});
  }
  // Each worker's packets are in order; workers know nothing of each other. One alone is like
  // tcpdump.
  if (workers > 1) {
    in_one_order(peer);
    in_one_order(ours);
  }
  ASSERT_EQ(peer.size(), ours.size());
  for (std::size_t i = 0; i < peer.size(); ++i) {
    ASSERT_TRUE(ours[i].bytes == peer[i].bytes) << "packet " << i;
    ASSERT_EQ(ours[i].wire_bytes, peer[i].wire_bytes) << "packet " << i;
    // Both have the time that the kernel took when the packet arrived.
    ASSERT_EQ(ours[i].time, peer[i].time) << "packet " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(WorkersAndSnaplen, AfPacketBesideTcpdump,
                         testing::Values(PeerCase{1, 262'144}, PeerCase{1, 96},
                                         PeerCase{4, 262'144}, PeerCase{4, 96}),
                         [](const auto& instance) {
                           return std::to_string(instance.param.workers) + "Workers" +
                                  std::to_string(instance.param.snaplen) + "Bytes";
                         });

}  // namespace
}  // namespace weir::interface
