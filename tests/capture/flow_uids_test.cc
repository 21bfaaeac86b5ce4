// The uids that the analysis hands on with each packet, held against those of its records.
#include "protocol/deep/flow_uids.h"

#include <filesystem>
#include <map>

#include "capture/flow_stage_fixture.h"
#include "capture/lane_flows.h"
#include "interface/capture_file.h"
#include "support/data_set.h"

namespace weir::capture {
namespace {

using namespace std::chrono_literals;
using test::Feeder;
using test::TimedFrame;

constexpr SessionMask kSession = 1;

// Everything that a flow sees counts, so that the numbers of records can be compared.
FlowAnalysisOptions without_checksums() {
  FlowAnalysisOptions options;
  options.flows.checksums = protocol::ChecksumMode::Ignore;
  return options;
}

std::string name_of(const protocol::Uid& uid) { return std::string(protocol::text_of(uid).view()); }

// What the records say of each uid.
class Told final : public protocol::RecordSink {
 public:
  void take(const protocol::Record& record) override {
    if (const auto* tunnel = std::get_if<protocol::TunnelRecord>(&record.body)) {
      ++tunnels[name_of(tunnel->uid)];
    }
    const auto* const conn = std::get_if<protocol::ConnRecord>(&record.body);
    if (conn == nullptr || conn->end == protocol::FlowEnd::Interval) return;
    packets[name_of(conn->uid)] += conn->packets[0] + conn->packets[1];
    is_tcp[name_of(conn->uid)] = conn->ends.ip_protocol == 6;
  }
  void reached(protocol::RecordOrder) override {}

  std::map<std::string, std::uint64_t> packets;
  std::map<std::string, bool> is_tcp;
  std::map<std::string, int> tunnels;
};

using Counts = std::map<std::string, std::uint64_t>;

void count_into(Counts& counts, const std::vector<std::vector<std::string>>& uids) {
  for (const auto& of_packet : uids) {
    for (const std::string& uid : of_packet) ++counts[uid];
  }
}

// Each flow was handed on with as many packets as its record counts, and each uid is of a record.
// TCP with a header that cannot be is of a flow, which does not count it.
void expect_counts(const Counts& counts, const Told& told) {
  for (const auto& [uid, packets] : told.packets) {
    const auto found = counts.find(uid);
    ASSERT_NE(found, counts.end()) << uid;
    if (told.is_tcp.at(uid)) {
      EXPECT_GE(found->second, packets) << uid;
    } else {
      EXPECT_EQ(found->second, packets) << uid;
    }
  }
  for (const auto& [uid, packets] : counts) {
    EXPECT_TRUE(told.packets.contains(uid) || told.tunnels.contains(uid)) << uid;
  }
}

TEST(FlowUids, AreThoseOfTheRecordsWithAsManyPackets) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const auto traffic = test::random_traffic(random, test::Oddities::Yes);
    for (const std::size_t batch_max : {1U, 7U, 256U}) {
      Told told;
      auto stage = InlineFlows::make(without_checksums(), told).value();
      Counts counts;
      count_into(counts, Feeder().uids_of(*stage, traffic, batch_max));
      stage->finish();
      EXPECT_GT(told.packets.size(), 10u);
      expect_counts(counts, told);
    }
  }
}

TEST(FlowUids, OfLanesAreThoseOfTheirRecordsAndOfTheCarriersThatTheyShare) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    const auto traffic = test::random_traffic(random, test::Oddities::No);
    Told told;
    auto carriers = SharedCarriers::make(without_checksums(), 3, told).value();
    std::vector<std::unique_ptr<LaneFlows>> lanes;
    for (int i = 0; i < 3; ++i) {
      lanes.push_back(LaneFlows::make(without_checksums(), *carriers, told).value());
    }
    Feeder feeder;
    Counts counts;
    for (const TimedFrame& frame : traffic) {
      LaneFlows& lane = *lanes[feeder.flow_hash(frame) % lanes.size()];
      count_into(counts, feeder.uids_of(lane, {&frame, 1}));
    }
    for (const auto& lane : lanes) lane->finish();
    EXPECT_GT(told.packets.size(), 10u);
    expect_counts(counts, told);
  }
}

