// The catalogue of a store follows its files, and keeps them within bounds.
#include "output/store_catalogue.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/segment/expired_log.h"
#include "storage/segment/pins.h"
#include "storage/segment/store_directory.h"
#include "support/fake_clock.h"
#include "support/segment_bytes.h"
#include "support/temp_dir.h"

namespace weir::output {
namespace {

namespace segment = storage::segment;

using segment::LifeState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Watched final : StoreWatcher {
  void segment_expired(const std::string&, const ExpiredSegment& segment) override {
    expired.push_back(segment.file);
  }
  void store_in_trouble(const std::string&, std::string_view sentence) override {
    troubles.emplace_back(sentence);
  }
  void store_room(const std::string&, const StoreRoom& room) override { rooms.push_back(room); }
  std::vector<std::string> expired;
  std::vector<std::string> troubles;
  std::vector<StoreRoom> rooms;
};

// A store of sealed segments of 64 KiB, all with packets around 2023-11-14 22:13:20.
class Catalogue : public testing::Test {
 protected:
  static constexpr std::uint64_t kBytes = 65'536;

  static std::string name(std::uint64_t sequence) {
    return segment::segment_file_name(
        {.begun = {1'700'000'000'000'000'000}, .sequence = sequence, .lane = 0});
  }
  void add(std::uint64_t sequence) {
    test::small_segment({.sequence = sequence, .lane = 0}).write(dir_.file(name(sequence)));
  }
  std::unique_ptr<StoreCatalogue> open() {
    auto opened = StoreCatalogue::open(dir_.path(), clock_, &watched_);
    EXPECT_TRUE(opened) << opened.error().context;
    return std::move(opened).value();
  }
  [[nodiscard]] bool there(std::uint64_t sequence) const {
    return std::filesystem::exists(dir_.file(name(sequence)));
  }

  test::TempDir dir_;
  test::FakeClock clock_{{1'700'000'100'000'000'000}};
  Watched watched_;
};

TEST_F(Catalogue, IsMadeOfTheSegmentsAlone) {
  add(1);
  add(2);
  std::vector<segment::ManifestRow> before;
  {
    const auto catalogue = open();
    before = catalogue->rows();
    ASSERT_EQ(before.size(), 2u);
    EXPECT_EQ(before[0].state, LifeState::Sealed);
    EXPECT_EQ(before[0].packets, 27u);
    EXPECT_EQ(before[0].bytes, kBytes);
    EXPECT_EQ(before[0].lost, 7u);
    EXPECT_EQ(catalogue->last_sequence(), 2u);
  }
  std::filesystem::remove(dir_.file("weir-store.db"));
  std::filesystem::remove(dir_.file("weir-store.db-wal"));
  EXPECT_EQ(open()->rows(), before);
}

TEST_F(Catalogue, SeesWhatOthersHaveDoneToTheFiles) {
  add(1);
  add(2);
  add(3);
  (void)open();
  std::filesystem::remove(dir_.file(name(1)));
  std::ofstream(dir_.file(name(2)), std::ios::trunc) << "nonsense";
  const auto rows = open()->rows();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].state, LifeState::Damaged);
  EXPECT_EQ(rows[1].state, LifeState::Sealed);
}

TEST_F(Catalogue, ASegmentThatIsMendedFromACopyIsSealedAgain) {
  add(1);
  (void)open();
  std::ofstream(dir_.file(name(1)), std::ios::trunc) << "nonsense";
  EXPECT_EQ(open()->rows().at(0).state, LifeState::Damaged);
  add(1);
  EXPECT_EQ(open()->rows().at(0).state, LifeState::Sealed);
}

TEST_F(Catalogue, ANumberIsNotUsedAgainWhenItsSegmentIsGone) {
  add(7);
  (void)open();
  std::filesystem::remove(dir_.file(name(7)));
  EXPECT_EQ(open()->last_sequence(), 7u);
}

TEST_F(Catalogue, DeletesTheOldestAndCountsIt) {
  for (std::uint64_t i = 1; i <= 4; ++i) add(i);
  const auto catalogue = open();
  catalogue->set_bounds({.bytes_max = 3 * kBytes - 1});
  catalogue->keep();
  EXPECT_FALSE(there(1));
  EXPECT_FALSE(there(2));
  EXPECT_TRUE(there(3));
  EXPECT_THAT(watched_.expired, ElementsAre(name(1), name(2)));
  const StoreStatus status = catalogue->status();
  EXPECT_EQ(status.segments, 2u);
  EXPECT_EQ(status.bytes, 2 * kBytes);
  EXPECT_EQ(status.expired[1], 2u);
  EXPECT_EQ(status.expired_bytes[1], 2 * kBytes);
  catalogue->keep();
  EXPECT_EQ(watched_.expired.size(), 2u);
}

