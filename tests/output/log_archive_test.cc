// Finished logs: names, compression, what an earlier run left, which ones go.
#include "output/log_archive.h"

#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "record_logs_fixture.h"
#include "support/temp_dir.h"
#include "unzstd.h"

namespace weir::output {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Timestamp kEight = {1'795'291'200'000'000'000};  // 2026-11-21T20:00:00Z
constexpr Duration kHour = std::chrono::hours(1);

class LogArchiveTest : public testing::Test {
 protected:
  LogArchiveTest()
      : path_(dir_.path().string()),
        directory_(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

  void put(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name) << text;
  }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      found.insert(entry.path().filename().string());
    }
    return found;
  }
  std::string whole(const std::string& name) const { return unzstd(path_ + "/" + name); }
  // conn.log with this text, put away, by an archive that keeps so many.
  void put_away(const std::string& text, Timestamp begin, std::uint32_t files_max = 0) {
    put("conn.log", text);
    LogArchive archive(path_, directory_.get(), files_max);
    const auto added = archive.add("conn", begin);
    EXPECT_TRUE(added) << added.error().context;
    archive.finish();
    EXPECT_FALSE(archive.take_failure());
  }

  test::TempDir dir_;
  std::string path_;
  UniqueFd directory_;
};

TEST(ArchivedLogNames, AreThoseOfLogsWithATime) {
  using Form = ArchivedLog::Form;
  const auto form = [](const char* name) {
    const auto found = parse_archived_log(name);
    return found ? std::optional(found->form) : std::nullopt;
  };
  EXPECT_EQ(form("conn.20261121T200000Z.log"), Form::Plain);
  EXPECT_EQ(form("conn_long.20261121T200000Z.log.zst"), Form::Compressed);
  EXPECT_EQ(form("conn.20261121T200000Z_00002.log.zst.tmp"), Form::Unfinished);
  for (const char* other :
       {"conn.log", "conn.log.zst", "nolog.20261121T200000Z.log", "conn.20261121T200000Z.log.gz",
        "conn.20261121T200000.log", "conn.2026112aT200000Z.log", "conn.20261121T200000Z_.log",
        "conn.20261121T200000Z_x.log", "conn.20261121T200000Z", "", ".log", "conn..log"}) {
    EXPECT_FALSE(form(other)) << other;
  }
  const auto found = parse_archived_log("conn.20261121T200000Z_00002.log.zst");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->log, "conn");
  EXPECT_EQ(found->stem, "conn.20261121T200000Z_00002");
}

TEST_F(LogArchiveTest, AFinishedLogIsRenamedAndCompressed) {
  std::string text;
  for (int line = 0; line < 100'000; ++line) text += "{\"line\":" + std::to_string(line) + "}\n";
  put_away(text, kEight);
  EXPECT_THAT(names(), ElementsAre("conn.20261121T200000Z.log.zst"));
  EXPECT_EQ(whole("conn.20261121T200000Z.log.zst"), text);
}

TEST_F(LogArchiveTest, AnotherOneOfTheSameIntervalHasANumber) {
  put_away("one\n", kEight);
  put_away("two\n", kEight);
  put_away("three\n", kEight);
  EXPECT_THAT(names(),
              ElementsAre("conn.20261121T200000Z.log.zst", "conn.20261121T200000Z_00002.log.zst",
                          "conn.20261121T200000Z_00003.log.zst"));
  EXPECT_EQ(whole("conn.20261121T200000Z.log.zst"), "one\n");
  EXPECT_EQ(whole("conn.20261121T200000Z_00003.log.zst"), "three\n");
}

TEST_F(LogArchiveTest, KeepsTheNewestOfEachLogAlsoOfEarlierRuns) {
  put("weird.20250101T000000Z.log.zst", "another log's");
  put("conn.20250101T000000Z.log", "an earlier run's, plain");
  put("conn.notes.txt", "not ours");
  for (int hour = 0; hour < 4; ++hour) {
    put_away("hour " + std::to_string(hour) + "\n", kEight + hour * kHour, 2);
  }
  EXPECT_THAT(names(), ElementsAre("conn.20261121T220000Z.log.zst", "conn.20261121T230000Z.log.zst",
                                   "conn.notes.txt", "weird.20250101T000000Z.log.zst"));
}

TEST_F(LogArchiveTest, TakesUpWhatARunThatWasKilledLeft) {
  put("conn.20261121T200000Z.log", "renamed, not compressed\n");
  put("conn.20261121T200000Z.log.zst.tmp", "half of it");
  put("conn.20261121T210000Z.log", "compressed, not deleted\n");
  put("conn.20261121T210000Z.log.zst", "whatever");
  put("conn.log", "goes on\n");
  LogArchive archive(path_, directory_.get(), 0);
  archive.take_up();
  archive.finish();
  EXPECT_FALSE(archive.take_failure());
  EXPECT_THAT(names(), ElementsAre("conn.20261121T200000Z.log.zst", "conn.20261121T210000Z.log.zst",
                                   "conn.log"));
  EXPECT_EQ(whole("conn.20261121T200000Z.log.zst"), "renamed, not compressed\n");
  EXPECT_EQ(whole("conn.20261121T210000Z.log.zst"), "compressed, not deleted\n");
}

TEST_F(LogArchiveTest, WhatIsTooOldBeforeItsTurnComesIsNoTrouble) {
  for (const char* hour : {"17", "18", "19", "20"}) {
    put(std::string("conn.20261121T") + hour + "0000Z.log", "text\n");
  }
  LogArchive archive(path_, directory_.get(), 1);
  archive.take_up();
  archive.finish();
  EXPECT_FALSE(archive.take_failure());
  EXPECT_THAT(names(), ElementsAre("conn.20261121T200000Z.log.zst"));
}

TEST_F(LogArchiveTest, ALogThatCannotBeCompressedStaysAndIsTold) {
  std::filesystem::create_directory(path_ + "/conn.20261121T200000Z.log.zst.tmp");
  put("conn.log", "text\n");
  LogArchive archive(path_, directory_.get(), 0);
  ASSERT_TRUE(archive.add("conn", kEight));
  archive.finish();
  const auto failure = archive.take_failure();
  ASSERT_TRUE(failure);
  EXPECT_THAT(failure->context, HasSubstr("compress " + path_ + "/conn.20261121T200000Z.log: "));
  EXPECT_THAT(failure->context, HasSubstr("(it stays as it is; the next start tries again)"));
  EXPECT_FALSE(archive.take_failure()) << "told once";
  EXPECT_EQ(contents(path_ + "/conn.20261121T200000Z.log"), "text\n");
}

TEST_F(LogArchiveTest, ALogThatCannotBeRenamedIsAsItWas) {
  LogArchive archive(path_, directory_.get(), 0);
  const auto added = archive.add("conn", kEight);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::NotFound);
  EXPECT_THAT(added.error().context, HasSubstr("rename " + path_ + "/conn.log to "));
  EXPECT_THAT(names(), ElementsAre());
}

}  // namespace
}  // namespace weir::output
