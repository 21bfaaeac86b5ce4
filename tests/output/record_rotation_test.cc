// Logs that are written for long: they end with their interval, and are tried again.
#include <filesystem>
#include <map>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "output/record_logs.h"
#include "record_logs_fixture.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"
#include "unzstd.h"

namespace weir::output {
namespace {

using protocol::LogId;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Key;

constexpr Timestamp kTenPastEight = {1'795'291'800'000'000'000};  // 2026-11-21T20:10:00Z
constexpr Duration kMinute = std::chrono::minutes(1);
constexpr Duration kHour = std::chrono::hours(1);
constexpr Duration kRetry = std::chrono::seconds(10);

class RecordRotation : public testing::Test {
 protected:
  RecordRotation() : clock_(kTenPastEight), path_(dir_.file("logs")) {}

  [[nodiscard]] LogUpkeep upkeep() const {
    return {.clock = &clock_, .interval = kHour, .archived_max = kept_, .retry = kRetry};
  }
  void open(ExistingLogs existing = ExistingLogs::Append) {
    auto opened = RecordLogs::open(path_, existing, nullptr, upkeep());
    ASSERT_TRUE(opened) << opened.error().context;
    logs_ = std::move(*opened);
    logs_->start();
  }
  void open_faulty() {
    logs_ = std::make_unique<RecordLogs>(std::make_unique<FaultyLogDirectory>(path_, faults_),
                                         nullptr, upkeep());
  }
  // So many lines of weird.log.
  void take(std::uint64_t lines) {
    for (std::uint64_t i = 0; i < lines; ++i) logs_->take(weird_record());
  }
  void after(Duration time) {
    clock_.advance(time);
    logs_->tend();
  }
  // Lines of each file, when all is done.
  std::map<std::string, std::int64_t> files() {
    EXPECT_TRUE(logs_->close());
    std::map<std::string, std::int64_t> lines;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      const std::string text =
          entry.path().extension() == ".zst" ? unzstd(entry.path()) : contents(entry.path());
      lines[entry.path().filename()] = std::count(text.begin(), text.end(), '\n');
    }
    return lines;
  }
  std::string warning() {
    const auto warning = logs_->take_warning();
    return warning ? warning->context : "none";
  }
  const LogStatistics& weird() const { return logs_->statistics(LogId::Weird); }

  test::FakeClock clock_;
  std::uint32_t kept_ = 0;
  test::TempDir dir_;
  std::string path_;
  Faults faults_;
  std::unique_ptr<RecordLogs> logs_;
};

TEST_F(RecordRotation, AnIntervalEndsAtAMultipleOfItInUtc) {
  open();
  take(3);
  after(50 * kMinute);  // the grace has not passed
  take(1);
  after(std::chrono::seconds(1));
  take(2);
  EXPECT_THAT(files(), ElementsAre(std::pair("weird.20261121T200000Z.log.zst", 4),
                                   std::pair("weird.log", 2)));
  EXPECT_EQ(weird().written.value(), 6u);
  EXPECT_TRUE(balanced(weird()));
}

TEST_F(RecordRotation, AnIntervalWithoutRecordsHasNoLog) {
  open();
  take(1);
  for (int hour = 0; hour < 5; ++hour) after(kHour);
  take(1);
  after(kHour);
  EXPECT_THAT(files(), ElementsAre(std::pair("weird.20261121T200000Z.log.zst", 1),
                                   std::pair("weird.20261122T010000Z.log.zst", 1)));
}

TEST_F(RecordRotation, OnlyTheNewestAreKept) {
  kept_ = 2;
  open();
  for (int hour = 0; hour < 5; ++hour) {
    take(1);
    after(kHour);
  }
  EXPECT_THAT(files(), ElementsAre(Key("weird.20261121T230000Z.log.zst"),
                                   Key("weird.20261122T000000Z.log.zst")));
}

TEST_F(RecordRotation, WhatAnEarlierRunWroteInThisIntervalGoesOn) {
  // A file's time is the system's.
  clock_ = test::FakeClock(SystemClock().wall() + std::chrono::seconds(-1));
  open();
  take(1);
  logs_.reset();
  open();
  take(1);
  logs_.reset();
  clock_.advance(2 * kHour);
  open();
  take(1);
  const auto all = files();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all.at("weird.log"), 1) << "what was written two hours ago is a finished log";
  std::int64_t lines = 0;
  for (const auto& [name, count] : all) lines += count;
  EXPECT_EQ(lines, 3);
}

