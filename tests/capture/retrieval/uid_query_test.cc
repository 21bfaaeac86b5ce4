// From a uid to the packets of its flow: what the analysis called by it on the way into a store is
// what a query for it gives.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "capture/inline_flows.h"
#include "capture/retrieval/store_source.h"
#include "capture/retrieval/store_writer.h"
#include "support/drained.h"
#include "support/packet_builder.h"
#include "support/random_flows.h"
#include "support/temp_dir.h"

namespace weir::capture::retrieval {
namespace {

using test::PacketBuilder;
using test::StoreWriter;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Frame = std::vector<std::uint8_t>;
using Times = std::set<std::int64_t>;

constexpr std::int64_t kBegin = 1'700'000'000'000'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

class NoRecords final : public protocol::RecordSink {
 public:
  void take(const protocol::Record& record) override { (void)record; }
  void reached(protocol::RecordOrder order) override { (void)order; }
};

// A store of packets that were analysed on their way. The time of a packet is its name.
class AnalysedStore {
 public:
  AnalysedStore(const std::string& directory, const output::StoreOptions& options)
      : directory_(directory), writer_(directory, options) {
    writer_.analyse(flows_.get());
  }

  // Answers with the uids of its flows.
  std::vector<std::string> add(const Frame& frame, std::int64_t time) {
    writer_.add(0, {.frame = frame, .time_ns = kBegin + time});
    std::vector<std::string> uids;
    for (const protocol::Uid& uid : writer_.uids()) {
      if (uid.empty()) continue;
      uids.emplace_back(protocol::text_of(uid).view());
      packets_[uids.back()].insert(time);
    }
    return uids;
  }
  StoreWriter& writer() { return writer_; }
  void stop_analysis() { writer_.analyse(nullptr); }
  void close() { writer_.close(1); }
  // By uid: what the analysis said.
  [[nodiscard]] const std::map<std::string, Times>& packets() const { return packets_; }

  // What a query gives.
  Times ask(StoreQuery query) {
    query.stores = {directory_};
    auto source = StoreSource::open(std::move(query)).value();
    Times times;
    for (const auto& packet : test::drain(*source).packets) times.insert(packet.time_ns - kBegin);
    counts_ = source->counts();
    return times;
  }
  Times ask(const std::string& uid) { return ask(StoreQuery{.uid = uid}); }
  [[nodiscard]] const QueryCounts& counts() const { return counts_; }

