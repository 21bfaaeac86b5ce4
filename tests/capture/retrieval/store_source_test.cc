// Queries over real stores: what comes, in which order, and what is said of what does not come.
#include "capture/retrieval/store_source.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "capture/retrieval/expression_model.h"
#include "capture/retrieval/store_writer.h"
#include "storage/segment/store_directory.h"
#include "support/community_id.h"
#include "support/drained.h"
#include "support/headers_of.h"
#include "support/packet_builder.h"
#include "support/random_flows.h"
#include "support/segment_bytes.h"
#include "support/temp_dir.h"
#include "support/typical_filters.h"

namespace weir::capture::retrieval {
namespace {

namespace fs = std::filesystem;
using test::Drained;
using test::StoreWriter;
using test::WrittenPacket;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kBegin = 1'700'000'000'000'000'000;

std::vector<std::uint8_t> udp(const std::string& source, std::uint16_t port,
                              std::uint32_t payload = 1000) {
  return test::PacketBuilder()
      .ethernet()
      .ipv4(source, "10.0.0.200")
      .udp(port, 53)
      .payload(payload)
      .build();
}

// Times of packets, from kBegin.
std::vector<std::int64_t> times_of(const Drained& drained) {
  std::vector<std::int64_t> times;
  for (const auto& packet : drained.packets) times.push_back(packet.time_ns - kBegin);
  return times;
}

class StoreSourceTest : public testing::Test {
 protected:
  std::unique_ptr<StoreSource> open(StoreQuery query) {
    query.stores = {store_};
    auto source = StoreSource::open(std::move(query));
    EXPECT_TRUE(source.ok()) << source.error().context;
    return std::move(*source);
  }
  Drained ask(const std::string& expression) {
    source_ = open({.expression = expression});
    return test::drain(*source_);
  }
  [[nodiscard]] QueryCounts counts() const { return source_->counts(); }
  // Forty packets in chunks of one each, one a second, of 10.0.0.1, .2, ... in turn.
  void write_forty() {
    StoreWriter writer(store_, {.chunk_bytes = 4096});
    for (int i = 0; i < 40; ++i) {
      writer.add(0, {.frame = udp("10.0.0." + std::to_string(1 + i % 10),
                                  static_cast<std::uint16_t>(1000 + i), 3000),
                     .time_ns = kBegin + i * 1'000'000'000LL});
    }
    writer.close(1);
  }
  [[nodiscard]] std::string only_segment() const {
    const auto listing = storage::segment::list_store(store_).value();
    return store_ + "/" + listing.segments.at(0).file;
  }

  test::TempDir dir_;
  const std::string store_ = dir_.file("packets");
  std::unique_ptr<StoreSource> source_;
};

TEST_F(StoreSourceTest, GivesThePacketsThatMatchAndReadsTheirChunksAlone) {
  write_forty();
  const Drained found = ask("host 10.0.0.3");
  EXPECT_THAT(times_of(found),
              ElementsAre(2'000'000'000, 12'000'000'000, 22'000'000'000, 32'000'000'000));
  EXPECT_EQ(found.packets[0].frame, udp("10.0.0.3", 1002, 3000));
  EXPECT_EQ(counts().chunks.considered, 40u);
  EXPECT_EQ(counts().chunks.read, 4u);
  EXPECT_EQ(counts().chunks.skipped_by_column[2], 36u);
  EXPECT_TRUE(counts().complete());
}

// 400 chunks of four packets, of one time each.
TEST_F(StoreSourceTest, ReadsNoFurtherAheadThanTheAnswersMemoryAllows) {
  StoreWriter writer(store_, {.chunk_bytes = 4096});
  for (int i = 0; i < 400; ++i) {
    for (int n = 0; n < 4; ++n) {
      writer.add(0, {.frame = udp("10.0.0.1", 1000, 900), .time_ns = kBegin + i * 1000});
    }
  }
  writer.close(1);
  constexpr std::uint64_t kBytes = 64 * 1024;
  source_ = open({.threads = 2, .answer_bytes_max = kBytes});
  // Of the segment, what is no chunk counts as read from the beginning.
  const std::uint64_t others = source_->progress().bytes_total - std::uint64_t{400} * 4096;
  auto batch = std::make_unique<PacketBatch>();
  std::uint64_t packets = 0;
  for (;;) {
    const auto pull = source_->next_batch(*batch, 8, std::chrono::seconds(10));
    if (pull == interface::Pull::Idle) continue;
    if (pull != interface::Pull::Packets) break;
    packets += batch->count;
    // What is read and not given: the bound, and the chunk that crosses it.
    const std::uint64_t given = packets / 4 * 4096;
    EXPECT_LE(source_->progress().bytes_done, others + given + kBytes + 3 * std::uint64_t{4096})
        << packets;
    source_->release(*batch);
  }
  EXPECT_EQ(packets, 1600u);
}

TEST_F(StoreSourceTest, ComesBackNowAndThenWhereNothingMatches) {
  StoreWriter writer(store_, {.chunk_bytes = 4096});
  for (int i = 0; i < 400; ++i) {
    writer.add(0, {.frame = udp("10.0.0.1", 1000, 3000), .time_ns = kBegin + i * 1000});
  }
  writer.close(1);
  // Of this the index knows nothing.
  source_ = open({.expression = "ether[0] = 0xff"});
  auto batch = std::make_unique<PacketBatch>();
  int idle = 0;
  while (source_->next_batch(*batch, 256, std::chrono::hours(1)) == interface::Pull::Idle) ++idle;
  EXPECT_GE(idle, 5);
  EXPECT_EQ(counts().chunks.read, 400u);
}

TEST_F(StoreSourceTest, TheSurveyEndsWhereItIsStopped) {
  write_forty();
  const std::atomic<bool> stop = true;
  const auto stopped = StoreSource::open({.stores = {store_}, .stop = &stop});
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().code, ErrorCode::Closed);
}

TEST_F(StoreSourceTest, AHostThatIsNowhereCostsTheDirectoryAlone) {
  write_forty();
  EXPECT_TRUE(ask("host 192.0.2.77").packets.empty());
  EXPECT_EQ(counts().segments.considered, 1u);
  EXPECT_EQ(counts().segments.read, 0u);
  EXPECT_EQ(counts().segments.skipped_by_column[2], 1u);
  EXPECT_EQ(counts().chunks.considered, 40u);
  EXPECT_EQ(counts().chunks.skipped_by_column[2], 40u);
  EXPECT_EQ(counts().pages_read, 0u);
}

TEST_F(StoreSourceTest, BothEndsOfTheAskedTimeAreOfIt) {
  write_forty();
  source_ =
      open({.window = {.since = {kBegin + 5'000'000'000}, .until = {kBegin + 7'000'000'000}}});
  EXPECT_THAT(times_of(test::drain(*source_)),
              ElementsAre(5'000'000'000, 6'000'000'000, 7'000'000'000));
  EXPECT_EQ(counts().chunks.skipped_by_time, 37u);
  source_ = open({.window = {.since = {kBegin + 40'000'000'000}}});
  EXPECT_TRUE(test::drain(*source_).packets.empty());
  EXPECT_EQ(counts().segments.skipped_by_time, 1u);
}

TEST_F(StoreSourceTest, PacketsOfSeveralLanesComeByTime) {
  StoreWriter writer(store_, {.lanes = 3, .segment_bytes = 64 * 1024, .chunk_bytes = 8192});
  Prng random(7);
  for (int i = 0; i < 600; ++i) {
    // A little out of order within a lane.
    writer.add(random.below(3),
               {.frame = udp("10.0.0.1", static_cast<std::uint16_t>(i), 400),
                .time_ns = kBegin + i * 1000 + static_cast<std::int64_t>(random.below(5000))});
  }
  writer.close(3);
  const Drained found = ask("");
  EXPECT_EQ(found.packets.size(), 600u);
  const auto times = times_of(found);
  EXPECT_TRUE(std::ranges::is_sorted(times));
  EXPECT_GE(counts().segments.read, 3u);
  EXPECT_EQ(counts().packets_out_of_order, 0u);
}

TEST_F(StoreSourceTest, PacketsOfOneTimeComeAsTheyWereStored) {
  StoreWriter writer(store_, {.chunk_bytes = 4096});
  for (int i = 0; i < 50; ++i) {
    writer.add(0,
               {.frame = udp("10.0.0.1", static_cast<std::uint16_t>(i), 500), .time_ns = kBegin});
  }
  writer.close(1);
  const Drained found = ask("udp");
  ASSERT_EQ(found.packets.size(), 50u);
  for (std::uint16_t i = 0; i < 50; ++i) {
    EXPECT_EQ(found.packets[i].frame, udp("10.0.0.1", i, 500));
  }
}

TEST_F(StoreSourceTest, APacketWithoutATimeComesBehindTheOneThatItStandsBehind) {
  StoreWriter writer(store_, {});
  writer.add(0, {.frame = udp("10.0.0.1", 1), .time_ns = kBegin});
  writer.add(0, {.frame = udp("10.0.0.1", 2), .has_time = false});
  writer.add(0, {.frame = udp("10.0.0.1", 3), .time_ns = kBegin + 5});
  writer.close(1);
  const Drained found = ask("");
  ASSERT_EQ(found.packets.size(), 3u);
  EXPECT_FALSE(found.packets[1].has_time);
  EXPECT_EQ(found.packets[1].frame, udp("10.0.0.1", 2));
  source_ = open({.window = {.since = {0}}});
  EXPECT_EQ(test::drain(*source_).packets.size(), 2u) << "it is of no time";
}

TEST_F(StoreSourceTest, EqualInterfacesOfSeveralSegmentsAreOne) {
  for (int i = 0; i < 2; ++i) {
    StoreWriter writer(store_, {});
    writer.interfaces().add({.snaplen = 262'144, .name = "left"});
    if (i == 1) writer.interfaces().add({.snaplen = 262'144, .name = "right"});
    writer.add(0, {.frame = udp("10.0.0.1", 1), .time_ns = kBegin + i});
    if (i == 1) writer.add(0, {.frame = udp("10.0.0.1", 2), .time_ns = kBegin + i, .interface = 1});
    writer.close(1);
  }
  const Drained found = ask("");
  ASSERT_EQ(found.packets.size(), 3u);
  ASSERT_EQ(source_->interfaces().count(), 2u);
  EXPECT_EQ(source_->interfaces().at({0}).name, "left");
  EXPECT_EQ(found.packets[1].interface, 0u);
  EXPECT_EQ(found.packets[2].interface, 1u);
}

TEST_F(StoreSourceTest, ALinkTypeForWhichLibpcapRefusesTheExpressionHasNoMatches) {
  StoreWriter writer(store_, {});
  writer.interfaces().add({.link_type = LinkType::Raw, .snaplen = 262'144, .name = "tun0"});
  writer.interfaces().add({.snaplen = 262'144, .name = "eth0"});
  const auto tagged =
      test::PacketBuilder().ethernet().vlan(5).ipv4("10.0.0.1", "10.0.0.2").udp(1, 2).build();
  writer.add(0, {.frame = {tagged.begin() + 18, tagged.end()}, .time_ns = kBegin});
  writer.add(0, {.frame = tagged, .time_ns = kBegin + 1, .interface = 1});
  writer.close(1);
  EXPECT_THAT(times_of(ask("vlan 5")), ElementsAre(1));
  ASSERT_EQ(counts().notes.count(), 1u);
  EXPECT_THAT(counts().notes.kept()[0], HasSubstr("RAW"));
  EXPECT_TRUE(counts().complete());
}

TEST_F(StoreSourceTest, AnExpressionThatIsNoneIsRefused) {
  write_forty();
  const auto source = StoreSource::open({.stores = {store_}, .expression = "host and"});
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(source.error().code, ErrorCode::BadFilter);
  const auto missing = StoreSource::open({.stores = {store_ + "/nowhere"}});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
}

TEST_F(StoreSourceTest, AFlowIsFoundByItsCommunityId) {
  write_forty();
  const auto query = [&](const std::string& id) {
    source_ = open({.community_id = id});
    return times_of(test::drain(*source_));
  };
  const auto frame = udp("10.0.0.5", 1004, 3000);
  const auto parsed = test::parse({.data = frame.data(),
                                   .captured_bytes = static_cast<std::uint32_t>(frame.size()),
                                   .wire_bytes = static_cast<std::uint32_t>(frame.size())});
  const std::string id = test::community_id(parsed.keys, true);
  EXPECT_THAT(query(id), ElementsAre(4'000'000'000));
  EXPECT_EQ(counts().chunks.read, 1u);
  EXPECT_EQ(counts().chunks.skipped_by_column[6], 39u);
  const auto refused = StoreSource::open({.stores = {store_}, .community_id = "1:abc"});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::Usage);
}

TEST_F(StoreSourceTest, TheInnermostFrameIsAskedWhereThatIsWanted) {
  StoreWriter writer(store_, {});
  writer.add(0, {.frame = test::PacketBuilder()
                              .ethernet()
                              .ipv4("192.0.2.1", "192.0.2.2")
                              .udp(40'000, 4789)
                              .vxlan(7)
                              .ethernet()
                              .ipv4("10.0.0.1", "10.0.0.2")
                              .tcp(1234, 80)
                              .build(),
                 .time_ns = kBegin});
  writer.close(1);
  const auto found = [&](const std::string& text, filter::Scope scope) {
    source_ = open({.expression = text, .scope = scope});
    return test::drain(*source_).packets.size();
  };
  EXPECT_EQ(found("tcp port 80", filter::Scope::Innermost), 1u);
  EXPECT_EQ(found("tcp port 80", filter::Scope::Frame), 0u);
  EXPECT_EQ(found("host 192.0.2.1", filter::Scope::Innermost), 0u);
  EXPECT_EQ(found("host 192.0.2.1", filter::Scope::Frame), 1u);
}

TEST_F(StoreSourceTest, LostPacketsOfTheAskedTimeAreTold) {
  StoreWriter writer(store_, {.chunk_bytes = 4096});
  for (int i = 0; i < 10; ++i) {
    writer.add(0, {.frame = udp("10.0.0.1", 1, 3000),
                   .time_ns = kBegin + i,
                   .lost_before = i == 4   ? 7u
                                  : i == 8 ? 5u
                                           : 0u});
  }
  writer.close(1);
  (void)ask("host 192.0.2.9");
  EXPECT_EQ(counts().lost.packets, 12u) << "also when nothing is read";
  EXPECT_FALSE(counts().complete());
  source_ = open({.window = {.since = {kBegin + 5}}});
  (void)test::drain(*source_);
  EXPECT_EQ(counts().lost.packets, 5u);
  source_ = open({.window = {.until = {kBegin + 3}}, .expression = "host 192.0.2.9"});
  (void)test::drain(*source_);
  EXPECT_EQ(counts().lost.packets, 0u);
  EXPECT_TRUE(counts().complete());
}

TEST_F(StoreSourceTest, AnOpenSegmentIsReadUpToItsLastWholeChunk) {
  StoreWriter writer(store_, {.chunk_bytes = 4096});
  for (int i = 0; i < 130; ++i) {
    writer.add(
        0, {.frame = udp("10.0.0." + std::to_string(1 + i % 2), 1, 3000), .time_ns = kBegin + i});
  }
  writer.flush(0);
  EXPECT_EQ(ask("host 10.0.0.2").packets.size(), 65u);
  EXPECT_EQ(counts().open_segments, 1u);
  EXPECT_EQ(counts().pages_read, 2u);
  EXPECT_EQ(counts().chunks.skipped_by_column[2], 64u);
  EXPECT_EQ(counts().chunks_without_index, 2u) << "behind the last page";
  EXPECT_TRUE(counts().complete());
  writer.close(1);
}

TEST_F(StoreSourceTest, BesideACaptureItsReadsArePaced) {
  struct statfs facts = {};
  const bool in_memory = ::statfs(dir_.path().c_str(), &facts) == 0 && facts.f_type == TMPFS_MAGIC;
  StoreWriter writer(store_, {.chunk_bytes = 4096});
  for (int i = 0; i < 20; ++i) {
    writer.add(0, {.frame = udp("10.0.0.1", 1, 3000), .time_ns = kBegin + i});
  }
  writer.flush(0);
  EXPECT_EQ(ask("").packets.size(), 20u);
  EXPECT_EQ(source_->paced(), !in_memory);
  EXPECT_EQ(counts().pace.paced, !in_memory);
  EXPECT_EQ(counts().pace.waited, Duration(0)) << "a look-up is not slowed down";
  writer.close(1);
}

TEST_F(StoreSourceTest, PastThePageCacheItGivesTheSame) {
  StoreWriter writer(store_, {.chunk_bytes = 256 * 1024});
  for (int i = 0; i < 2000; ++i) {
    writer.add(
        0, {.frame = udp("10.0.0.1", static_cast<std::uint16_t>(i), 1000), .time_ns = kBegin + i});
  }
  writer.close(1);
  const Drained usual = ask("udp");
  source_ = open({.expression = "udp", .cache_bytes = 0});
  const Drained past = test::drain(*source_);
  ASSERT_EQ(past.packets.size(), 2000u);
  EXPECT_TRUE(std::ranges::equal(usual.packets, past.packets, {}, &test::DrainedPacket::frame,
                                 &test::DrainedPacket::frame));
}

// --- damage

TEST_F(StoreSourceTest, ADamagedChunkIsToldAndTheOthersAnswer) {
  write_forty();
  const std::string path = only_segment();
  {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(4096 + 11 * 4096 + 200);  // the chunk of a packet of 10.0.0.2
    file.put('\x5a');
    file.put('\x5b');
  }
  const Drained found = ask("udp");
  EXPECT_EQ(found.packets.size(), 39u);
  EXPECT_EQ(found.code, ErrorCode::Damaged);
  EXPECT_THAT(found.error, HasSubstr(path));
  EXPECT_EQ(counts().damaged.count(), 1u);
  EXPECT_EQ(counts().packets_damaged, 1u);
  EXPECT_EQ(ask("host 10.0.0.1").packets.size(), 4u) << "it is not read";
  EXPECT_TRUE(counts().complete());
}

TEST_F(StoreSourceTest, ADamagedIndexPageIsToldAndItsChunksAreRead) {
  write_forty();
  const std::string path = only_segment();
  const auto file = storage::segment::SegmentFile::open(path).value();
  const auto tail = file.tail().value();
  ASSERT_TRUE(tail);
  const auto page = tail->directory.pages.at(0);
  {
    std::fstream bytes(path, std::ios::binary | std::ios::in | std::ios::out);
    bytes.seekp(static_cast<std::streamoff>(page.offset +
                                            page.column(storage::segment::Column::Chunks).offset));
    bytes.put('\x5a');
  }
  EXPECT_EQ(ask("host 10.0.0.3").packets.size(), 4u);
  EXPECT_EQ(counts().chunks_without_index, 40u);
  EXPECT_EQ(counts().notes.count(), 1u);
  EXPECT_TRUE(counts().complete());
}

TEST_F(StoreSourceTest, ADirectoryThatIsDamagedIsDoneWithout) {
  write_forty();
  const std::string path = only_segment();
  {
    std::fstream bytes(path, std::ios::binary | std::ios::in | std::ios::out);
    bytes.seekp(-300, std::ios::end);
    bytes.put('\x5a');
  }
  const Drained found = ask("host 10.0.0.3");
  EXPECT_EQ(found.packets.size(), 4u);
  EXPECT_EQ(counts().open_segments, 1u);
}

TEST_F(StoreSourceTest, ASegmentThatIsNoneIsToldAndTheOthersAnswer) {
  write_forty();
  std::ofstream(store_ + "/20231114T221320Z_0000000009_0.pcapng") << std::string(8192, 'x');
  const Drained found = ask("host 10.0.0.3");
  EXPECT_EQ(found.packets.size(), 4u);
  EXPECT_EQ(found.code, ErrorCode::Damaged);
  EXPECT_FALSE(counts().complete());
}

TEST_F(StoreSourceTest, ASegmentThatGoesMeanwhileIsTold) {
  for (int i = 0; i < 40; ++i) {  // more than are left open
    StoreWriter writer(store_, {});
    writer.add(0, {.frame = udp("10.0.0.1", 1), .time_ns = kBegin + i * 1000});
    writer.close(1);
  }
  source_ = open({});
  const auto listing = storage::segment::list_store(store_).value();
  fs::remove(store_ + "/" + listing.segments.back().file);
  const Drained found = test::drain(*source_);
  EXPECT_EQ(found.packets.size(), 39u);
  EXPECT_EQ(found.error, "");
  EXPECT_EQ(counts().gone.count(), 1u);
  EXPECT_FALSE(counts().complete());
}

TEST_F(StoreSourceTest, ManySegmentsAreToldOfInTheirOrder) {
  write_forty();
  const auto listing = storage::segment::list_store(store_).value();
  storage::segment::SegmentName name = listing.segments.at(0).name;
  const std::string first = only_segment();
  std::vector<std::string> damaged;
  for (int i = 1; i < 300; ++i) {
    ++name.sequence;
    const std::string copy = store_ + "/" + storage::segment::segment_file_name(name);
    fs::copy_file(first, copy);
    if (i % 70 == 0) {
      fs::resize_file(copy, 10);
      damaged.push_back(copy);
    }
  }
  const Drained found = ask("host 10.0.0.3");
  EXPECT_EQ(found.packets.size(), 296u * 4);
  EXPECT_EQ(counts().segments.considered, 300u);
  EXPECT_EQ(counts().chunks.considered, 296u * 40);
  EXPECT_EQ(counts().chunks.skipped_by_column[2], 296u * 36);
  const QueryCounts asked = counts();
  const std::vector<std::string>& told = asked.damaged.kept();
  ASSERT_EQ(told.size(), damaged.size());
  for (std::size_t i = 0; i < told.size(); ++i) EXPECT_THAT(told[i], HasSubstr(damaged[i]));
}

TEST_F(StoreSourceTest, SegmentsWrittenByTheDescriptionAloneAreRead) {
  fs::create_directory(store_);
  test::small_segment().write(store_ + "/20231114T221320Z_0000000042_3.pcapng");
  const Drained found = ask("");
  EXPECT_EQ(found.error, "");
  EXPECT_EQ(found.packets.size(), test::small_segment().packets());
  EXPECT_EQ(source_->interfaces().count(), 2u);
}

// --- everything at once

struct Written {
  std::vector<WrittenPacket> packets;
};

Written random_store(Prng& random, const std::string& directory) {
  Written written;
  const std::uint32_t lanes = 1 + static_cast<std::uint32_t>(random.below(3));
  StoreWriter writer(directory, {.lanes = lanes,
                                 .segment_bytes = (64 + random.below(512)) * 1024,
                                 .chunk_bytes = 4096u << random.below(4),
                                 .codec = random.chance(1, 2) ? storage::segment::Codec::Zstd
                                                              : storage::segment::Codec::None});
  std::int64_t time = kBegin;
  for (std::uint64_t i = 200 + random.below(800); i > 0; --i) {
    time += static_cast<std::int64_t>(random.below(2000));
    WrittenPacket packet{.frame = random.chance(3, 4) ? test::typical_frame(random)
                                                      : test::random_flow(random).there,
                         .time_ns = time - static_cast<std::int64_t>(random.below(20'000))};
    writer.add(random.below(lanes), packet);
    written.packets.push_back(std::move(packet));
  }
  writer.close(lanes);
  return written;
}

TEST_F(StoreSourceTest, RandomExpressionsOverRandomStoresGiveWhatAFullScanGives) {
  std::uint64_t skipped = 0;
  std::uint64_t matched = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    fs::remove_all(store_);
    const Written written = random_store(random, store_);
    for (int i = 0; i < 25; ++i) {
      const std::string text = test::random_expression(random);
      const auto program = test::PcapProgram::compile(text, LinkType::Ethernet);
      if (!program) continue;
      StoreQuery query{.expression = text};
      if (random.chance(1, 3)) {
        query.window.since = {kBegin + static_cast<std::int64_t>(random.below(500'000))};
        query.window.until = {query.window.since.ns +
                              static_cast<std::int64_t>(random.below(500'000))};
      }
      std::vector<std::pair<std::int64_t, std::vector<std::uint8_t>>> expected;
      for (const WrittenPacket& packet : written.packets) {
        if (query.window.contains({packet.time_ns}) && program->matches(packet.frame)) {
          expected.emplace_back(packet.time_ns, packet.frame);
        }
      }
      source_ = open(query);
      const Drained found = test::drain(*source_);
      EXPECT_EQ(found.error, "");
      EXPECT_TRUE(std::ranges::is_sorted(times_of(found))) << text;
      decltype(expected) got;
      for (const auto& packet : found.packets) got.emplace_back(packet.time_ns, packet.frame);
      std::ranges::sort(got);
      std::ranges::sort(expected);
      ASSERT_TRUE(got == expected)
          << text << ": " << got.size() << " packets instead of " << expected.size();
      skipped += counts().chunks.considered - counts().chunks.read;
      matched += got.size();
    }
  }
  EXPECT_GT(skipped, 300u);
  EXPECT_GT(matched, 10'000u);
}

}  // namespace
}  // namespace weir::capture::retrieval
