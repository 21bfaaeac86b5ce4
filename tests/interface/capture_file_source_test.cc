// The source over paths, pipes and standard input.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "base/unique_fd.h"
#include "interface/file_reading.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using interface::CaptureFileSource;
using interface::Pull;
using std::chrono::hours;

ByteVector capture_of(std::uint32_t packets) {
  CaptureBytes file;
  file.pcap_header();
  for (std::uint32_t i = 0; i < packets; ++i)
    file.record(i, 0, frame_of(100, static_cast<std::uint8_t>(i)));
  return file.bytes();
}

std::string write_file(const TempDir& dir, const std::string& name, const ByteVector& bytes) {
  std::ofstream(dir.file(name), std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return dir.file(name);
}

// A pipe whose reading end is opened by path.
struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    reader = UniqueFd(ends[0]);
    writer = UniqueFd(ends[1]);
  }
  void write(const ByteVector& bytes, std::size_t from, std::size_t to) const {
    ASSERT_EQ(::write(writer.get(), bytes.data() + from, to - from),
              static_cast<ssize_t>(to - from));
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(reader.get()); }
  UniqueFd reader;
  UniqueFd writer;
};

std::unique_ptr<CaptureFileSource> open_one(const std::string& path) {
  auto source = CaptureFileSource::open({path});
  EXPECT_TRUE(source.ok()) << source.error().context;
  return std::move(source).value();
}

TEST(CaptureFileSourceTest, ReadsFilesInTheirOrder) {
  const TempDir dir;
  const auto a = write_file(dir, "a", capture_of(3));
  const auto b = write_file(dir, "b", capture_of(2));
  auto source = CaptureFileSource::open({b, a, b});
  ASSERT_TRUE(source.ok());
  const Drained got = drain(**source);
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.packets.size(), 7u);
  EXPECT_EQ(got.packets[1].frame, frame_of(100, 1));
  EXPECT_EQ(got.packets[2].frame, frame_of(100, 0));
  EXPECT_EQ(got.packets[4].frame, frame_of(100, 2));
}

