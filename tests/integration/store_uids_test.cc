// `weir read --logs --store`: packets are found by the uids of conn.log.
#include <array>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/retrieval/store_source.h"
#include "integration/stored_packets.h"
#include "integration/stored_uids.h"
#include "protocol/deep/community_id.h"
#include "support/capture_expectations.h"
#include "support/data_set.h"
#include "support/drained.h"
#include "support/frames.h"
#include "support/headers_of.h"
#include "support/pcapng_walker.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::size_t kSourcePortAt = 14 + 20;

class StoreUids : public testing::Test {
 protected:
  // Flows of a few packets each, half of them in VXLAN.
  std::string input(std::uint32_t count) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) {
      FrameBytes frame = udp_frame(i, 300);
      store_be(&frame[kSourcePortAt], static_cast<std::uint16_t>(1000 + i % 500));
      if (i % 2 == 0) frame = in_vxlan(frame, 42);
      frames.push_back(std::move(frame));
    }
    write_file(dir_.file("in.pcap"), pcap_bytes(frames));
    return dir_.file("in.pcap");
  }
  CommandResult read(std::vector<std::string> words) {
    words.insert(words.begin(), {"read"});
    words.insert(words.end(),
                 {"--store", store_, "--store-chunk", "64KiB", "--store-durability", "none"});
    return run_weir(std::move(words));
  }
  std::uint64_t expect_found(const std::string& logs) {
    return expect_uids_found(indexed_chunks(store_), log_rows(logs, "conn"),
                             log_rows(logs, "tunnel"));
  }

  TempDir dir_;
  const std::string store_ = dir_.file("packets");
};

TEST_F(StoreUids, EveryPacketOfALoggedFlowIsInAChunkThatItsUidFinds) {
  const auto result = read({input(5000), "--logs", dir_.file("logs")});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_GT(log_rows(dir_.file("logs"), "conn").size(), 100u);
  EXPECT_EQ(log_rows(dir_.file("logs"), "tunnel").size(), 2u) << "found, and over";
  const auto chunks = indexed_chunks(store_);
  EXPECT_GT(chunks.size(), 20u);
  EXPECT_EQ(expect_found(dir_.file("logs")), 5000u);
}

// Each flow has a number, which is its port; those in the tunnel have one of their own.
TEST_F(StoreUids, AQueryForTheUidOfALogGivesThePacketsOfItsFlow) {
  ASSERT_EQ(read({input(600), "--logs", dir_.file("logs")}).status, 0);
  using Frames = std::multiset<std::string>;
  const auto ask = [&](const std::string& uid) {
    const std::string out = dir_.file(uid + ".pcapng");
    const auto result = run_weir({"query", store_, "--uid", uid, "-w", out});
    EXPECT_EQ(result.status, 0) << result.err;
    Frames frames;
    for (const WalkedPacket& packet : walk_pcapng_file(out).packets) frames.insert(packet.data);
    return frames;
  };
  std::map<std::pair<std::uint16_t, bool>, Frames> expected;
  Frames in_tunnel;
  for (std::uint32_t i = 0; i < 600; ++i) {
    FrameBytes frame = udp_frame(i, 300);
    const auto port = static_cast<std::uint16_t>(1000 + i % 500);
    store_be(&frame[kSourcePortAt], port);
    if (i % 2 == 0) frame = in_vxlan(frame, 42);
    const std::string bytes(frame.begin(), frame.end());
    expected[{port, i % 2 == 0}].insert(bytes);
    if (i % 2 == 0) in_tunnel.insert(bytes);
  }
  std::size_t flows = 0;
  for (const auto& row : log_rows(dir_.file("logs"), "conn")) {
    if (row.at("id.resp_p") == 4789) continue;
    if (++flows % 10 != 1) continue;
    const auto port = row.at("id.orig_p").get<std::uint16_t>();
    EXPECT_TRUE(ask(row.at("uid")) == expected.at({port, row.contains("vni")})) << row;
  }
  EXPECT_EQ(flows, 500u);
  EXPECT_TRUE(ask(log_rows(dir_.file("logs"), "tunnel").at(0).at("uid")) == in_tunnel);
}

TEST_F(StoreUids, AQueryForAUidSaysWhereItCannotTell) {
  ASSERT_EQ(read({input(100)}).status, 0);
  const auto nothing = run_weir({"query", store_, "--uid", "C0hC3VDzJSe9kNcv9a"});
  EXPECT_EQ(nothing.status, 0);
  EXPECT_THAT(nothing.err, HasSubstr("the index has no uids here: the store was written without "
                                     "--logs"));
  const auto wrong = run_weir({"query", store_, "--uid", "CHhAvVGS1DHFjwGM9"});
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("--uid CHhAvVGS1DHFjwGM9: no uid"));
}

