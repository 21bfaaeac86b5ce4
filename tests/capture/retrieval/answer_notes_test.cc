// What a query says of the packets that are not in its answer, and that the answer says it too.
#include "capture/retrieval/answer_notes.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/retrieval/store_source.h"
#include "capture/retrieval/store_writer.h"
#include "storage/segment/expired_log.h"
#include "storage/segment/store_directory.h"
#include "support/drained.h"
#include "support/packet_builder.h"
#include "support/temp_dir.h"

namespace weir::capture::retrieval {
namespace {

namespace fs = std::filesystem;
namespace segment = storage::segment;
using test::Drained;
using test::StoreWriter;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kBegin = 1'700'000'000'000'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceStatistics = 5;

std::vector<std::uint8_t> frame() {
  return test::PacketBuilder()
      .ethernet()
      .ipv4("10.0.0.1", "10.0.0.2")
      .udp(1, 2)
      .payload(3000)
      .build();
}

// The comments among options.
std::vector<std::string> comments_in(Bytes options) {
  std::vector<std::string> comments;
  for (std::size_t at = 0; at + 4 <= options.size();) {
    const std::size_t length = load_le16(options.data() + at + 2);
    if (load_le16(options.data() + at) == 1) {
      const Bytes text = options.subspan(at + 4, length);
      comments.emplace_back(text.begin(), text.end());
    }
    at += 4 + align_up(length, 4);
  }
  return comments;
}

class AnswerNotesTest : public testing::Test {
 protected:
  Drained ask(const TimeWindow& window = {}) {
    auto source = StoreSource::open({.stores = {store_}, .window = window});
    EXPECT_TRUE(source.ok()) << source.error().context;
    source_ = std::move(*source);
    return test::drain(*source_);
  }
  [[nodiscard]] QueryCounts counts() const { return source_->counts(); }
  // Chunks of one packet each, one a second.
  void write(int packets, int lost_before = -1, std::uint64_t lost = 0) {
    StoreWriter writer(store_, {.chunk_bytes = 4096});
    for (int i = 0; i < packets; ++i) {
      writer.add(0, {.frame = frame(),
                     .time_ns = kBegin + i * kSecond,
                     .lost_before = i == lost_before ? lost : 0});
    }
    writer.close(1);
  }
  [[nodiscard]] std::string only_segment() const {
    return store_ + "/" + segment::list_store(store_).value().segments.at(0).file;
  }
  static segment::ExpiredRecord record(std::uint64_t sequence, std::int64_t first_s,
                                       std::int64_t last_s, std::uint64_t packets) {
    return {.name = {.begun = {kBegin}, .sequence = sequence},
            .reason = segment::DeletionReason::Size,
            .deleted = {kBegin + 1000 * kSecond},
            .times = {.first = {kBegin + first_s * kSecond}, .last = {kBegin + last_s * kSecond}},
            .packets = packets,
            .bytes = 1};
  }
  void expire(const std::vector<segment::ExpiredRecord>& records) const {
    ASSERT_TRUE(segment::append_expired(store_, records));
  }

