// Logs on a disk that works and on disks that do not: files, ledger, errors.
#include "output/record_logs.h"

#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>

#include "output/json_record.h"
#include "record_logs_fixture.h"
#include "support/temp_dir.h"

namespace weir::output {
namespace {

using protocol::LogId;

constexpr std::string_view kWeirdLine =
    "{\"ts\":0.000000,\"name\":\"truncated_header\",\"notice\":false,\"source\":\"IP\"}\n";
constexpr std::uint64_t kLineBytes = kWeirdLine.size();

class RecordLogsTest : public testing::Test {
 protected:
  RecordLogsTest() : path_(dir_.file("logs")) {}
  void open_faulty() {
    logs_ = std::make_unique<RecordLogs>(std::make_unique<FaultyLogDirectory>(path_, faults_));
  }
  void open(ExistingLogs existing = ExistingLogs::Refuse) {
    auto opened = RecordLogs::open(path_, existing);
    ASSERT_TRUE(opened) << opened.error().context;
    logs_ = std::move(opened).value();
  }
  void take_weirds(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      logs_->take(weird_record());
      ASSERT_TRUE(balanced(weird()));
    }
  }
  const LogStatistics& weird() const { return logs_->statistics(LogId::Weird); }
  std::string weird_log() const { return contents(path_ + "/weird.log"); }
  bool exists(const std::string& name) const { return std::filesystem::exists(path_ + "/" + name); }
  static std::string lines(std::uint64_t count) {
    std::string all;
    for (std::uint64_t i = 0; i < count; ++i) all += kWeirdLine;
    return all;
  }

  test::TempDir dir_;
  std::string path_;
  Faults faults_;
  std::unique_ptr<RecordLogs> logs_;
};

TEST_F(RecordLogsTest, AFileComesWithTheFirstRecordOfItsLog) {
  open();
  EXPECT_TRUE(std::filesystem::is_empty(path_));
  take_weirds(1);
  EXPECT_TRUE(exists("weird.log"));
  EXPECT_TRUE(logs_->close());
  EXPECT_FALSE(exists("conn.log"));
  EXPECT_EQ(weird_log(), kWeirdLine);
}

TEST_F(RecordLogsTest, EveryRecordGoesToItsOwnLog) {
  open();
  protocol::Record going_on = conn_record(2);
  std::get<protocol::ConnRecord>(going_on.body).end = protocol::FlowEnd::Interval;
  logs_->take(conn_record(1));
  logs_->take(going_on);
  logs_->take({.order = {}, .body = protocol::TunnelRecord{}});
  logs_->take({.order = {}, .body = protocol::CaptureLossRecord{}});
  logs_->take({.order = {}, .body = protocol::StatsRecord{}});
  take_weirds(1);
  EXPECT_TRUE(logs_->close());
  for (const char* name :
       {"conn.log", "conn_long.log", "tunnel.log", "weird.log", "capture_loss.log", "stats.log"}) {
    const std::string file = contents(path_ + "/" + name);
    EXPECT_EQ(std::count(file.begin(), file.end(), '\n'), 1) << name;
  }
}

TEST_F(RecordLogsTest, KeepsTheOrderOfRecords) {
  open();
  constexpr std::uint64_t kRecords = 5'000;  // some buffers full
  std::string expected;
  std::array<char, kJsonLineMax> line;
  protocol::RecordContext context;
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    logs_->take(conn_record(i));
    expected.append(line.data(), write_json_line(line, conn_record(i), context));
  }
  EXPECT_TRUE(logs_->close());
  EXPECT_EQ(contents(path_ + "/conn.log"), expected);
  EXPECT_EQ(logs_->statistics(LogId::Conn).written.value(), kRecords);
  EXPECT_EQ(logs_->statistics(LogId::Conn).written_bytes.value(), expected.size());
}

TEST_F(RecordLogsTest, ARecordIsPendingUntilTheKernelHasIt) {
  open();
  take_weirds(3);
  EXPECT_EQ(weird().offered.value(), 3U);
  EXPECT_EQ(weird().pending.value(), 3U);
  EXPECT_EQ(weird().written.value(), 0U);
  EXPECT_EQ(weird_log(), "");
  ASSERT_TRUE(logs_->flush());
  EXPECT_EQ(weird().pending.value(), 0U);
  EXPECT_EQ(weird().written.value(), 3U);
  EXPECT_EQ(weird_log(), lines(3));
}

TEST_F(RecordLogsTest, AFullBufferIsWrittenOut) {
  open();
  take_weirds(RecordLog::kBufferBytes / kLineBytes + 1);
  EXPECT_GT(weird().written.value(), 0U);
  EXPECT_GT(weird().pending.value(), 0U);
  EXPECT_EQ(weird_log(), lines(weird().written.value()));
}

TEST_F(RecordLogsTest, TheDestructorWritesWhatIsPending) {
  open();
  take_weirds(2);
  logs_.reset();
  EXPECT_EQ(weird_log(), lines(2));
}

TEST_F(RecordLogsTest, ASecondRunAppendsOrOverwritesOrIsRefused) {
  open();
  take_weirds(1);
  ASSERT_TRUE(logs_->close());
  EXPECT_FALSE(RecordLogs::open(path_, ExistingLogs::Refuse));

  open(ExistingLogs::Append);
  take_weirds(2);
  ASSERT_TRUE(logs_->close());
  EXPECT_EQ(weird_log(), lines(3));
  EXPECT_EQ(weird().written.value(), 2U);

  open(ExistingLogs::Overwrite);
  EXPECT_FALSE(exists("weird.log")) << "no file without a record";
  take_weirds(1);
  ASSERT_TRUE(logs_->close());
  EXPECT_EQ(weird_log(), lines(1));
}