TEST(FlowUids, OfAPacketInATunnelAreThatOfTheTunnelAndThenThatOfWhatItCarries) {
  Told told;
  auto stage = InlineFlows::make({}, told).value();
  Feeder feeder;
  const auto alone = feeder.uids_of(*stage, std::vector{test::udp_at(0s)});
  const auto inside = feeder.uids_of(*stage, std::vector{test::vxlan_at(1s), test::vxlan_at(2s)});
  stage->finish();
  ASSERT_EQ(alone[0].size(), 1u);
  ASSERT_EQ(inside[0].size(), 2u);
  EXPECT_EQ(inside[0], inside[1]);
  EXPECT_NE(inside[0][1], alone[0][0]) << "another tenant's";
  EXPECT_TRUE(told.tunnels.contains(inside[0][0]));
  EXPECT_FALSE(told.tunnels.contains(inside[0][1]));
}

TEST(FlowUids, OfADatagramInFragmentsComeWithTheOneThatMakesItWhole) {
  const auto fragment = [](bool first) {
    test::PacketBuilder builder;
    builder.ethernet();
    if (first) {
      builder.ipv4("10.3.0.1", "10.3.0.2", {.id = 7, .more_fragments = true});
      builder.udp(1234, 9).payload(24);
    } else {
      builder.ipv4("10.3.0.1", "10.3.0.2", {.id = 7, .fragment_offset = 4});
      builder.payload(10).ip_protocol(17);
    }
    return TimedFrame{builder.build(), test::kTrafficStart};
  };
  for (const bool in_order : {true, false}) {
    Told told;
    auto stage = InlineFlows::make({}, told).value();
    const std::vector<TimedFrame> frames = {fragment(in_order), fragment(!in_order)};
    const auto uids = Feeder().uids_of(*stage, frames);
    stage->finish();
    EXPECT_TRUE(uids[0].empty());
    ASSERT_EQ(uids[1].size(), 1u);
    EXPECT_EQ(told.packets.at(uids[1][0]), 1u);
  }
}

TEST(FlowUids, OfAConnectionThatBeginsAnewBetweenTheSameEndsAreNew) {
  Told told;
  auto stage = InlineFlows::make({}, told).value();
  Feeder feeder;
  const auto before = feeder.uids_of(*stage, std::vector{test::udp_at(0s), test::udp_at(30s)});
  const auto after = feeder.uids_of(*stage, std::vector{test::udp_at(100s)});
  EXPECT_EQ(before[0], before[1]);
  EXPECT_NE(before[1], after[0]);
}

// All captures of the data set, packet for packet.
TEST(FlowUids, AreThoseOfTheRecordsInRealCaptures) {
  WEIR_SKIP_WITHOUT_DATA();
  const auto headers = std::make_unique<HeadersArray>();
  const auto keys = std::make_unique<KeysArray>();
  const auto verdicts = std::make_unique<Verdicts>();
  verdicts->wanted.fill(kSession);
  const auto batch = std::make_unique<PacketBatch>();
  std::uint64_t flows = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(test::data_set_dir())) {
    const std::string extension = entry.path().extension();
    if (extension != ".pcap" && extension != ".pcapng" && extension != ".cap") continue;
    SCOPED_TRACE(entry.path().string());
    auto source = interface::CaptureFileSource::open({entry.path().string()});
    if (!source) continue;
    Told told;
    auto stage = InlineFlows::make(without_checksums(), told).value();
    protocol::FlowUids uids;
    Counts counts;
    while ((*source)->next_batch(*batch, kBatchPacketsMax, 10s) == interface::Pull::Packets) {
      protocol::parse_batch(*batch, *headers, *keys);
      stage->take(*batch, *headers, *keys, *verdicts, kSession, &uids);
      for (std::uint32_t i = 0; i < batch->count; ++i) {
        for (const protocol::Uid& uid : uids.of(i)) {
          if (!uid.empty()) ++counts[name_of(uid)];
        }
      }
      (*source)->release(*batch);
    }
    stage->finish();
    expect_counts(counts, told);
    flows += told.packets.size();
  }
  EXPECT_GT(flows, 1000u);
}

}  // namespace
}  // namespace weir::capture