TEST_F(Catalogue, WhatWasDeletedIsRemembered) {
  add(1);
  {
    const auto catalogue = open();
    catalogue->set_bounds({.age_max = std::chrono::seconds(10)});
    catalogue->keep();
  }
  const auto manifest = segment::Manifest::open(dir_.path(), clock_, nullptr).value();
  const auto rows = manifest->rows().value();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].state, LifeState::Expired);
  EXPECT_EQ(rows[0].why, "age");
  EXPECT_EQ(rows[0].ended, clock_.wall());
}

TEST_F(Catalogue, WhatWasDeletedIsInAFileThatAnybodyReads) {
  add(1);
  add(2);
  std::ofstream(dir_.file(name(1)), std::ios::trunc) << std::string(kBytes, 'x');
  const auto catalogue = open();
  catalogue->set_bounds({.bytes_max = 1});
  catalogue->keep();
  const auto found = segment::read_expired(dir_.path()).value();
  ASSERT_EQ(found.records.size(), 2u);
  EXPECT_EQ(found.records[0].name, segment::parse_segment_file_name(name(1)));
  EXPECT_FALSE(found.records[0].counted) << "it was damaged";
  const segment::ExpiredRecord& second = found.records[1];
  EXPECT_EQ(second.name, segment::parse_segment_file_name(name(2)));
  EXPECT_TRUE(second.counted);
  EXPECT_EQ(second.reason, segment::DeletionReason::Size);
  EXPECT_EQ(second.deleted, clock_.wall());
  EXPECT_EQ(second.packets, 27u);
  EXPECT_EQ(second.lost, 7u);
  EXPECT_EQ(second.bytes, kBytes);
  EXPECT_FALSE(second.times.empty());
  catalogue->keep();
  EXPECT_EQ(segment::read_expired(dir_.path()).value().records.size(), 2u);
}

TEST_F(Catalogue, WhatOthersHaveDeletedIsInItTooAndOnce) {
  add(1);
  add(2);
  {
    const auto catalogue = open();
    catalogue->set_bounds({.bytes_max = kBytes});
    catalogue->keep();
  }
  std::filesystem::remove(dir_.file(name(2)));
  // As when the engine was killed behind the first deletion, before the manifest knew of it.
  std::filesystem::remove(dir_.file("weir-store.db"));
  std::filesystem::remove(dir_.file("weir-store.db-wal"));
  add(1);
  add(2);
  (void)open();
  std::filesystem::remove(dir_.file(name(1)));
  std::filesystem::remove(dir_.file(name(2)));
  (void)open();
  (void)open();
  const auto found = segment::read_expired(dir_.path()).value();
  ASSERT_EQ(found.records.size(), 2u);
  EXPECT_EQ(found.records[0].reason, segment::DeletionReason::Size);
  EXPECT_EQ(found.records[1].reason, segment::DeletionReason::Others);
  EXPECT_EQ(found.records[1].name.sequence, 2u);
  EXPECT_EQ(found.records[1].packets, 27u);
}

TEST_F(Catalogue, ThatItCannotBeWrittenDownHoldsNoDeletionUpAndIsToldOnce) {
  for (std::uint64_t i = 1; i <= 3; ++i) add(i);
  std::filesystem::create_directory(dir_.file("weir-store.expired"));
  const auto catalogue = open();
  catalogue->set_bounds({.bytes_max = 2 * kBytes});
  catalogue->keep();
  catalogue->set_bounds({.bytes_max = kBytes});
  catalogue->keep();
  EXPECT_FALSE(there(1));
  EXPECT_FALSE(there(2));
  EXPECT_THAT(watched_.troubles, ElementsAre(HasSubstr("weir-store.expired")));
  std::filesystem::remove(dir_.file("weir-store.expired"));
  catalogue->keep();
  EXPECT_EQ(segment::read_expired(dir_.path()).value().records.size(), 2u);
}