  test::TempDir dir_;
  const std::string store_ = dir_.file("packets");
  std::unique_ptr<StoreSource> source_;
};

TEST_F(AnswerNotesTest, WhereNothingIsMissingNothingIsSaid) {
  write(10);
  EXPECT_THAT(ask().blocks, IsEmpty());
  EXPECT_TRUE(counts().complete());
  EXPECT_THAT(missing_sentences(counts(), {}, 8), IsEmpty());
}

TEST_F(AnswerNotesTest, LossesAreToldAtTheBeginningAndCountedAtTheEnd) {
  write(10, 4, 1234);
  const Drained found = ask();
  ASSERT_EQ(found.blocks.size(), 2u);
  EXPECT_EQ(found.blocks[0].type, kSectionHeader);
  EXPECT_EQ(found.blocks[0].before, 0u);
  const std::string sentence =
      "weir query: 1,234 packets are missing in this range: the capture lost them between "
      "2023-11-14 22:13:20.000 and 2023-11-14 22:13:29.000 UTC";
  EXPECT_THAT(comments_in(found.blocks[0].body), ElementsAre(sentence));
  EXPECT_EQ(found.blocks[1].type, kInterfaceStatistics);
  EXPECT_EQ(found.blocks[1].before, 10u);
  const Bytes statistics = Bytes(found.blocks[1].body).subspan(12);
  EXPECT_EQ(load_le16(statistics.data()), 5u) << "isb_ifdrop";
  EXPECT_EQ(load_le64(statistics.data() + 4), 1234u);
  EXPECT_THAT(comments_in(statistics), ElementsAre(sentence));
  // The mark that the capture left on the packet behind the gap.
  EXPECT_THAT(comments_in(found.packets[4].options),
              ElementsAre("weir: 1234 packets lost before this one (kernel: ring full)"));
}

TEST_F(AnswerNotesTest, OfALossAtTheEdgeOfTheAskedTimeTheChunkIsNamed) {
  write(10, 4, 1234);
  const Drained found = ask({.since = {kBegin + 3 * kSecond}});
  ASSERT_EQ(found.blocks.size(), 2u);
  EXPECT_THAT(comments_in(found.blocks[0].body).at(0),
              HasSubstr("between 2023-11-14 22:13:24.000 and 2023-11-14 22:13:24.000 UTC"));
  EXPECT_THAT(ask({.since = {kBegin + 5 * kSecond}}).blocks, IsEmpty());
}

TEST_F(AnswerNotesTest, SeveralGapsAreToldOneByOne) {
  for (int i = 0; i < 3; ++i) {
    StoreWriter writer(store_, {});
    writer.add(0, {.frame = frame(),
                   .time_ns = kBegin + i * 60 * kSecond,
                   .lost_before = static_cast<std::uint64_t>(i)});
    writer.close(1);
  }
  const auto comments = comments_in(ask().blocks.at(0).body);
  ASSERT_EQ(comments.size(), 3u);
  EXPECT_THAT(comments[0], HasSubstr("3 packets are missing"));
  EXPECT_THAT(comments[1], HasSubstr("of these, 1 packet between 2023-11-14 22:14:20.000"));
  EXPECT_THAT(comments[2], HasSubstr("of these, 2 packets between 2023-11-14 22:15:20.000"));
}

TEST_F(AnswerNotesTest, DeletedSegmentsOfTheAskedTimeAreCounted) {
  write(10);
  expire({record(100, -100, -50, 700), record(101, -49, -10, 300), record(102, -9, -1, 5)});
  (void)ask({.since = {kBegin - 60 * kSecond}, .until = {kBegin - 5 * kSecond}});
  EXPECT_EQ(counts().expired.segments, 3u);
  EXPECT_EQ(counts().expired.packets, 300u) << "of the one that lies in it as a whole";
  EXPECT_EQ(counts().expired.packets_at_most, 1005u);
  EXPECT_FALSE(counts().complete());
  EXPECT_THAT(
      missing_sentences(counts(), {}, 8),
      ElementsAre("300 to 1,005 packets of this range between 2023-11-14 22:11:40.000 and "
                  "2023-11-14 22:13:19.000 UTC are no longer there: 3 segments were deleted for "
                  "the size of the store at 2023-11-14 22:30:00.000 UTC"));
  (void)ask({.since = {kBegin}});
  EXPECT_TRUE(counts().complete()) << "nothing of this time was deleted";
  const Drained all = ask();
  EXPECT_EQ(counts().expired.packets, 1005u);
  EXPECT_EQ(all.packets.size(), 10u);
  EXPECT_THAT(comments_in(all.blocks.at(0).body).at(0), HasSubstr("1,005 packets of this range"));
}

TEST_F(AnswerNotesTest, ARecordOfASegmentThatIsThereTellsNothing) {
  write(10);
  const auto name = segment::list_store(store_).value().segments.at(0).name;
  segment::ExpiredRecord not_deleted = record(name.sequence, 0, 9, 10);
  not_deleted.name = name;
  expire({not_deleted});
  (void)ask();
  EXPECT_TRUE(counts().complete());
}

TEST_F(AnswerNotesTest, OfTwoRecordsOfASegmentTheLaterOneCounts) {
  write(1);
  segment::ExpiredRecord again = record(100, -9, -1, 5);
  again.reason = segment::DeletionReason::Age;
  expire({record(100, -9, -1, 5), again});
  (void)ask();
  EXPECT_EQ(counts().expired.segments, 1u);
  EXPECT_EQ(counts().expired.packets, 5u);
  EXPECT_EQ(counts().expired.by_reason[0], 1u);
}

TEST_F(AnswerNotesTest, OfADamagedSegmentThatWasDeletedNobodyKnows) {
  write(1);
  segment::ExpiredRecord damaged = record(100, 0, 0, 0);
  damaged.counted = false;
  damaged.times = {};
  expire({damaged});
  (void)ask({.since = {kBegin}});
  EXPECT_EQ(counts().expired.uncounted, 1u);
  EXPECT_FALSE(counts().complete());
}

TEST_F(AnswerNotesTest, RecordsThatCannotBeReadAreTold) {
  write(1);
  fs::create_directory(store_ + "/weir-store.expired");
  (void)ask();
  EXPECT_EQ(counts().expired.unknown, 1u);
  EXPECT_FALSE(counts().complete());
  EXPECT_THAT(counts().notes.kept(), ElementsAre(HasSubstr("weir-store.expired")));
}

TEST_F(AnswerNotesTest, CountsThatCannotBeAreNoTrouble) {
  write(1);
  segment::ExpiredRecord record_of_much = record(100, 0, 9, ~std::uint64_t{0});
  record_of_much.lost = ~std::uint64_t{0};
  segment::ExpiredRecord other = record_of_much;
  other.name.sequence = 101;
  expire({record_of_much, other});
  (void)ask();
  EXPECT_EQ(counts().expired.packets, ~std::uint64_t{0});
  EXPECT_EQ(counts().lost.packets, ~std::uint64_t{0});
}

TEST_F(AnswerNotesTest, ThePacketBehindADamagedChunkTellsOfIt) {
  write(10);
  {
    std::fstream file(only_segment(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(4096 + 5 * 4096 + 200);
    file.put('\x5a');
    file.put('\x5b');
  }
  const Drained found = ask();
  ASSERT_EQ(found.packets.size(), 9u);
  EXPECT_THAT(comments_in(found.packets[4].options), IsEmpty());
  EXPECT_THAT(comments_in(found.packets[5].options),
              ElementsAre(HasSubstr("weir query: 1 packet of a damaged chunk could not be read")));
  EXPECT_THAT(comments_in(found.packets[6].options), IsEmpty());
  ASSERT_EQ(found.blocks.size(), 1u) << "it was not known at the beginning";
  EXPECT_THAT(comments_in(Bytes(found.blocks[0].body).subspan(12)),
              testing::Contains(HasSubstr("at byte 24576")));
}

TEST_F(AnswerNotesTest, ASegmentThatIsCutIsReadUpToThereAndTold) {
  write(10);
  fs::resize_file(only_segment(), 4096 + 5 * 4096 + 1000);
  const Drained found = ask();
  EXPECT_EQ(found.packets.size(), 5u);
  EXPECT_EQ(found.error, "");
  EXPECT_FALSE(counts().complete());
  EXPECT_THAT(counts().unsealed.kept(), ElementsAre(HasSubstr("after byte 24576 is lost")));
  (void)ask({.until = {kBegin + 3 * kSecond}});
  EXPECT_TRUE(counts().complete()) << "what was cut off came later";
}

TEST_F(AnswerNotesTest, WhatACaptureHasNotWrittenYetIsTold) {
  StoreWriter writer(store_, {.chunk_bytes = 4096});
  for (int i = 0; i < 5; ++i) writer.add(0, {.frame = frame(), .time_ns = kBegin + i * kSecond});
  writer.flush(0);
  const Drained found = ask();
  EXPECT_EQ(found.packets.size(), 5u);
  EXPECT_EQ(counts().growing.segments, 1u);
  EXPECT_EQ(counts().growing.until.ns, kBegin + 4 * kSecond);
  EXPECT_TRUE(counts().complete()) << "of what was there";
  const std::string sentence =
      "weir query: a capture is writing to 1 segment: what came after 2023-11-14 22:13:24.000 UTC "
      "need not have been in the files yet";
  EXPECT_THAT(comments_in(found.blocks.at(0).body), ElementsAre(sentence));
  EXPECT_THAT(ask({.until = {kBegin + 4 * kSecond}}).blocks, IsEmpty());
  writer.close(1);
}

TEST_F(AnswerNotesTest, SegmentsThatGoMeanwhileAreCountedWhereTheirStoreKnowsThem) {
  for (int i = 0; i < 40; ++i) {  // more than are left open
    StoreWriter writer(store_, {});
    writer.add(0, {.frame = frame(), .time_ns = kBegin + i * kSecond});
    writer.close(1);
  }
  auto source = StoreSource::open({.stores = {store_}});
  ASSERT_TRUE(source.ok());
  source_ = std::move(*source);
  const auto last = segment::list_store(store_).value().segments.back();
  segment::ExpiredRecord gone = record(0, 39, 39, 1);
  gone.name = last.name;
  expire({gone});
  fs::remove(store_ + "/" + last.file);
  const Drained found = test::drain(*source_);
  EXPECT_EQ(found.packets.size(), 39u);
  EXPECT_EQ(counts().gone.count(), 1u);
  EXPECT_EQ(counts().expired.packets, 1u);
  ASSERT_EQ(found.blocks.size(), 1u);
  EXPECT_THAT(comments_in(Bytes(found.blocks[0].body).subspan(12)).at(0),
              HasSubstr("1 packet of this range"));
}

TEST_F(AnswerNotesTest, AnAnswerThatIsEndedEarlySaysSo) {
  write(10);
  auto source = StoreSource::open({.stores = {store_}});
  ASSERT_TRUE(source.ok());
  source_ = std::move(*source);
  auto batch = std::make_unique<PacketBatch>();
  while (source_->next_batch(*batch, 1, std::chrono::seconds(10)) == interface::Pull::Idle) {
  }
  ASSERT_EQ(batch->count, 1u);
  source_->release(*batch);
  source_->close_intake();
  const Drained rest = test::drain(*source_);
  EXPECT_THAT(rest.packets, IsEmpty());
  ASSERT_EQ(rest.blocks.size(), 1u);
  EXPECT_THAT(comments_in(Bytes(rest.blocks[0].body).subspan(12)),
              ElementsAre("weir query: it was ended before all packets were found"));
}

TEST_F(AnswerNotesTest, ADirectoryThatIsNoStoreIsRefused) {
  const auto source = StoreSource::open({.stores = {dir_.path()}});
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(source.error().code, ErrorCode::NotFound);
  EXPECT_THAT(source.error().context, HasSubstr("there are no segments in it"));
  fs::create_directory(store_);
  expire({record(1, 0, 9, 10)});
  EXPECT_THAT(ask().packets, IsEmpty());
  EXPECT_EQ(counts().expired.packets, 10u) << "all of it was deleted";
}

}  // namespace
}  // namespace weir::capture::retrieval
