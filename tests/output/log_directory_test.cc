// The directory of logs: what is made, what is refused and with which words.
#include "output/log_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "record_logs_fixture.h"
#include "support/temp_dir.h"

namespace weir::output {
namespace {

class LogDirectoryTest : public testing::Test {
 protected:
  LogDirectoryTest() : path_(dir_.file("logs")) {}
  void put(const std::string& name, std::string_view text) {
    std::filesystem::create_directory(path_);
    std::ofstream(path_ + "/" + name) << text;
  }
  Error refused(const std::string& path, ExistingLogs existing) {
    auto opened = open_log_directory(path, existing);
    EXPECT_FALSE(opened);
    return opened ? Error{} : opened.error();
  }
  // Opens conn.log in a directory that is opened so, and writes "new\n".
  void write_conn(ExistingLogs existing) {
    auto directory = open_log_directory(path_, existing);
    ASSERT_TRUE(directory) << directory.error().context;
    auto file = (*directory)->open("conn");
    ASSERT_TRUE(file) << file.error().context;
    constexpr std::array<std::uint8_t, 4> kLine = {'n', 'e', 'w', '\n'};
    EXPECT_EQ((*file)->write(kLine), 4);
    EXPECT_EQ((*file)->close(), 0);
  }
  std::string conn() const { return contents(path_ + "/conn.log"); }

  test::TempDir dir_;
  std::string path_;
};

TEST_F(LogDirectoryTest, IsMadeWhenItIsMissing) {
  for (const ExistingLogs existing :
       {ExistingLogs::Refuse, ExistingLogs::Append, ExistingLogs::Overwrite}) {
    write_conn(existing);
    EXPECT_EQ(conn(), "new\n");
    std::filesystem::remove_all(path_);
  }
}

TEST_F(LogDirectoryTest, IsTakenWhenItIsEmpty) {
  std::filesystem::create_directory(path_);
  write_conn(ExistingLogs::Refuse);
  EXPECT_EQ(conn(), "new\n");
}

TEST_F(LogDirectoryTest, IsRefusedWhenItIsNotEmpty) {
  put("notes.txt", "mine");
  const Error error = refused(path_, ExistingLogs::Refuse);
  EXPECT_EQ(error.code, ErrorCode::Exists);
  EXPECT_EQ(error.context, "--logs " + path_ +
                               ": the directory is not empty (name a new one, or add --append or "
                               "--overwrite)");
}

TEST_F(LogDirectoryTest, IsNotMadeBelowOneThatIsMissing) {
  const Error error = refused(path_ + "/below", ExistingLogs::Refuse);
  EXPECT_EQ(error.code, ErrorCode::NotFound);
  EXPECT_EQ(error.context, "--logs " + path_ +
                               "/below: No such file or directory (weir makes this directory, but "
                               "none above it)");
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(LogDirectoryTest, IsRefusedWhenAFileIsInItsPlace) {
  std::ofstream(path_) << "a file";
  for (const ExistingLogs existing :
       {ExistingLogs::Refuse, ExistingLogs::Append, ExistingLogs::Overwrite}) {
    const Error error = refused(path_, existing);
    EXPECT_EQ(error.code, ErrorCode::Exists);
    EXPECT_EQ(error.context, "--logs " + path_ + ": it is no directory (name another)");
  }
  EXPECT_EQ(contents(path_), "a file");
}

TEST_F(LogDirectoryTest, AppendGoesOnWithWhatIsThere) {
  put("conn.log", "old\n");
  write_conn(ExistingLogs::Append);
  EXPECT_EQ(conn(), "old\nnew\n");
}

TEST_F(LogDirectoryTest, AppendLeavesALineThatWasCutShortOnItsOwn) {
  put("conn.log", "old\nha");
  write_conn(ExistingLogs::Append);
  EXPECT_EQ(conn(), "old\nha\nnew\n");
}

TEST_F(LogDirectoryTest, AppendRefusesALogThatIsNoFile) {
  std::filesystem::create_directory(path_);
  ASSERT_EQ(mkfifo((path_ + "/weird.log").c_str(), 0600), 0);
  const Error error = refused(path_, ExistingLogs::Append);
  EXPECT_EQ(error.code, ErrorCode::Exists);
  EXPECT_EQ(error.context, "--logs " + path_ + ": weird.log is no regular file (move it away)");
}

TEST_F(LogDirectoryTest, OverwriteDeletesOurFilesAndNoOthers) {
  put("conn.log", "old\n");
  put("weird.log", "old\n");
  put("http.log", "not ours");
  write_conn(ExistingLogs::Overwrite);
  EXPECT_EQ(conn(), "new\n");
  EXPECT_FALSE(std::filesystem::exists(path_ + "/weird.log"));
  EXPECT_EQ(contents(path_ + "/http.log"), "not ours");
}

TEST_F(LogDirectoryTest, OverwriteDeletesALinkAndNotWhatItNames) {
  put("precious", "kept");
  std::filesystem::create_symlink(path_ + "/precious", path_ + "/conn.log");
  write_conn(ExistingLogs::Overwrite);
  EXPECT_EQ(conn(), "new\n");
  EXPECT_EQ(contents(path_ + "/precious"), "kept");
}

TEST_F(LogDirectoryTest, OverwriteRefusesALogThatIsADirectory) {
  std::filesystem::create_directories(path_ + "/stats.log");
  const Error error = refused(path_, ExistingLogs::Overwrite);
  EXPECT_EQ(error.context, "--logs " + path_ + ": Is a directory (stats.log could not be deleted)");
}

TEST_F(LogDirectoryTest, WhatComesMeanwhileIsNotOverwritten) {
  auto directory = open_log_directory(path_, ExistingLogs::Refuse);
  ASSERT_TRUE(directory);
  put("conn.log", "another's\n");
  auto file = (*directory)->open("conn");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::Exists);
  EXPECT_EQ(conn(), "another's\n");
}

TEST_F(LogDirectoryTest, CutTakesTheEndOff) {
  put("conn.log", "old\n");
  auto directory = open_log_directory(path_, ExistingLogs::Append);
  auto file = (*directory)->open("conn");
  constexpr std::array<std::uint8_t, 5> kTorn = {'n', 'e', 'w', '\n', '{'};
  EXPECT_EQ((*file)->write(kTorn), 5);
  EXPECT_EQ((*file)->cut(1), 0);
  EXPECT_EQ(conn(), "old\nnew\n");
}

}  // namespace
}  // namespace weir::output