TEST_F(Catalogue, PinsHoldAndTheTroubleOfThatIsToldOnce) {
  add(1);
  add(2);
  ASSERT_TRUE(segment::add_pin(dir_.path(), {.since = {1'700'000'000'000'000'000}}));
  const auto catalogue = open();
  catalogue->set_bounds({.bytes_max = 1});
  catalogue->keep();
  catalogue->keep();
  EXPECT_TRUE(there(1));
  EXPECT_THAT(watched_.troubles, ElementsAre(HasSubstr("nothing that may be deleted")));
  EXPECT_EQ(catalogue->status().missing_bytes, 2 * kBytes - 1);
  ASSERT_TRUE(segment::remove_pin(dir_.path(), 1));
  catalogue->keep();
  EXPECT_FALSE(there(1));
  EXPECT_FALSE(there(2));
  EXPECT_EQ(catalogue->status().missing_bytes, 0u);
}

TEST_F(Catalogue, WithDamagedPinsNothingIsDeleted) {
  add(1);
  std::ofstream(dir_.file("weir-store.pins")) << "nonsense\n";
  const auto catalogue = open();
  catalogue->set_bounds({.bytes_max = 1});
  catalogue->keep();
  EXPECT_TRUE(there(1));
  EXPECT_THAT(watched_.troubles, ElementsAre(HasSubstr("nothing is deleted meanwhile")));
}

TEST_F(Catalogue, AnOpenSegmentIsNotDeletedButCounts) {
  add(1);
  const auto catalogue = open();
  std::ofstream(dir_.file("open.pcapng")) << std::string(100'000, 'x');
  catalogue->begin({.sequence = 2, .file = "open.pcapng", .begun = clock_.wall()});
  catalogue->set_bounds({.bytes_max = 1});
  catalogue->keep();
  EXPECT_THAT(watched_.expired, ElementsAre(name(1)));
  EXPECT_TRUE(std::filesystem::exists(dir_.file("open.pcapng")));
  EXPECT_GE(catalogue->status().bytes, 100'000u);
}

TEST_F(Catalogue, OneThatWasSealedBeforeItsBeginningWasToldIsSealed) {
  const auto catalogue = open();
  const segment::ManifestRow row{.sequence = 1, .file = "a", .begun = {1}, .bytes = 5};
  catalogue->seal(row);
  catalogue->begin({.sequence = 1, .file = "a", .begun = {1}});
  ASSERT_EQ(catalogue->rows().size(), 1u);
  EXPECT_EQ(catalogue->rows()[0].state, LifeState::Sealed);
}

TEST_F(Catalogue, ADryRunSaysWhatWouldGo) {
  add(1);
  add(2);
  const auto catalogue = open();
  catalogue->set_bounds({.bytes_max = kBytes});
  const auto would = catalogue->would_expire().value();
  ASSERT_EQ(would.size(), 1u);
  EXPECT_EQ(would[0].file, name(1));
  EXPECT_TRUE(there(1));
  EXPECT_THAT(watched_.expired, IsEmpty());
}

// What may be deleted before the disk is full counts as room only where somebody deletes it then.
TEST_F(Catalogue, TellsHowMuchRoomThereIsForTheNextSegments) {
  for (std::uint64_t sequence = 1; sequence <= 4; ++sequence) add(sequence);
  const auto catalogue = open();
  catalogue->keep(3 * kBytes);
  catalogue->set_bounds({.bytes_max = 2 * kBytes, .free_bytes_min = 1});
  catalogue->keep(3 * kBytes);
  ASSERT_EQ(watched_.rooms.size(), 2u);
  EXPECT_EQ(watched_.rooms[0].next_bytes, 3 * kBytes);
  EXPECT_GT(watched_.rooms[0].free_bytes, 0u);
  EXPECT_EQ(watched_.rooms[0].yielding_bytes, 0u);
  EXPECT_EQ(watched_.rooms[1].yielding_bytes, 2 * kBytes);
  EXPECT_EQ(watched_.rooms[1].over_bytes, 0u);
}

TEST(StoreRoom, IsShortInTheMeasureOfTheNextSegments) {
  EXPECT_DOUBLE_EQ(wanted_of({.next_bytes = 100, .free_bytes = 400}), 0.25);
  EXPECT_DOUBLE_EQ(wanted_of({.next_bytes = 100, .free_bytes = 100, .yielding_bytes = 100}), 0.5);
  EXPECT_GT(wanted_of({.next_bytes = 100}), 1.0);
  EXPECT_DOUBLE_EQ(wanted_of({.free_bytes = 1}), 0);
  EXPECT_DOUBLE_EQ(wanted_of({.next_bytes = 1, .free_bytes = 1'000'000, .over_bytes = 1}), 0.5);
}

}  // namespace
}  // namespace weir::output