 private:
  NoRecords records_;
  std::unique_ptr<InlineFlows> flows_ = InlineFlows::make({}, records_).value();
  std::string directory_;
  StoreWriter writer_;
  std::map<std::string, Times> packets_;
  QueryCounts counts_;
};

// The pieces of a UDP datagram of 48 bytes; of the same number they are of one datagram.
Frame piece(std::uint16_t number, std::uint16_t offset, bool more, std::uint16_t port) {
  const Frame whole =
      PacketBuilder().ethernet().ipv4("10.0.0.1", "10.0.0.2").udp(port, 53).payload(40).build();
  return PacketBuilder()
      .ethernet()
      .ipv4("10.0.0.1", "10.0.0.2",
            {.id = number, .fragment_offset = offset, .more_fragments = more})
      .ip_protocol(17)
      .bytes(Bytes(whole).subspan(34 + std::size_t{offset} * 8, 24))
      .build();
}
Frame udp(std::uint16_t port, std::uint32_t payload = 100) {
  return PacketBuilder()
      .ethernet()
      .ipv4("10.0.0.1", "10.0.0.2")
      .udp(port, 53)
      .payload(payload)
      .build();
}

class UidQuery : public testing::Test {
 protected:
  test::TempDir dir_;
};

TEST_F(UidQuery, GivesWhatTheAnalysisCalledByIt) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    Prng random(seed);
    AnalysedStore store(dir_.file(std::to_string(seed)),
                        {.segment_bytes = seed % 3 == 0 ? 65'536u : 1u << 20,
                         .chunk_bytes = seed % 2 == 0 ? 4096u : 65'536u});
    std::vector<test::BothWays> flows;
    for (int i = 0; i < 60; ++i) flows.push_back(test::random_flow(random));
    // Pieces of datagrams, by the uid of what they make: they come along, and need not.
    std::map<std::string, Times> pieces;
    for (std::int64_t time = 0; time < 1200; ++time) {
      if (random.chance(1, 20)) {
        const auto number = static_cast<std::uint16_t>(time);
        const auto port = static_cast<std::uint16_t>(5000 + random.below(3));
        const bool turned = random.chance(1, 2);
        EXPECT_THAT(store.add(piece(number, turned ? 3 : 0, !turned, port), time), IsEmpty());
        const auto uids = store.add(piece(number, turned ? 0 : 3, turned, port), time + 1);
        ASSERT_EQ(uids.size(), 1u);
        pieces[uids[0]].insert(time++);
        continue;
      }
      const test::BothWays& flow = flows[random.below(flows.size())];
      store.add(random.chance(1, 2) ? flow.there : flow.back, time);
    }
    store.close();
    ASSERT_GT(store.packets().size(), 40u);
    std::size_t along = 0;
    std::uint64_t skipped = 0;
    for (const auto& [uid, expected] : store.packets()) {
      Times found = store.ask(uid);
      along += std::erase_if(found, [&](std::int64_t time) { return pieces[uid].contains(time); });
      EXPECT_EQ(found, expected) << uid;
      EXPECT_TRUE(store.counts().complete());
      EXPECT_THAT(store.counts().notes.kept(), IsEmpty());
      EXPECT_LE(store.counts().chunks.read, store.counts().chunks.considered);
      skipped += store.counts().chunks.considered - store.counts().chunks.read;
    }
    EXPECT_GT(along, 20u);
    EXPECT_GT(skipped, seed % 2 == 0 ? 100u : 0u);
  }
}

TEST_F(UidQuery, OfATunnelGivesAllThatItCarries) {
  AnalysedStore store(dir_.file("store"), {});
  const auto inside = [](std::uint16_t port) {
    return PacketBuilder()
        .ethernet()
        .ipv4("192.168.0.1", "192.168.0.2")
        .udp(50'000, 4789)
        .vxlan(7)
        .ethernet()
        .ipv4("10.0.0.1", "10.0.0.2")
        .udp(port, 53)
        .payload(20)
        .build();
  };
  const auto one = store.add(inside(1000), 1);
  const auto other = store.add(inside(1001), 2);
  store.add(udp(1000), 3);
  store.close();
  ASSERT_EQ(one.size(), 2u);
  ASSERT_EQ(other.size(), 2u);
  EXPECT_EQ(one[0], other[0]);
  EXPECT_THAT(store.ask(one[0]), ElementsAre(1, 2));
  EXPECT_THAT(store.ask(one[1]), ElementsAre(1));
  EXPECT_THAT(store.ask(other[1]), ElementsAre(2));
}

TEST_F(UidQuery, PiecesOfADatagramComeWithItWhereTheyAreInItsChunk) {
  AnalysedStore store(dir_.file("store"), {.chunk_bytes = 4096});
  store.add(piece(1, 0, true, 5000), 1);
  store.add(piece(2, 0, true, 5001), 2);
  const auto uids = store.add(piece(1, 3, false, 5000), 3);
  store.add(piece(2, 3, false, 5001), 4);
  store.add(piece(3, 0, true, 5000), 5);
  for (int i = 0; i < 4; ++i) store.add(udp(7, 2000), 10 + i);
  EXPECT_EQ(store.add(piece(3, 3, false, 5000), 20), uids);
  store.close();
  ASSERT_EQ(uids.size(), 1u);
  EXPECT_THAT(store.ask(uids[0]), ElementsAre(1, 3, 20)) << "5 is in a chunk without its uid";
}

TEST_F(UidQuery, AnotherFlowOfTheSamePortsComesAlongInAChunkOfBoth) {
  AnalysedStore store(dir_.file("store"), {.chunk_bytes = 8192});
  const auto first = store.add(udp(1000), 0);
  store.add(udp(1001), 1);
  // After the time that a UDP flow waits.
  const auto second = store.add(udp(1000), 100 * kSecond);
  for (int i = 0; i < 8; ++i) store.add(udp(1000, 2000), 100 * kSecond + 1 + i);
  store.close();
  ASSERT_EQ(first.size(), 1u);
  ASSERT_NE(first, second);
  const Times found = store.ask(first[0]);
  EXPECT_GT(found.size(), 1u);
  EXPECT_LT(found.size(), 9u) << "those of other chunks do not";
  EXPECT_EQ(store.counts().chunks_of_two_flows, 1u);
  EXPECT_THAT(store.counts().notes.kept(),
              ElementsAre(HasSubstr("another flow of the same addresses and ports is in 1 chunk")));
  EXPECT_THAT(store.ask({.window = {.until = {kBegin + kSecond}}, .uid = first[0]}),
              ElementsAre(0));
}

TEST_F(UidQuery, MayBeAskedTogetherWithAnExpression) {
  AnalysedStore store(dir_.file("store"), {});
  const auto uids = store.add(udp(1000, 100), 1);
  store.add(udp(1000, 500), 2);
  store.add(udp(1001, 500), 3);
  store.close();
  EXPECT_THAT(store.ask({.expression = "greater 300", .uid = uids[0]}), ElementsAre(2));
  EXPECT_THAT(store.ask({.expression = "tcp", .uid = uids[0]}), IsEmpty());
}

TEST_F(UidQuery, OneThatIsNowhereCostsTheDirectoryAlone) {
  AnalysedStore store(dir_.file("store"), {.chunk_bytes = 4096});
  for (int i = 0; i < 100; ++i) store.add(udp(static_cast<std::uint16_t>(1000 + i)), i);
  // The columns of other keys do not tell of it as a whole; that of uids does.
  store.add(Frame{1, 2, 3}, 200);
  store.close();
  EXPECT_THAT(store.ask("C0hC3VDzJSe9kNcv9a"), IsEmpty());
  EXPECT_EQ(store.counts().segments.read, 0u);
  EXPECT_EQ(store.counts().segments.skipped_by_column[7], 1u);
  EXPECT_TRUE(store.counts().complete());
  EXPECT_THAT(store.counts().notes.kept(), IsEmpty());
}

TEST_F(UidQuery, SaysWhereTheIndexHasNoUids) {
  AnalysedStore store(dir_.file("store"), {.segment_bytes = 16'384, .chunk_bytes = 4096});
  const auto uids = store.add(udp(1000, 2000), 0);
  for (int i = 1; i < 20; ++i) store.add(udp(1000, 2000), i);
  store.stop_analysis();
  for (int i = 20; i < 40; ++i) store.writer().add(0, {udp(1000, 2000), kBegin + i});
  store.close();
  const Times found = store.ask(uids[0]);
  EXPECT_GT(found.size(), 10u);
  EXPECT_LT(*found.rbegin(), 20);
  EXPECT_FALSE(store.counts().complete());
  EXPECT_GT(store.counts().chunks_without_uids, 5u);
  EXPECT_THAT(store.counts().notes.kept(),
              ElementsAre(HasSubstr("of the asked time the index has no uids: they were not")));
  store.ask({.window = {.since = {kBegin + 30}}, .uid = uids[0]});
  EXPECT_THAT(store.counts().notes.kept(), ElementsAre(HasSubstr("written without --logs")));
  // Nothing is said of chunks that are left out for other reasons.
  store.ask({.expression = "tcp", .uid = uids[0]});
  EXPECT_TRUE(store.counts().complete());
}

TEST_F(UidQuery, AnOpenSegmentIsSearchedAsFarAsItsPagesGo) {
  AnalysedStore store(dir_.file("store"), {.chunk_bytes = 4096});
  const auto uids = store.add(udp(1000, 2000), 0);
  for (int i = 1; i < 100; ++i) store.add(udp(1000, 2000), i);
  store.writer().flush(0);
  EXPECT_EQ(store.ask(uids[0]).size(), 64u) << "one in each chunk of the page";
  EXPECT_EQ(store.counts().chunks_without_uids, 36u);
  store.close();
  EXPECT_EQ(store.ask(uids[0]).size(), 100u);
}

TEST(UidQuestion, TakesWhatLogsHaveAndNothingElse) {
  const KeyQuestion question = uid_question("C000000LygHa16AHYG").value();
  EXPECT_EQ(question.column, storage::segment::Column::Uid);
  EXPECT_EQ(question.ranges[0].low, (storage::segment::IndexKey{.high = 1, .low = 0}));
  EXPECT_EQ(question.ranges[0].high,
            (storage::segment::IndexKey{.high = 1, .low = 0xffff'ffff'ffff}));
  for (const char* text : {"", "C", "CHhAvVGS1DHFjwGM9", "D000000LygHa16AHYG", "C000000LygHa16AHY=",
                           "C000000LygHa16AHYGG", "Czzzzzzzzzzzzzzzzz", "C00000000000000000"}) {
    EXPECT_FALSE(uid_question(text)) << text;
  }
  const auto opened = StoreSource::open({.stores = {"/nowhere"}, .uid = "CHhAvVGS1DHFjwGM9"});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::Usage);
  EXPECT_THAT(opened.error().context, HasSubstr("--uid CHhAvVGS1DHFjwGM9: no uid"));
}

}  // namespace
}  // namespace weir::capture::retrieval