TEST_F(RecordRotation, NothingIsTouchedBeforeTheStart) {
  std::filesystem::create_directory(path_);
  const std::string left = path_ + "/weird.20250101T000000Z.log";
  std::ofstream(left) << "left uncompressed\n";
  std::ofstream(path_ + "/weird.log") << "old\n";
  std::filesystem::last_write_time(
      path_ + "/weird.log", std::filesystem::file_time_type::clock::now() - std::chrono::days(60));
  auto opened = RecordLogs::open(path_, ExistingLogs::Append, nullptr, upkeep());
  ASSERT_TRUE(opened);
  opened->reset();  // as when a configuration is rolled back
  EXPECT_EQ(contents(left), "left uncompressed\n");
  EXPECT_EQ(contents(path_ + "/weird.log"), "old\n");
  open();
  EXPECT_EQ(files().size(), 2u);
  EXPECT_FALSE(std::filesystem::exists(left)) << "compressed";
  EXPECT_FALSE(std::filesystem::exists(path_ + "/weird.log")) << "finished";
}

TEST_F(RecordRotation, AClockThatIsSetBackEndsNothingEarlierAndLosesNothing) {
  open();
  take(1);
  clock_.jump_wall(-24 * kHour);
  logs_->tend();
  take(1);
  after(50 * kMinute);
  take(1);
  after(2 * kHour);  // by the monotonic clock the interval is over, whatever the time is
  take(1);
  EXPECT_THAT(files(), ElementsAre(std::pair("weird.20261121T200000Z.log.zst", 3),
                                   std::pair("weird.log", 1)));
}

TEST_F(RecordRotation, ALogThatCannotBePutAwayGoesOn) {
  open_faulty();
  take(1);
  faults_.archive_errno = EACCES;
  after(kHour);
  EXPECT_EQ(warning(), "rename a log: Permission denied");
  take(1);
  faults_.archive_errno = 0;
  after(kHour);
  EXPECT_EQ(warning(), "none");
  EXPECT_THAT(files(), ElementsAre(std::pair("weird.20261121T210000Z.log.zst", 2)));
}

TEST_F(RecordRotation, ALogThatFailedIsTriedAgain) {
  open_faulty();
  faults_.disk_bytes = 0;
  take(2);
  logs_->tend();
  EXPECT_THAT(warning(), HasSubstr("weird.log: No space left on device"));
  take(1);
  faults_.disk_bytes = 1'000'000;
  after(kRetry - std::chrono::seconds(1));
  take(1);  // too early
  after(std::chrono::seconds(1));
  take(2);
  logs_->tend();
  EXPECT_EQ(warning(), "none") << "told once";
  EXPECT_EQ(weird().written.value(), 2u);
  EXPECT_EQ(lost(weird(), LostReason::NoSpace), 4u);
  EXPECT_TRUE(balanced(weird()));
  EXPECT_FALSE(logs_->close()) << "not everything is there";
}

TEST_F(RecordRotation, ALogThatFailsAgainIsToldAgain) {
  open_faulty();
  faults_.disk_bytes = 0;
  for (int round = 0; round < 3; ++round) {
    take(1);
    logs_->tend();
    EXPECT_THAT(warning(), HasSubstr("No space left on device")) << round;
    EXPECT_EQ(warning(), "none");
    after(kRetry);
  }
  EXPECT_EQ(lost(weird(), LostReason::NoSpace), 3u);
}

}  // namespace
}  // namespace weir::output
