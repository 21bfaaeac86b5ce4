#include "telemetry/log_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace weir::telemetry {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
  UniqueFd read_end;
  UniqueFd write_end;
};

std::string read_some(const UniqueFd& from) {
  std::array<char, 65536> buffer;
  const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
  return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
}

std::string read_file(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

UniqueFd open_file(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

constexpr Duration kLong = std::chrono::seconds(60);

TEST(LogWriterTest, WritesInOrderAndAllAtTheEnd) {
  const test::TempDir directory;
  std::string expected;
  {
    LogWriter writer(open_file(directory.file("log")), {});
    for (int i = 0; i < 1000; ++i) {
      expected += std::to_string(i) + "\n";
      writer.write(LogLevel::Info, std::to_string(i) + "\n");
    }
  }
  EXPECT_EQ(read_file(directory.file("log")), expected);
}

TEST(LogWriterTest, HasWrittenWhatWasGivenWhenAFlushReturns) {
  Pipe pipe;
  LogWriter writer(std::move(pipe.write_end), {});
  writer.write(LogLevel::Error, "one\n");
  ASSERT_TRUE(writer.flush(kLong));
  EXPECT_EQ(read_some(pipe.read_end), "one\n");
  EXPECT_EQ(writer.written(LogLevel::Error), 1u);
  EXPECT_EQ(writer.written(LogLevel::Info), 0u);
  EXPECT_EQ(writer.lost(), 0u);
}

TEST(LogWriterTest, WritesLinesThatArePiecesOfAPipe) {
  Pipe pipe;
  const std::string line = std::string(10'000, 'x') + "\n";
  LogWriter writer(std::move(pipe.write_end), {});
  writer.write(LogLevel::Info, line);
  ASSERT_TRUE(writer.flush(kLong));
  EXPECT_EQ(read_some(pipe.read_end), line);
}

// As when the reader of a pipe stands still.
void fill(const UniqueFd& pipe) {
  ASSERT_EQ(::fcntl(pipe.get(), F_SETFL, O_NONBLOCK), 0);
  const std::string piece(4096, 'x');
  while (::write(pipe.get(), piece.data(), piece.size()) > 0) {
  }
  ASSERT_EQ(::fcntl(pipe.get(), F_SETFL, 0), 0);
}

TEST(LogWriterTest, LosesAndCountsWhatFindsNoRoomAndEndsAllTheSame) {
  Pipe pipe;
  fill(pipe.write_end);
  LogWriter writer(std::move(pipe.write_end),
                   {.lines_max = 10, .patience = std::chrono::milliseconds(100)});
  for (int i = 0; i < 1000; ++i) writer.write(LogLevel::Info, "line\n");
  EXPECT_GE(writer.lost(), 1000u - 2 * 10) << "ten wait, and ten may be the thread's";
  EXPECT_LE(writer.lost(), 1000u - 10);
  EXPECT_FALSE(writer.flush(std::chrono::milliseconds(1)));
  EXPECT_EQ(writer.written(LogLevel::Info), 0u);
}

TEST(LogWriterTest, BoundsTheBytesThatWait) {
  Pipe pipe;
  LogWriter writer(std::move(pipe.write_end), {.bytes_max = 5});
  writer.write(LogLevel::Info, "too long\n");
  EXPECT_EQ(writer.lost(), 1u);
  writer.write(LogLevel::Info, "four\n");
  ASSERT_TRUE(writer.flush(kLong));
  EXPECT_EQ(read_some(pipe.read_end), "four\n");
}

TEST(LogWriterTest, WaitsForAReaderThatComesBack) {
  Pipe pipe;
  ASSERT_EQ(::fcntl(pipe.write_end.get(), F_SETFL, O_NONBLOCK), 0);
  const std::string line = std::string(1023, 'x') + "\n";
  constexpr std::size_t kLines = 200;  // more than a pipe holds
  std::string all;
  {
    LogWriter writer(std::move(pipe.write_end), {});
    for (std::size_t i = 0; i < kLines; ++i) writer.write(LogLevel::Info, line);
    while (all.size() < kLines * line.size()) all += read_some(pipe.read_end);
    EXPECT_TRUE(writer.flush(kLong));
    EXPECT_EQ(writer.written(LogLevel::Info), kLines);
  }
  EXPECT_EQ(all.size(), kLines * line.size());
}

TEST(LogWriterTest, CountsWhatABrokenDescriptorDoesNotTake) {
  Pipe pipe;
  LogWriter writer(std::move(pipe.write_end), {});
  pipe.read_end.reset();
  writer.write(LogLevel::Info, "line\n");
  EXPECT_TRUE(writer.flush(kLong));
  EXPECT_EQ(writer.lost(), 1u);
  EXPECT_EQ(writer.written(LogLevel::Info), 0u);
}

TEST(LogWriterTest, CountsWhatAFullDiskDoesNotTake) {
  LogWriter writer(UniqueFd(::open("/dev/full", O_WRONLY | O_CLOEXEC)), {});
  writer.write(LogLevel::Info, "line\n");
  EXPECT_TRUE(writer.flush(kLong));
  EXPECT_EQ(writer.lost(), 1u);
}

}  // namespace
}  // namespace weir::telemetry
