// How packets are found by the uids of their flows: from what an offer says to index pages.
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "output/index_facts.h"
#include "protocol/deep/flow_identity.h"
#include "protocol/deep/flow_uids.h"
#include "storage/segment/index_page.h"
#include "store_fixture.h"
#include "support/headers_of.h"
#include "support/packet_builder.h"

namespace weir::output {
namespace {

using namespace storage::segment;
using test::PacketBuilder;

// A page in which the frame is in several chunks, each time with other uids.
std::vector<std::uint8_t> page_with_uids(const std::vector<std::uint8_t>& frame,
                                         const std::vector<std::vector<protocol::Uid>>& of_chunks) {
  const auto bytes = static_cast<std::uint32_t>(frame.size());
  const Packet packet{.data = frame.data(),
                      .captured_bytes = bytes,
                      .wire_bytes = bytes,
                      .link_type = LinkType::Ethernet};
  const test::Parsed parsed = test::parse(packet);
  const IndexFacts facts(1);
  IndexBuilder builder(UidColumn::Yes);
  for (const std::vector<protocol::Uid>& uids : of_chunks) {
    builder.begin_chunk();
    const std::uint64_t hash = facts.hash(packet, parsed.headers, parsed.keys, uids);
    facts.note(hash, packet, parsed.headers, parsed.keys, builder, uids);
    builder.end_chunk({});
  }
  std::vector<std::uint8_t> unit(kUnitBytesMax);
  unit.resize(builder.encode({}, unit, ColumnFilters{}));
  return unit;
}

protocol::Uid uid_of(std::uint32_t number) { return {.words = {0, number << 16, 9}}; }
// Whatever the identity of the flow is.
std::optional<ChunkMask> find_uid(const KeyColumn& column, std::uint64_t start) {
  return column.range(uid_key(start, 0), uid_key(start, 0xffff'ffff'ffff));
}

TEST(IndexFacts, APacketOfSeveralFlowsIsFoundByTheUidOfEach) {
  using Uids = std::vector<protocol::Uid>;
  const Uids none = {};
  const Uids one = {uid_of(1)};
  const Uids pair = {uid_of(1), uid_of(2)};
  const Uids turned = {uid_of(2), uid_of(1)};
  const Uids same = {uid_of(3), uid_of(3)};
  const Uids same_others = {uid_of(4), uid_of(4)};
  const Uids noticed = {uid_of(5), {}};
  for (const bool tunnel : {false, true}) {
    SCOPED_TRACE(tunnel);
    PacketBuilder builder;
    builder.ethernet().ipv4("10.0.0.1", "10.0.0.2");
    if (tunnel) builder.udp(5, 4789).vxlan(7).ethernet().ipv4("10.0.0.3", "10.0.0.4");
    const auto unit = page_with_uids(builder.tcp(1, 2).build(),
                                     {none, one, pair, turned, same, same_others, noticed});
    const IndexPage page = IndexPage::parse(unit).value();
    EXPECT_EQ(page.opaque_chunks(), 0u);
    const KeyColumn column = page.column(Column::Uid).value();
    EXPECT_EQ(column.entries(), tunnel ? 9u : 5u) << "with the identity of each level";
    EXPECT_EQ(find_uid(column, 1), 0b000'1110u);
    EXPECT_EQ(find_uid(column, 2), 0b000'1100u);
    EXPECT_EQ(find_uid(column, 3), 0b001'0000u);
    EXPECT_EQ(find_uid(column, 4), 0b010'0000u);
    EXPECT_EQ(find_uid(column, 5), 0b100'0000u);
  }
}

TEST(IndexFacts, AUidStandsWithTheIdentityOfItsFlow) {
  using Uids = std::vector<protocol::Uid>;
  const auto frame = PacketBuilder()
                         .ethernet()
                         .ipv4("10.0.0.1", "10.0.0.2")
                         .udp(5, 4789)
                         .vxlan(7)
                         .ethernet()
                         .ipv4("10.0.0.3", "10.0.0.4")
                         .tcp(1, 2)
                         .build();
  const auto unit = page_with_uids(frame, {Uids{{.words = {1, 0x0002'0000, 3}}, uid_of(5)}});
  const auto bytes = static_cast<std::uint32_t>(frame.size());
  const Packet packet{.data = frame.data(), .captured_bytes = bytes, .wire_bytes = bytes};
  const test::Parsed parsed = test::parse(packet);
  const protocol::FlowIdentities identities(packet, parsed.headers, parsed.keys);
  ASSERT_EQ(identities.all().size(), 2u);
  const KeyColumn column = IndexPage::parse(unit)->column(Column::Uid).value();
  EXPECT_EQ(column.entries(), 2u);
  EXPECT_EQ(column.find(uid_key(0x1'0002, identities.all()[0])), 1u);
  EXPECT_EQ(column.find(uid_key(5, identities.all()[1])), 1u);
}

TEST(IndexFacts, ADatagramInFragmentsIsFoundByEachFragmentThatMakesItWhole) {
  using Uids = std::vector<protocol::Uid>;
  const IndexFacts facts(1);
  // The outer packet of a tunnel in fragments, or the innermost one.
  for (const bool outer : {false, true}) {
    SCOPED_TRACE(outer);
    IndexBuilder builder(UidColumn::Yes);
    const Uids uids = {uid_of(1)};
    std::vector<std::uint64_t> identities;
    for (std::uint16_t id = 1; id <= 3; ++id) {
      PacketBuilder build;
      build.ethernet().ipv4("10.0.0.1", "10.0.0.2", {.id = id, .more_fragments = true});
      if (outer) build.udp(5, 4789).vxlan(7).ethernet().ipv4("10.0.0.3", "10.0.0.4");
      const auto frame = build.tcp(1, 2).build();
      const auto bytes = static_cast<std::uint32_t>(frame.size());
      const Packet packet{.data = frame.data(), .captured_bytes = bytes, .wire_bytes = bytes};
      const test::Parsed parsed = test::parse(packet);
      builder.begin_chunk();
      const std::uint64_t hash = facts.hash(packet, parsed.headers, parsed.keys, uids);
      facts.note(hash, packet, parsed.headers, parsed.keys, builder, uids);
      builder.end_chunk({});
      identities.push_back(
          protocol::FlowIdentities(packet, parsed.headers, parsed.keys).of_flow(0));
    }
    std::vector<std::uint8_t> unit(kUnitBytesMax);
    unit.resize(builder.encode({}, unit, ColumnFilters{}));
    const KeyColumn column = IndexPage::parse(unit)->column(Column::Uid).value();
    EXPECT_EQ(column.entries(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(column.find(uid_key(1, identities[i])), ChunkMask{1} << i);
    }
  }
}

TEST(IndexFacts, APacketOfMoreFlowsThanAFactSetHasRoomForTakesTheColumnFromItsPage) {
  const auto frame = PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").tcp(1, 2).build();
  std::vector<protocol::Uid> uids;
  for (std::uint32_t i = 1; i <= kKeysOfFactSetMax; ++i) uids.push_back(uid_of(i));
  std::vector<protocol::Uid> more = uids;
  more.push_back(uid_of(200));
  const auto with = page_with_uids(frame, {uids, uids});
  EXPECT_EQ(find_uid(IndexPage::parse(with)->column(Column::Uid).value(), kKeysOfFactSetMax),
            0b11u);
  const auto without = page_with_uids(frame, {uids, more, uids});
  EXPECT_FALSE(IndexPage::parse(without)->entry(Column::Uid));
  EXPECT_EQ(IndexPage::parse(without)->opaque_chunks(), 0u);
}

// Chunks of 4 KiB in segments of 16: a head and three packets of frame_for_a_chunk(). Each segment
// has one page.
constexpr std::uint32_t kPacketsOfPage = 3;

class UidLane {
 public:
  // Each packet is of the flow of its number, from 1, as far as anybody says so.
  void offer(std::uint32_t count, bool with_uids) {
    TestBatch batch;
    protocol::FlowUids uids;
    for (std::uint32_t i = 0; i < count; ++i) {
      batch.add(frame_for_a_chunk(offered_ + i), 1'000);
      uids.begin(i, i);
    }
    uids.end(count, count);
    for (protocol::Uid& uid : uids.make_room(count)) uid = uid_of(++offered_);
    EXPECT_TRUE(bench_.offer(batch, *TestBatch::all(), with_uids ? &uids : nullptr));
  }
  // Of each page: the chunks that have the uid; nothing: it does not know.
  std::vector<std::optional<ChunkMask>> find(std::uint32_t uid) {
    EXPECT_TRUE(bench_.lane->close().ok());
    std::vector<std::optional<ChunkMask>> found;
    for (const auto& segment : bench_.supply.segments()) {
      const Bytes file = segment->file.content;
      const Directory directory = content_of(file).directory.value();
      for (const DirectoryPage& row : directory.pages) {
        const auto page = IndexPage::parse(file.subspan(row.offset, row.unit_bytes)).value();
        const auto column = page.column(Column::Uid);
        found.push_back(column ? find_uid(*column, uid) : std::nullopt);
      }
    }
    return found;
  }

 private:
  LaneBench bench_{{.chunk_bytes = 4096, .segment_bytes = 16'384}};
  std::uint32_t offered_ = 0;
};

using Found = std::vector<std::optional<ChunkMask>>;

TEST(StoreLaneUids, APacketIsFoundByTheUidOfItsFlow) {
  UidLane lane;
  lane.offer(2 * kPacketsOfPage, true);
  EXPECT_EQ(lane.find(1), (Found{0b001, 0}));
  EXPECT_EQ(lane.find(6), (Found{0, 0b100}));
  EXPECT_EQ(lane.find(7), (Found{0, 0}));
}

TEST(StoreLaneUids, WithoutAnAnalysisPagesSayNothingOfUids) {
  UidLane lane;
  lane.offer(2 * kPacketsOfPage, false);
  EXPECT_EQ(lane.find(1), (Found{std::nullopt, std::nullopt}));
}

TEST(StoreLaneUids, AnAnalysisThatComesLaterIsInThePagesThatBeginAfterIt) {
  UidLane lane;
  lane.offer(kPacketsOfPage + 1, false);
  lane.offer(2 * kPacketsOfPage - 1, true);
  EXPECT_EQ(lane.find(7), (Found{std::nullopt, std::nullopt, 0b001}));
}

TEST(StoreLaneUids, AnAnalysisThatGoesIsInThePagesThatEndBeforeIt) {
  UidLane lane;
  lane.offer(kPacketsOfPage + 1, true);
  lane.offer(2 * kPacketsOfPage - 1, false);
  EXPECT_EQ(lane.find(2), (Found{0b010, std::nullopt, std::nullopt}));
}

}  // namespace
}  // namespace weir::output
