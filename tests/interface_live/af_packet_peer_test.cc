// What weir captures against what tcpdump captures beside it, packet for packet.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>
#include <pcap/pcap.h>

#include "base/prng.h"
#include "interface_live/live_capture.h"
#include "support/command.h"
#include "support/frames.h"
#include "support/network_namespace.h"
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

// Sizes, tags and tunnels in a seeded mixture.
std::vector<FrameBytes> mixed_traffic(std::uint64_t seed, std::uint32_t count) {
  Prng random(seed);
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < count; ++i) {
    FrameBytes frame = udp_frame(i, 60 + random.below(1200));
    if (random.chance(1, 3)) frame = test::in_vxlan(frame, static_cast<std::uint32_t>(i));
    const std::uint64_t tags = random.below(3);
    for (std::uint64_t tag = 0; tag < tags; ++tag) {
      const std::uint16_t tpid = random.chance(1, 4) ? 0x88a8 : 0x8100;
      frame = test::with_tag(frame, tpid, static_cast<std::uint16_t>(random.below(0x10000)));
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}

class AfPacketBesideTcpdump : public testing::TestWithParam<std::uint32_t> {
 protected:
  void SetUp() override { WEIR_SKIP_WITHOUT_NAMESPACES(); }
};

TEST_P(AfPacketBesideTcpdump, BothStoreTheSamePackets) {
  const std::uint32_t snaplen = GetParam();
  constexpr std::uint64_t kSeed = 20261121;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  const NetworkNamespace network;
  const InNamespace inside(network);
  test::add_veth_pair("left", "right");
  const test::TempDir directory;
  const std::vector<FrameBytes> sent = mixed_traffic(kSeed, 3000);

  // tcpdump ends by itself after the last packet: stopped by a signal it would forget its buffer.
  test::Process tcpdump({"tcpdump", "-i", "right", "-w", directory.file("peer.pcap"), "-s",
                         std::to_string(snaplen), "-c", std::to_string(sent.size()), "-B", "65536",
                         "--time-stamp-precision=nano", "-Z", "root"});
  ASSERT_TRUE(tcpdump.wait_for_stderr("listening on right")) << tcpdump.wait().err;
  LiveCapture capture({.interface = "right", .snaplen = snaplen});
  TrafficSocket sender("left");
  capture.exchange(sender, sent);
  const test::CommandResult ended = tcpdump.wait();
  ASSERT_EQ(ended.status, 0) << ended.err;

  const std::vector<StoredPacket> peer = read_pcap(directory.file("peer.pcap"));
  ASSERT_EQ(peer.size(), capture.frames().size());
  for (std::size_t i = 0; i < peer.size(); ++i) {
    const CapturedFrame& ours = capture.frames()[i];
    // As whoever stores it cuts it.
    const auto stored = Bytes(ours.bytes).first(std::min<std::size_t>(ours.bytes.size(), snaplen));
    ASSERT_TRUE(
        std::equal(stored.begin(), stored.end(), peer[i].bytes.begin(), peer[i].bytes.end()))
        << "packet " << i;
    ASSERT_EQ(ours.wire_bytes, peer[i].wire_bytes) << "packet " << i;
    // Both have the time that the kernel took when the packet arrived.
    ASSERT_EQ(ours.time, peer[i].time) << "packet " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Snaplen, AfPacketBesideTcpdump, testing::Values(262'144u, 96u),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace weir::interface