TEST_F(RecordLogsTest, ShortWritesGoOn) {
  open_faulty();
  faults_.bytes_at_once = 7;
  take_weirds(10);
  EXPECT_TRUE(logs_->close());
  EXPECT_EQ(weird_log(), lines(10));
  EXPECT_EQ(weird().written.value(), 10U);
}

// Wherever the disk is full: at a border of lines, within one, before the first.
TEST_F(RecordLogsTest, AFullDiskLeavesWholeLinesAndAnExactLedger) {
  for (std::uint64_t room = 0; room <= 3 * kLineBytes; ++room) {
    SCOPED_TRACE(room);
    std::filesystem::remove_all(path_);
    faults_.disk_bytes = room;
    open_faulty();
    take_weirds(4);
    const Result<void> flushed = logs_->flush();
    ASSERT_FALSE(flushed);
    const std::uint64_t whole = room / kLineBytes;
    ASSERT_EQ(flushed.error().code, ErrorCode::NoSpace);
    ASSERT_EQ(weird_log(), lines(whole));
    ASSERT_TRUE(balanced(weird()));
    ASSERT_EQ(weird().pending.value(), 0U);
    ASSERT_EQ(weird().written.value(), whole);
    ASSERT_EQ(weird().written_bytes.value(), whole * kLineBytes);
    ASSERT_EQ(lost(weird(), LostReason::NoSpace), 4 - whole);
  }
}

TEST_F(RecordLogsTest, AfterAnErrorRecordsAreLostEvenWhenThereIsRoomAgain) {
  open_faulty();
  faults_.disk_bytes = kLineBytes;
  take_weirds(2);
  EXPECT_FALSE(logs_->flush());
  faults_.disk_bytes = 1'000'000;
  take_weirds(3);
  EXPECT_FALSE(logs_->flush());
  EXPECT_FALSE(logs_->close());
  EXPECT_EQ(weird_log(), lines(1));
  EXPECT_EQ(lost(weird(), LostReason::NoSpace), 4U);
}

TEST_F(RecordLogsTest, AnErrorSaysWhereAndHowMuchIsKept) {
  open_faulty();
  faults_.disk_bytes = 2 * kLineBytes + 1;
  take_weirds(3);
  EXPECT_EQ(logs_->close().error().context,
            "write " + path_ +
                "/weird.log: No space left on device (free some space or write elsewhere); records "
                "of this run in it: 2");
}

TEST_F(RecordLogsTest, ALineThatCannotBeCutOffIsSaidToBeTorn) {
  open_faulty();
  faults_.disk_bytes = kLineBytes + 1;
  faults_.write_errno = EIO;
  faults_.cut_errno = EIO;
  take_weirds(2);
  const Result<void> closed = logs_->close();
  EXPECT_EQ(closed.error().code, ErrorCode::Io);
  EXPECT_TRUE(closed.error().context.ends_with("of this run in it: 1, and its last line is torn"))
      << closed.error().context;
  EXPECT_EQ(weird().written.value(), 1U);
  EXPECT_EQ(lost(weird(), LostReason::WriteError), 1U);
}

TEST_F(RecordLogsTest, AnErrorEndsItsOwnLogOnly) {
  open_faulty();
  faults_.disk_bytes = 0;
  take_weirds(1);
  EXPECT_FALSE(logs_->flush());
  faults_.disk_bytes = 1'000'000;
  logs_->take(conn_record(1));
  EXPECT_FALSE(logs_->close());
  EXPECT_EQ(logs_->statistics(LogId::Conn).written.value(), 1U);
}

TEST_F(RecordLogsTest, TheFirstErrorIsTheOneThatIsReturned) {
  open_faulty();
  faults_.disk_bytes = 0;
  faults_.write_errno = EIO;
  take_weirds(1);
  EXPECT_EQ(logs_->flush().error().code, ErrorCode::Io);
  faults_.write_errno = ENOSPC;
  logs_->take(conn_record(1));
  EXPECT_EQ(logs_->close().error().code, ErrorCode::Io);
  EXPECT_EQ(logs_->close().error().code, ErrorCode::Io);
  EXPECT_EQ(lost(logs_->statistics(LogId::Conn), LostReason::NoSpace), 1U);
}

TEST_F(RecordLogsTest, ALogThatCannotBeOpenedLosesItsRecords) {
  open_faulty();
  faults_.open_errno = EDQUOT;
  take_weirds(2);
  EXPECT_EQ(lost(weird(), LostReason::NoSpace), 2U);
  EXPECT_EQ(logs_->close().error().code, ErrorCode::NoSpace);
}

TEST_F(RecordLogsTest, AnErrorOfTheLastCloseIsReturned) {
  open_faulty();
  faults_.close_errno = EIO;
  take_weirds(1);
  EXPECT_TRUE(logs_->flush());
  const Result<void> closed = logs_->close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().context, "close " + path_ + "/weird.log: Input/output error");
  EXPECT_TRUE(balanced(weird()));
}

}  // namespace
}  // namespace weir::output