TEST_F(StoreUids, WithoutLogsThePagesSayNothingOfUids) {
  ASSERT_EQ(read({input(1000)}).status, 0);
  const auto chunks = indexed_chunks(store_);
  EXPECT_GT(chunks.size(), 3u);
  for (const IndexedChunk& chunk : chunks) EXPECT_FALSE(chunk.has_uids);
}

TEST_F(StoreUids, APacketThatTheFilterLeavesOutIsInNeither) {
  ASSERT_EQ(read({input(1000), "--logs", dir_.file("logs"), "udp port 4789"}).status, 0);
  EXPECT_EQ(frames_in_store(store_).size(), 500u);
  EXPECT_EQ(expect_found(dir_.file("logs")), 500u);
}

// "0000000012#345"
std::string ref_of(const IndexedChunk& chunk) {
  std::array<char, 40> text;
  (void)std::snprintf(text.data(), text.size(), "%010" PRIu64 "#%" PRIu32, chunk.segment,
                      chunk.number);
  return text.data();
}

TEST_F(StoreUids, ALineOfConnLogNamesTheChunkFromWhichOnItsPacketsStand) {
  const auto result = read({input(5000), "--logs", dir_.file("logs"), "--store-segment", "1MiB"});
  ASSERT_EQ(result.status, 0) << result.err;
  const auto chunks = indexed_chunks(store_);
  std::map<std::string, std::size_t> places;
  std::map<std::string, std::size_t> first_packets;  // of a flow and its first time
  const auto name = [](const std::string& id, std::int64_t us) { return id + std::to_string(us); };
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    places[ref_of(chunks[i])] = i;
    for (const IndexedChunk::Packet& packet : chunks[i].packets) {
      first_packets.try_emplace(name(packet.community_id, packet.time / 1000), i);
    }
  }
  ASSERT_GT(chunks.back().segment, 1u) << "several segments";
  // A batch is stored from there on: 256 packets of 350 bytes, in chunks of 64 KiB.
  constexpr std::size_t kChunksOfABatch = 2;
  std::size_t flows = 0;
  for (const auto& row : log_rows(dir_.file("logs"), "conn")) {
    const auto named = places.find(row.value("store_ref", ""));
    ASSERT_NE(named, places.end()) << row;
    if (row.at("id.resp_p") == 4789) continue;
    const std::int64_t us = std::llround(row.at("ts").get<double>() * 1e6);
    const auto first = first_packets.find(name(row.at("community_id"), us));
    ASSERT_NE(first, first_packets.end()) << row;
    EXPECT_GE(first->second, named->second) << row;
    EXPECT_LE(first->second, named->second + kChunksOfABatch) << row;
    ++flows;
  }
  EXPECT_EQ(flows, 500u);
}

TEST_F(StoreUids, WithSeveralDirectoriesItNamesTheDirectoryToo) {
  ASSERT_EQ(read({input(5000), "--logs", dir_.file("logs"), "--store", dir_.file("second")}).status,
            0);
  std::set<char> directories;
  for (const auto& row : log_rows(dir_.file("logs"), "conn")) {
    const std::string ref = row.value("store_ref", "");
    ASSERT_THAT(ref, testing::MatchesRegex("[12]/0000000001#[0-9]+")) << row;
    directories.insert(ref[0]);
  }
  EXPECT_EQ(directories, (std::set<char>{'1', '2'}));
}

TEST_F(StoreUids, WithoutAStoreLinesNameNone) {
  ASSERT_EQ(run_weir({"read", input(100), "--logs", dir_.file("logs")}).status, 0);
  for (const auto& row : log_rows(dir_.file("logs"), "conn")) {
    EXPECT_FALSE(row.contains("store_ref")) << row;
  }
}

TEST_F(StoreUids, WorkersOfTheAnalysisStandBackAndTheLogsAreTheSame) {
  const std::string in = input(1000);
  const auto alone = run_weir({"read", in, "--logs", dir_.file("alone"), "--workers", "3"});
  EXPECT_THAT(alone.err, Not(HasSubstr("--workers")));
  const auto result = read({in, "--logs", dir_.file("logs"), "--workers", "3"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("weir: --workers 3: with --store one thread "));
  EXPECT_EQ(without_refs(log_files(dir_.file("logs"))), log_files(dir_.file("alone")));
  EXPECT_EQ(expect_found(dir_.file("logs")), 1000u);
}

TEST_F(StoreUids, OfOneThreadNothingIsSaid) {
  const auto result = read({input(100), "--logs", dir_.file("logs"), "--workers", "1"});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, Not(HasSubstr("--workers")));
}

