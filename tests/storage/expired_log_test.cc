// What a store remembers of segments that are no longer there.
#include "storage/segment/expired_log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/prng.h"
#include "storage/crc32c.h"
#include "support/temp_dir.h"

namespace weir::storage::segment {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::int64_t kSecond = 1'000'000'000;

ExpiredRecord record(std::uint64_t sequence) {
  return {.name = {.begun = {1'700'000'000 * kSecond}, .sequence = sequence, .lane = 2},
          .reason = DeletionReason::Size,
          .deleted = {1'700'000'900 * kSecond},
          .times = {.first = {static_cast<std::int64_t>(sequence) * 10},
                    .last = {static_cast<std::int64_t>(sequence) * 10 + 9}},
          .packets = 100,
          .bytes = 1 << 20,
          .lost = 3};
}

class ExpiredLog : public testing::Test {
 protected:
  [[nodiscard]] ExpiredRecords read() const { return read_expired(dir_.path()).value(); }
  void append(const std::vector<ExpiredRecord>& records) const {
    const auto written = append_expired(dir_.path(), records);
    ASSERT_TRUE(written) << written.error().context;
  }
  void damage(std::streamoff at) const {
    std::fstream file(file_, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(at);
    file.put('\x5a');
  }
  [[nodiscard]] std::uint64_t size() const { return std::filesystem::file_size(file_); }

  test::TempDir dir_;
  const std::string file_ = dir_.file("weir-store.expired");
};

TEST_F(ExpiredLog, AStoreFromWhichNothingWasDeletedHasNone) {
  EXPECT_TRUE(read().records.empty());
  append({});
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(ExpiredLog, GivesWhatWasPutIntoIt) {
  ExpiredRecord damaged{
      .name = {.sequence = 9}, .reason = DeletionReason::Others, .counted = false};
  append({record(1), record(2)});
  append({damaged});
  EXPECT_THAT(read().records, ElementsAre(record(1), record(2), damaged));
  EXPECT_EQ(read().unknown, 0u);
  EXPECT_EQ(size(), 3 * kExpiredRecordBytes);
}

TEST_F(ExpiredLog, IsAsTheDocumentDescribesIt) {
  std::array<std::uint8_t, kExpiredRecordBytes> bytes{};
  put_expired(bytes.data(), record(0x0102));
  EXPECT_EQ(std::string(bytes.begin(), bytes.begin() + 4), "wexp");
  EXPECT_EQ(bytes[4], 1) << "version";
  EXPECT_EQ(bytes[5], 1) << "reason";
  EXPECT_EQ(bytes[6], 1) << "counted";
  EXPECT_EQ(load_le32(&bytes[8]), 1u);
  EXPECT_EQ(load_le32(&bytes[12]), 2u);
  EXPECT_EQ(load_le64(&bytes[16]), 0x0102u);
  EXPECT_EQ(load_le64(&bytes[24]), 1'700'000'000u * kSecond);
  EXPECT_EQ(load_le64(&bytes[32]), 1'700'000'900u * kSecond);
  EXPECT_EQ(load_le64(&bytes[40]), 2580u);
  EXPECT_EQ(load_le64(&bytes[48]), 2589u);
  EXPECT_EQ(load_le64(&bytes[56]), 100u);
  EXPECT_EQ(load_le64(&bytes[64]), 1u << 20);
  EXPECT_EQ(load_le64(&bytes[72]), 3u);
}

TEST_F(ExpiredLog, WhatWasTornAtTheEndIsPassedOverAndWrittenOver) {
  append({record(1), record(2)});
  std::filesystem::resize_file(file_, 2 * kExpiredRecordBytes - 7);
  EXPECT_THAT(read().records, ElementsAre(record(1)));
  EXPECT_EQ(read().unknown, 0u);
  append({record(3)});
  EXPECT_THAT(read().records, ElementsAre(record(1), record(3)));
  // Its length came to the disk, its bytes did not.
  damage(static_cast<std::streamoff>(kExpiredRecordBytes) + 30);
  EXPECT_THAT(read().records, ElementsAre(record(1)));
  append({record(4)});
  EXPECT_THAT(read().records, ElementsAre(record(1), record(4)));
}

TEST_F(ExpiredLog, OneThatIsDamagedAmongOthersIsCounted) {
  append({record(1), record(2), record(3)});
  damage(kExpiredRecordBytes + 50);
  EXPECT_THAT(read().records, ElementsAre(record(1), record(3)));
  EXPECT_EQ(read().unknown, 1u);
}

TEST_F(ExpiredLog, IsBoundedAndTellsTheOldestTogether) {
  std::vector<ExpiredRecord> many;
  for (std::uint64_t i = 0; i < 2 * kExpiredKept; ++i) many.push_back(record(i));
  append(many);
  EXPECT_EQ(size(), 2 * kExpiredKept * kExpiredRecordBytes);
  append({record(2 * kExpiredKept)});
  const ExpiredRecords kept = read();
  ASSERT_EQ(kept.records.size(), kExpiredKept);
  EXPECT_EQ(kept.records.back(), record(2 * kExpiredKept));
  const ExpiredRecord& oldest = kept.records.front();
  EXPECT_EQ(oldest.segments, kExpiredKept + 2);
  EXPECT_EQ(oldest.packets, (kExpiredKept + 2) * 100);
  EXPECT_EQ(oldest.lost, (kExpiredKept + 2) * 3);
  EXPECT_EQ(oldest.reason, DeletionReason::Size);
  EXPECT_EQ(oldest.times.first.ns, 0);
  EXPECT_EQ(oldest.times.last, record(kExpiredKept + 1).times.last);
  EXPECT_EQ(kept.records[1], record(kExpiredKept + 2));
  EXPECT_FALSE(std::filesystem::exists(file_ + ".new"));
}

TEST_F(ExpiredLog, AFileThatIsTooLongIsReadFromItsEnd) {
  std::vector<ExpiredRecord> many(2 * kExpiredKept - 1, record(1));
  append(many);
  {
    std::ofstream more(file_, std::ios::binary | std::ios::app);
    std::array<std::uint8_t, kExpiredRecordBytes> bytes{};
    put_expired(bytes.data(), record(7));
    for (int i = 0; i < 10; ++i) {
      more.write(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  }
  const ExpiredRecords found = read();
  EXPECT_EQ(found.records.size(), 2 * kExpiredKept);
  EXPECT_EQ(found.records.back(), record(7));
  append({record(8)});
  EXPECT_EQ(size(), kExpiredKept * kExpiredRecordBytes);
  EXPECT_EQ(read().records.back(), record(8));
}

TEST_F(ExpiredLog, WhatIsNoFileIsToldAndHoldsNobodyUp) {
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  const auto read = read_expired(dir_.path());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::Damaged);
  EXPECT_THAT(read.error().context, HasSubstr("is no file"));
  EXPECT_FALSE(append_expired(dir_.path(), std::vector{record(1)}));
  std::filesystem::remove(file_);
  std::filesystem::create_symlink(dir_.file("elsewhere"), file_);
  EXPECT_FALSE(append_expired(dir_.path(), std::vector{record(1)}));
  EXPECT_FALSE(std::filesystem::exists(dir_.file("elsewhere")));
}

TEST_F(ExpiredLog, ARecordOfANewerVersionIsCountedAndLeftInItsPlace) {
  std::array<std::uint8_t, kExpiredRecordBytes> newer{};
  put_expired(newer.data(), record(2));
  newer[4] = 2;
  store_le(&newer[92], crc32c({newer.data(), 92}));
  std::ofstream(file_, std::ios::binary)
      .write(reinterpret_cast<const char*>(newer.data()), newer.size());
  EXPECT_TRUE(read().records.empty());
  EXPECT_EQ(read().unknown, 1u);
  append({record(3)});
  EXPECT_EQ(size(), 2 * kExpiredRecordBytes);
  EXPECT_THAT(read().records, ElementsAre(record(3)));
}

TEST_F(ExpiredLog, AnyBytesAreReadWithinBounds) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    std::vector<std::uint8_t> bytes(random.below(6) * kExpiredRecordBytes + random.below(90));
    std::size_t whole = 0;
    for (std::size_t at = 0; at + kExpiredRecordBytes <= bytes.size(); at += kExpiredRecordBytes) {
      put_expired(bytes.data() + at, record(at));
      if (random.chance(1, 3)) {
        std::uint8_t& hit = bytes[at + random.below(kExpiredRecordBytes)];
        hit = static_cast<std::uint8_t>(hit ^ (1 + random.below(255)));
      } else {
        ++whole;
      }
    }
    const ExpiredRecords found = parse_expired(bytes);
    EXPECT_EQ(found.records.size(), whole);
    EXPECT_LE(whole + found.unknown, bytes.size() / kExpiredRecordBytes);
  }
}

}  // namespace
}  // namespace weir::storage::segment
