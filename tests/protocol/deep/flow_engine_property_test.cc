// The flow engine against a slow model, and against itself: however packets come in, whoever has
// which shards, the same flows are told.
#include <algorithm>
#include <cstdlib>
#include <sstream>

#include <gtest/gtest.h>

#include "protocol/deep/flow_engine.h"
#include "protocol/deep/flow_model.h"
#include "protocol/deep/flow_packets.h"
#include "protocol/deep/flow_story.h"

namespace weir::protocol {
namespace {

using namespace std::chrono_literals;

std::string text_of(const Endpoints& ends) {
  std::ostringstream text;
  for (const IpAddress& address : {ends.originator, ends.responder}) {
    text << int{address.bytes[13]} << '.' << int{address.bytes[14]} << '.' << int{address.bytes[15]}
         << ' ';
  }
  text << ends.originator_port << '>' << ends.responder_port << '/' << int{ends.ip_protocol};
  return text.str();
}

std::string text_of(const ConnRecord& conn) {
  std::ostringstream text;
  text << "conn " << text_of(conn.ends) << ' ' << text_of(conn.uid).view() << " first "
       << conn.first.ns << " duration " << conn.duration.count() << ' ' << summary(conn)
       << " packets " << conn.packets[0] << '/' << conn.packets[1] << " ip " << conn.ip_bytes[0]
       << '/' << conn.ip_bytes[1] << " missed " << conn.missed_bytes << ' ' << name_of(conn.end);
  for (std::size_t i = 0; i < conn.tunnel_parent_count; ++i) {
    text << " in " << text_of(conn.tunnel_parents[i]).view();
  }
  return text.str();
}

std::string text_of(const TunnelRecord& tunnel) {
  std::ostringstream text;
  text << "tunnel " << text_of(tunnel.ends) << ' ' << text_of(tunnel.uid).view() << ' '
       << tunnel.time.ns << ' ' << name_of(tunnel.type) << ' ' << name_of(tunnel.action);
  return text.str();
}

std::string text_of(const Record& record) {
  std::ostringstream text;
  text << record.order.tick << '.' << record.order.rank << ' ';
  if (const auto* conn = std::get_if<ConnRecord>(&record.body)) text << text_of(*conn);
  if (const auto* tunnel = std::get_if<TunnelRecord>(&record.body)) text << text_of(*tunnel);
  if (const auto* weird = std::get_if<WeirdRecord>(&record.body)) {
    text << "weird " << weird->time.ns << ' ' << text_of(weird->uid).view() << ' '
         << name_of(weird->name) << ' ' << weird->number << ' ' << weird->other_number;
  }
  return text.str();
}

// Engines tell of themselves in these; all else is of flows.
bool of_flows(const Record& record) {
  return !std::holds_alternative<StatsRecord>(record.body) &&
         !std::holds_alternative<CaptureLossRecord>(record.body);
}

std::vector<PacketGroup> packets_of(std::uint64_t seed, FlowPackets::Options options,
                                    std::size_t count) {
  FlowPackets packets(seed, options);
  std::vector<PacketGroup> groups;
  for (std::size_t i = 0; i < count; ++i) groups.push_back(packets.next());
  return groups;
}

// WEIR_SEEDS: more, for a longer look than CI has time for.
std::uint64_t seeds(std::uint64_t usual) {
  const char* const given = std::getenv("WEIR_SEEDS");
  return given == nullptr ? usual : std::strtoull(given, nullptr, 10);
}

FlowOptions options_of(std::uint64_t seed) {
  FlowOptions options;
  options.flows_max = 6500;
  options.checksums = static_cast<ChecksumMode>(seed % 3);
  constexpr std::array<Duration, 4> kIntervals = {0s, 10min, 7s, 300ms};
  options.report_interval = kIntervals[seed / 3 % 4];
  options.uid_seed = seed;
  return options;
}

// How the packets of a run are handed over.
struct Handing {
  std::uint64_t seed = 0;
  std::size_t groups_max = 1;
  bool advances = false;
};

// Writes the parents into `groups`, if the carriers' shard is among the engine's.
std::vector<Record> run(std::vector<PacketGroup>& groups, const FlowOptions& options,
                        ShardSet shards, const Handing& handing) {
  KeptRecords records;
  auto made = FlowEngine::make(options, shards, records);
  EXPECT_TRUE(made.ok());
  FlowEngine& engine = **made;
  Prng random(handing.seed);
  for (std::size_t at = 0; at < groups.size();) {
    const std::size_t end = std::min(groups.size(), at + 1 + random.below(handing.groups_max));
    std::vector<FlowPacket> span;
    for (std::size_t i = at; i < end; ++i) {
      span.insert(span.end(), groups[i].begin(), groups[i].end());
    }
    engine.take(span);
    std::size_t from = 0;
    for (std::size_t i = at; i < end; ++i) {
      for (FlowPacket& packet : groups[i]) packet.parent = span[from++].parent;
    }
    if (handing.advances && end < groups.size() && random.below(2) == 0) {
      const Timestamp last = groups[end - 1].back().now;
      const auto until = static_cast<std::uint64_t>((groups[end].back().now - last).count());
      engine.advance(last + Duration(static_cast<std::int64_t>(random.below(until + 1))));
    }
    at = end;
  }
  engine.finish(groups.back().back().now);
  EXPECT_EQ(engine.flow_count(), 0u);
  for (const telemetry::Counter& open : engine.counters().open) EXPECT_EQ(open.value(), 0u);

  // Every flow that began has ended, and was told, or was a tunnel and no connection.
  std::uint64_t begun = 0;
  for (const telemetry::Counter& one : engine.counters().begun) begun += one.value();
  begun -= engine.counters().begun[static_cast<std::size_t>(FlowKind::IpTunnel)].value();
  std::uint64_t told = 0;
  for (const ConnRecord& conn : records.of<ConnRecord>()) {
    told += conn.end == FlowEnd::Interval ? 0 : 1;
  }
  EXPECT_EQ(begun, told);
  return records.records;
}

std::vector<std::string> texts_of_flows(const std::vector<Record>& records) {
  std::vector<std::string> texts;
  for (const Record& record : records) {
    if (of_flows(record)) texts.push_back(text_of(record));
  }
  return texts;
}

template <typename T>
void expect_same(const std::vector<T>& found, const std::vector<T>& expected) {
  const auto [a, b] = std::mismatch(found.begin(), found.end(), expected.begin(), expected.end());
  const std::string found_text = a == found.end() ? "(none)" : *a;
  const std::string expected_text = b == expected.end() ? "(none)" : *b;
  EXPECT_EQ(found_text, expected_text);
  EXPECT_EQ(found.size(), expected.size());
}

TEST(FlowEngineProperty, TellsWhatTheModelTells) {
  for (std::uint64_t seed = 0; seed < seeds(200) && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::vector<PacketGroup> groups =
        packets_of(seed, {.far_back = seed % 5 == 0}, 30 + seed % 300);
    std::vector<PacketGroup> model_groups = groups;
    FlowModel model(options_of(seed));
    for (PacketGroup& group : model_groups) model.take(group);
    model.finish(groups.back().back().now);
    std::vector<std::string> expected;
    for (const ConnRecord& conn : model.conns) expected.push_back(text_of(conn));
    for (const TunnelRecord& tunnel : model.tunnels) expected.push_back(text_of(tunnel));

    std::vector<std::string> found;
    for (const Record& record : run(groups, options_of(seed), all_shards(), {})) {
      if (const auto* conn = std::get_if<ConnRecord>(&record.body)) {
        found.push_back(text_of(*conn));
      }
      if (const auto* tunnel = std::get_if<TunnelRecord>(&record.body)) {
        found.push_back(text_of(*tunnel));
      }
    }
    std::sort(found.begin(), found.end());
    std::sort(expected.begin(), expected.end());
    expect_same(found, expected);
  }
}

// Each engine has a secret of its own, so that this says too that it does not matter.
TEST(FlowEngineProperty, DoesNotDependOnHowPacketsAreHandedOver) {
  for (std::uint64_t seed = 0; seed < seeds(20) && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    FlowOptions options = options_of(seed);
    if (seed % 2 == 0) options.flows_max = 1;
    const std::vector<PacketGroup> groups = packets_of(
        seed, {.flows_max = 60, .shards = 3, .raw_numbers = true, .far_back = true}, 400);
    std::vector<PacketGroup> one_by_one = groups;
    const auto expected = texts_of_flows(run(one_by_one, options, all_shards(), {}));
    std::vector<PacketGroup> in_pieces = groups;
    expect_same(texts_of_flows(run(in_pieces, options, all_shards(),
                                   {.seed = seed, .groups_max = 100, .advances = true})),
                expected);
  }
}

TEST(FlowEngineProperty, DoesNotDependOnHowShardsAreShared) {
  for (std::uint64_t seed = 0; seed < seeds(20) && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    FlowOptions options = options_of(seed);
    if (seed % 2 == 0) options.flows_max = 1;
    const std::vector<PacketGroup> groups = packets_of(
        seed, {.flows_max = 60, .shards = 5, .raw_numbers = true, .far_back = true}, 400);
    std::vector<PacketGroup> alone = groups;
    const auto expected = texts_of_flows(run(alone, options, all_shards(), {}));
    for (const std::size_t engines : {2u, 5u}) {
      std::vector<PacketGroup> shared = groups;
      std::vector<Record> merged;
      for (std::size_t engine = 0; engine < engines; ++engine) {
        ShardSet shards;
        // The first one has the carriers, and so names them for the others.
        for (std::size_t shard = 0; shard < kAllShards; ++shard) {
          if ((kAllShards - 1 - shard) % engines == engine) shards.set(shard);
        }
        for (const Record& record :
             run(shared, options, shards, {.seed = seed, .groups_max = 50, .advances = true})) {
          merged.push_back(record);
        }
      }
      std::stable_sort(merged.begin(), merged.end(),
                       [](const Record& a, const Record& b) { return a.order < b.order; });
      expect_same(texts_of_flows(merged), expected);
    }
  }
}

TEST(FlowEngineProperty, KeepsToItsBoundInAFloodOfSyns) {
  KeptRecords records;
  auto engine = FlowEngine::make({.flows_max = 6500}, all_shards(), records);
  ASSERT_TRUE(engine.ok());
  constexpr std::uint64_t kSyns = 60'000;
  for (std::uint64_t i = 0; i < kSyns; ++i) {
    FlowPacket packet{.key = story_key(static_cast<std::uint16_t>(i), 80, 6),
                      .time = kStoryStart + Duration(static_cast<std::int64_t>(i) * 1000),
                      .now = kStoryStart + Duration(static_cast<std::int64_t>(i) * 1000),
                      .ordinal = i,
                      .kind = FlowKind::Tcp,
                      .shard = static_cast<std::uint8_t>(i % kFlowShards),
                      .tcp_flags = kTcpSyn,
                      .sequence = 1,
                      .ip_bytes = 40};
    (*engine)->take({&packet, 1});
    ASSERT_LE((*engine)->flow_count(), 6400u);
  }
  EXPECT_EQ((*engine)->counters().evicted.value(), kSyns - 6400);
  (*engine)->finish(kStoryStart);
  EXPECT_EQ(records.of<ConnRecord>().size(), kSyns);
}

// A scan of one host meets connections that live: they stay.
TEST(FlowEngineProperty, KeepsLivingConnectionsInAFlood) {
  Story story({.flows_max = 1});
  story.handshake();
  for (std::uint16_t port = 1; port < 3000; ++port) {
    FlowPacket syn{.key = story_key(port, 80, 6),
                   .kind = FlowKind::Tcp,
                   .tcp_flags = kTcpSyn,
                   .sequence = 1,
                   .ip_bytes = 40};
    story.take(syn);
    if (port % 10 == 0) story.client({.sequence = 101, .acknowledgement = 501});
  }
  std::uint64_t found = 0;
  for (const ConnRecord& conn : story.end()) {
    if (conn.ends.originator_port != 50'000) continue;
    ++found;
    EXPECT_EQ(conn.end, FlowEnd::Timeout);
    EXPECT_EQ(conn.packets[0], 2u + 299u);
  }
  EXPECT_EQ(found, 1u);
}

}  // namespace
}  // namespace weir::protocol