TEST_F(StoreUids, RecoveredChunksHaveNoUidsAndSayNothingOfThem) {
  ASSERT_EQ(read({input(1000), "--logs", dir_.file("logs")}).status, 0);
  // As a writer that died leaves it: without page and tail.
  const std::string path = read_store(store_).at(0).path;
  auto file = storage::segment::SegmentFile::open(path);
  ASSERT_TRUE(file.ok());
  auto walk = file->walk(storage::segment::Depth::Bytes);
  std::uint64_t end = 0;
  while (const auto unit = walk.next()) {
    if (unit->block.kind == storage::segment::Kind::Index) break;
    end = unit->header.file_offset + unit->header.unit_bytes;
  }
  std::filesystem::resize_file(path, end);
  ASSERT_EQ(run_weir({"store", "repair", store_}).status, 0);
  const auto chunks = indexed_chunks(store_);
  EXPECT_GT(chunks.size(), 3u);
  for (const IndexedChunk& chunk : chunks) EXPECT_FALSE(chunk.has_uids);
}

void expect_of_flow(const DrainedPacket& packet, const std::string& community_id) {
  const Parsed parsed = parse({.data = packet.frame.data(),
                               .captured_bytes = static_cast<std::uint32_t>(packet.frame.size()),
                               .wire_bytes = packet.wire_bytes,
                               .link_type = packet.link_type});
  if (parsed.headers.fragment) return;
  const PacketKeys& keys = parsed.keys;
  const auto found = protocol::CommunityIdHasher().text({.originator = keys.source,
                                                         .responder = keys.destination,
                                                         .originator_port = keys.source_port,
                                                         .responder_port = keys.destination_port,
                                                         .ip_protocol = keys.ip_protocol,
                                                         .ip_version = keys.ip_version});
  EXPECT_EQ(found.view(), community_id);
}

// At least as many packets as conn.log counts of each flow: it leaves out those whose checksums are
// bad, and of datagrams in fragments there are more. Those of TCP have its Community ID. Answers
// with how many flows were asked for.
std::uint64_t expect_flows_answered(const std::string& store, const Rows& connections) {
  constexpr std::size_t kMost = 40;
  std::uint64_t asked = 0;
  for (std::size_t i = 0; i < connections.size(); i += 1 + connections.size() / kMost) {
    const auto& row = connections[i];
    auto source =
        capture::retrieval::StoreSource::open({.stores = {store}, .uid = row.at("uid")}).value();
    const Drained found = drain(*source);
    EXPECT_EQ(found.error, "");
    EXPECT_TRUE(source->counts().complete());
    const auto logged =
        row.at("orig_pkts").get<std::uint64_t>() + row.at("resp_pkts").get<std::uint64_t>();
    EXPECT_GE(found.packets.size(), logged) << row;
    for (const DrainedPacket& packet : found.packets) {
      if (row.at("proto") == "tcp") expect_of_flow(packet, row.at("community_id"));
    }
    ++asked;
  }
  return asked;
}

// Those with a few packets say no more: FlowUids has them all, packet for packet.
TEST_F(StoreUids, FindThePacketsOfTheLargerCapturesOfTheDataSet) {
  WEIR_SKIP_WITHOUT_DATA();
  std::uint64_t looked_for = 0;
  std::uint64_t asked = 0;
  std::uint64_t number = 0;
  for (const CaptureExpectation& capture : load_capture_expectations()) {
    if (capture.damaged || capture.may_fail || capture.packets < 100) continue;
    SCOPED_TRACE(capture.file);
    const std::string name = dir_.file(std::to_string(number++));
    const auto result = run_weir({"read", (data_set_dir() / capture.file).string(), "--logs",
                                  name + ".logs", "--store", name + ".store", "--store-chunk",
                                  "64KiB", "--store-durability", "none"});
    EXPECT_EQ(result.status, 0) << result.err;
    looked_for +=
        expect_uids_found(indexed_chunks(name + ".store"), log_rows(name + ".logs", "conn"),
                          log_rows(name + ".logs", "tunnel"));
    asked += expect_flows_answered(name + ".store", log_rows(name + ".logs", "conn"));
  }
  EXPECT_GT(asked, 500u);
  EXPECT_GT(looked_for, 10'000u);
}

}  // namespace
}  // namespace weir::test