TEST(CaptureFileSourceTest, ProgressIsInBytesOfTheFilesOnDisk) {
  const TempDir dir;
  const ByteVector bytes = capture_of(10'000);
  const auto path = write_file(dir, "a", bytes);
  auto source = CaptureFileSource::open({path, path});
  ASSERT_TRUE(source.ok());
  EXPECT_EQ((*source)->progress().bytes_total, 2 * bytes.size());
  EXPECT_EQ((*source)->progress().bytes_done, 0u);
  auto batch = std::make_unique<PacketBatch>();
  ASSERT_EQ((*source)->next_batch(*batch, kBatchPacketsMax, {}), Pull::Packets);
  EXPECT_GT((*source)->progress().bytes_done, 0u);
  EXPECT_LT((*source)->progress().bytes_done, bytes.size());
  (*source)->release(*batch);
  drain(**source, 1);
  EXPECT_EQ((*source)->progress().bytes_done, 2 * bytes.size());
}

TEST(CaptureFileSourceTest, SaysWhatIsWrongWithAPathBeforeAnythingIsRead) {
  const TempDir dir;
  const auto good = write_file(dir, "good", capture_of(1));
  const auto missing = CaptureFileSource::open({good, dir.file("missing")});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  EXPECT_NE(missing.error().context.find(dir.file("missing")), std::string::npos);

  const auto directory = CaptureFileSource::open({dir.path().string()});
  ASSERT_FALSE(directory.ok());
  EXPECT_EQ(directory.error().context,
            "read " + dir.path().string() + ": it is a directory (name the capture files in it)");

  const auto twice = CaptureFileSource::open({"-", good, "-"});
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ(twice.error().code, ErrorCode::Usage);
}

TEST(CaptureFileSourceTest, WhatIsNoCaptureIsSaidWithItsFirstBytes) {
  const TempDir dir;
  const auto text = write_file(dir, "notes.pcap", bytes_of("hello, world"));
  auto source = open_one(text);
  const Drained got = drain(*source);
  EXPECT_EQ(got.code, ErrorCode::UnknownFormat);
  EXPECT_EQ(got.error,
            text +
                ": not a capture file that weir reads (first bytes 68 65 6c 6c; weir reads "
                "pcap and pcapng, also in gzip or zstd)");
}

TEST(CaptureFileSourceTest, AnEmptyFileIsACutOne) {
  const TempDir dir;
  const auto empty = write_file(dir, "empty", {});
  const Drained got = drain(*open_one(empty));
  EXPECT_EQ(got.code, ErrorCode::Truncated);
  EXPECT_EQ(got.error, empty + ": the file is empty (a capture has at least a header)");
}

TEST(CaptureFileSourceTest, FilesAfterADamagedOneAreNotRead) {
  const TempDir dir;
  ByteVector cut = capture_of(2);
  cut.pop_back();
  const auto damaged = write_file(dir, "cut", cut);
  auto source = CaptureFileSource::open({damaged, write_file(dir, "good", capture_of(5))});
  ASSERT_TRUE(source.ok());
  const Drained got = drain(**source);
  EXPECT_EQ(got.packets.size(), 1u);
  EXPECT_EQ(got.code, ErrorCode::Truncated);
  auto batch = std::make_unique<PacketBatch>();
  EXPECT_EQ((*source)->next_batch(*batch, 1, {}), Pull::Failed);
}

TEST(CaptureFileSourceTest, ClosingTheIntakeEndsAtOnce) {
  const TempDir dir;
  auto source = open_one(write_file(dir, "a", capture_of(100)));
  auto batch = std::make_unique<PacketBatch>();
  ASSERT_EQ(source->next_batch(*batch, 10, {}), Pull::Packets);
  source->close_intake();
  EXPECT_EQ(batch->packets[9].frame()[0], frame_of(100, 9)[0]);  // what is lent stays
  source->release(*batch);
  EXPECT_EQ(source->next_batch(*batch, 10, {}), Pull::End);
  EXPECT_EQ(source->statistics().received.value(), 10u);
}

TEST(CaptureFileSourceTest, APipeDeliversWhatHasComeSoFar) {
  const Pipe pipe;
  auto source = open_one(pipe.path());
  EXPECT_EQ(source->progress().bytes_total, 0u);
  const ByteVector bytes = capture_of(3);
  const std::size_t record = 116;
  auto batch = std::make_unique<PacketBatch>();

  EXPECT_EQ(source->next_batch(*batch, kBatchPacketsMax, {}), Pull::Idle);
  pipe.write(bytes, 0, 24 + record + 50);  // the header, a record, a part of one
  const auto next = [&] {                  // Idle says only that a call found nothing whole
    Pull pull = Pull::Idle;
    for (int i = 0; i < 4 && pull == Pull::Idle; ++i)
      pull = source->next_batch(*batch, kBatchPacketsMax, {});
    return pull;
  };
  ASSERT_EQ(next(), Pull::Packets);
  EXPECT_EQ(batch->count, 1u);
  source->release(*batch);
  EXPECT_EQ(next(), Pull::Idle);
  pipe.write(bytes, 24 + record + 50, 24 + 2 * record);
  ASSERT_EQ(next(), Pull::Packets);
  ASSERT_EQ(batch->count, 1u);
  EXPECT_EQ(batch->packets[0].frame()[0], frame_of(100, 1)[0]);
  source->release(*batch);
}

TEST(CaptureFileSourceTest, AWriterInItsOwnRhythmLosesNothing) {
  Pipe pipe;
  auto source = open_one(pipe.path());
  const ByteVector bytes = capture_of(20'000);
  std::thread writer([&] {
    std::size_t step = 1;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      step = std::min(1 + (step * 31) % 7919, bytes.size() - at);
      pipe.write(bytes, at, at + step);
    }
    pipe.writer.reset();
  });
  const Drained got = drain(*source);
  writer.join();
  EXPECT_EQ(got.error, "");
  ASSERT_EQ(got.packets.size(), 20'000u);
  for (std::uint32_t i = 0; i < got.packets.size(); ++i) {
    ASSERT_EQ(got.packets[i].frame, frame_of(100, static_cast<std::uint8_t>(i)));
  }
}

TEST(CaptureFileSourceTest, WakeEndsAWaitOnAPipe) {
  const Pipe pipe;
  auto source = open_one(pipe.path());
  auto batch = std::make_unique<PacketBatch>();
  std::thread waker([&] { source->wake(); });
  EXPECT_EQ(source->next_batch(*batch, 1, hours(1)), Pull::Idle);
  waker.join();
}

TEST(CaptureFileSourceTest, ANamedPipeIsOpenedBeforeItsWriterComes) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo(dir.file("fifo").c_str(), 0600), 0);
  auto source = open_one(dir.file("fifo"));
  auto batch = std::make_unique<PacketBatch>();
  EXPECT_EQ(source->next_batch(*batch, 1, {}), Pull::Idle);
  const ByteVector bytes = capture_of(2);
  {
    const UniqueFd writer(::open(dir.file("fifo").c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::write(writer.get(), bytes.data(), bytes.size()),
              static_cast<ssize_t>(bytes.size()));
  }
  const Drained got = drain(*source);
  EXPECT_EQ(got.error, "");
  EXPECT_EQ(got.packets.size(), 2u);
}

TEST(CaptureFileSourceTest, DashIsStandardInput) {
  const UniqueFd saved(::dup(STDIN_FILENO));
  Pipe pipe;
  ByteVector bytes = capture_of(2);
  bytes.pop_back();
  pipe.write(bytes, 0, bytes.size());
  pipe.writer.reset();
  ASSERT_EQ(::dup2(pipe.reader.get(), STDIN_FILENO), STDIN_FILENO);
  const Drained got = drain(*open_one("-"));
  ::dup2(saved.get(), STDIN_FILENO);
  EXPECT_EQ(got.packets.size(), 1u);
  EXPECT_EQ(got.error.substr(0, 27), "standard input: offset 140:");
}

}  // namespace
}  // namespace weir::test
