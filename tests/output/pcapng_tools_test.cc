// What weir writes through the real devices, as capinfos, tshark and tcpdump read it.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <gtest/gtest.h>

#include "output/open_pcapng.h"
#include "output/pcapng_file.h"
#include "series_fixture.h"
#include "support/command.h"
#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace weir::output {
namespace {

struct Wanted {
  bool direct;
  bool io_uring;
};

class PcapngToolsTest : public testing::TestWithParam<Wanted> {};

INSTANTIATE_TEST_SUITE_P(Modes, PcapngToolsTest,
                         testing::Values(Wanted{true, true}, Wanted{true, false},
                                         Wanted{false, false}),
                         [](const auto& wanted) {
                           return std::string(wanted.param.io_uring ? "IoUring" : "Posix") +
                                  (wanted.param.direct ? "Direct" : "Buffered");
                         });

// An Ethernet frame of an experimental type, so that no dissector has an opinion.
std::string frame_of(std::int64_t bytes) {
  const auto length = static_cast<std::size_t>(bytes);
  std::string frame = "\x02\1\1\1\1\1\x02\2\2\2\2\2\x88\xb5" + std::string(length, 'p');
  return frame.substr(0, length);
}

TEST_P(PcapngToolsTest, EveryReaderSeesTheSamePackets) {
  constexpr std::uint32_t kBatches = 400;
  constexpr std::uint32_t kPackets = 50;
  const test::TempDir dir;
  const std::string path = dir.file("out.pcapng");
  auto sink =
      PcapngFile::open({.path = path, .direct = GetParam().direct, .io_uring = GetParam().io_uring})
          .value();
  InterfaceTable interfaces;
  interfaces.add({.snaplen = 262'144, .name = "left"});
  interfaces.add({.snaplen = 262'144, .name = "right"});
  const auto verdicts = TestBatch::all();
  std::uint64_t bytes = 0;
  std::string expected;
  for (std::uint32_t i = 0; i < kBatches; ++i) {
    TestBatch batch;
    for (std::uint32_t k = 0; k < kPackets; ++k) {
      const std::uint32_t n = i * kPackets + k;
      const std::uint32_t length = 60 + n * 7919 % 1440;
      batch.add(frame_of(length), 1'700'000'000'000'000'000 + std::int64_t{n} * 1'000'003, n % 2);
      bytes += length;
      expected += std::to_string(length) + "\t" + std::to_string(n % 2) + "\t" +
                  epoch_seconds({1'700'000'000'000'000'000 + std::int64_t{n} * 1'000'003}) + "\n";
    }
    ASSERT_TRUE(sink->reserve());
    sink->write({batch.batch(), interfaces, *verdicts, kSession});
    if (i % 100 == 50) {
      ASSERT_TRUE(sink->flush());
    }
  }
  ASSERT_TRUE(sink->close());
  EXPECT_EQ(sink->statistics().written.value(), kBatches * kPackets);
  EXPECT_EQ(sink->statistics().written_bytes.value(), std::filesystem::file_size(path));

  const auto info = test::run_command({"capinfos", "-M", "-c", "-d", "-I", path});
  EXPECT_EQ(info.status, 0) << info.err;
  EXPECT_NE(info.out.find("Number of packets:   " + std::to_string(kBatches * kPackets)),
            std::string::npos)
      << info.out;
  EXPECT_NE(info.out.find("Data size:           " + std::to_string(bytes) + " bytes"),
            std::string::npos)
      << info.out;
  EXPECT_NE(info.out.find("Name = right"), std::string::npos) << info.out;

  const auto shark =
      test::run_command({"tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.len", "-e",
                         "frame.interface_id", "-e", "frame.time_epoch"});
  EXPECT_EQ(shark.status, 0) << shark.err;
  EXPECT_TRUE(shark.out == expected);

  const auto dump = test::run_command({"tcpdump", "-r", path, "--count"});
  EXPECT_EQ(dump.status, 0) << dump.err;
  EXPECT_EQ(dump.out, std::to_string(kBatches * kPackets) + " packets\n");
}

// tshark's own dissection of a pcapng file: every block and option by name.
std::string dissect(const std::string& path) {
  const auto shark =
      test::run_command({"tshark", "-n", "-r", path, "-X", "read_format:MIME Files Format", "-V"});
  EXPECT_EQ(shark.status, 0) << shark.err;
  return shark.out;
}

TEST(PcapngTools, ReadersSeeLossesAndStatistics) {
  const test::TempDir dir;
  const std::string path = dir.file("out.pcapng");
  FakeCounts counts;
  counts.values = {
      {.received = 5000, .upstream = 11, .accepted = 2, .dropped = 1234, .delivered = 3766}};
  const test::FakeClock clock;
  auto sink = open_pcapng({.path = path, .counts = &counts, .clock = &clock}).value();
  InterfaceTable interfaces;
  interfaces.add({.snaplen = 262'144, .name = "left"});
  TestBatch batch;
  batch.add(frame_of(60), clock.wall().ns);
  batch.add_gap(1234);
  batch.add(frame_of(61), clock.wall().ns + 1);
  ASSERT_TRUE(sink->reserve());
  sink->write({batch.batch(), interfaces, *TestBatch::all(), kSession});
  ASSERT_TRUE(sink->close());

  const std::string blocks = dissect(path);
  for (const char* const line :
       {"Drop Count: 1234", "Comment: weir: 1234 packets lost before this one (kernel: ring full)",
        "Number of Received Packets: 5000", "Number of Dropped Packets: 11",
        "Number of Accepted by Filter Packets: 2", "Number of Dropped Packets by OS: 1234",
        "Number of Delivered to the User Packets: 3766"}) {
    EXPECT_NE(blocks.find(line), std::string::npos) << line << " in\n" << blocks;
  }
  const auto info = test::run_command({"capinfos", "-I", path});
  EXPECT_NE(info.out.find("Number of stat entries = 1"), std::string::npos) << info.out;
  const auto shark = test::run_command({"tshark", "-n", "-r", path, "-V"});
  EXPECT_NE(shark.out.find("Drop Count: 1234"), std::string::npos) << shark.out;
  const auto dump = test::run_command({"tcpdump", "-r", path, "--count"});
  EXPECT_EQ(dump.out, "2 packets\n") << dump.err;
}

// The files of a rotation in the order of their names.
std::vector<std::string> files_in(const test::TempDir& dir) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
    found.push_back(entry.path().string());
  std::sort(found.begin(), found.end());
  return found;
}

TEST_P(PcapngToolsTest, RotatedFilesAreReadOneByOneAndTogether) {
  constexpr std::uint64_t kSize = 3'000'000;
  constexpr std::uint32_t kPackets = 20'000;
  const test::TempDir dir;
  FakeCounts counts;
  const test::FakeClock clock;
  auto sink = open_pcapng({.path = dir.file("out.pcapng"),
                           .direct = GetParam().direct,
                           .io_uring = GetParam().io_uring,
                           .rotation = {.size_bytes = kSize},
                           .counts = &counts,
                           .clock = &clock})
                  .value();
  InterfaceTable interfaces;
  interfaces.add({.snaplen = 262'144, .name = "left"});
  const auto verdicts = TestBatch::all();
  std::string expected;
  for (std::uint32_t n = 0; n < kPackets;) {
    TestBatch batch;
    for (std::uint32_t k = 0; k < 100; ++k, ++n) {
      batch.add(frame_of(60 + n * 7919 % 1440), 1'700'000'000'000'000'000 + std::int64_t{n});
      expected += epoch_seconds({1'700'000'000'000'000'000 + std::int64_t{n}}) + "\n";
    }
    ASSERT_TRUE(sink->reserve());
    sink->write({batch.batch(), interfaces, *verdicts, kSession});
  }
  ASSERT_TRUE(sink->close());
  const auto paths = files_in(dir);
  EXPECT_EQ(paths.size(), sink->files());
  EXPECT_GE(paths.size(), 5U);
  std::string times;
  std::uint64_t bytes = 0;
  for (const std::string& path : paths) {
    EXPECT_LE(std::filesystem::file_size(path), kSize);
    EXPECT_EQ(test::run_command({"capinfos", path}).status, 0);
    const auto shark =
        test::run_command({"tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.time_epoch"});
    EXPECT_EQ(shark.status, 0) << shark.err;
    times += shark.out;
    bytes += std::filesystem::file_size(path);
  }
  EXPECT_TRUE(times == expected);
  EXPECT_EQ(bytes, sink->statistics().written_bytes.value());
}

TEST_P(PcapngToolsTest, OldFilesAreDeletedAndAFailureIsToldOnce) {
  const test::TempDir dir;
  const test::FakeClock clock;
  auto sink = open_pcapng({.path = dir.file("out.pcapng"),
                           .direct = GetParam().direct,
                           .io_uring = GetParam().io_uring,
                           .rotation = {.size_bytes = 1, .files_max = 2},
                           .clock = &clock})
                  .value();
  const std::string first = files_in(dir).at(0);
  std::filesystem::remove(first);
  std::filesystem::create_directory(first);  // which nobody deletes as a file
  InterfaceTable interfaces;
  interfaces.add({});
  TestBatch batch;
  for (int i = 0; i < 20; ++i) batch.add("x", i);
  ASSERT_TRUE(sink->reserve());
  sink->write({batch.batch(), interfaces, *TestBatch::all(), kSession});
  ASSERT_TRUE(sink->close());
  EXPECT_EQ(sink->files(), 20U);
  EXPECT_EQ(files_in(dir).size(), 3U);
  const auto warning = sink->take_warning();
  ASSERT_TRUE(warning.has_value());
  EXPECT_NE(warning->context.find("delete " + first), std::string::npos) << warning->context;
  EXPECT_FALSE(sink->take_warning().has_value());
}

// --- a writer that is killed

void put_u64(int fd, std::uint64_t value) {
  if (::write(fd, &value, sizeof value) != sizeof value) _exit(1);
}

// Writes numbered packets until it is killed, and tells after each batch how many bytes its ledger
// calls written.
[[noreturn]] void write_for_ever(const std::string& path, const Wanted& wanted, int progress) {
  auto sink =
      PcapngFile::open({.path = path, .direct = wanted.direct, .io_uring = wanted.io_uring});
  if (!sink) _exit(1);
  InterfaceTable interfaces;
  interfaces.add({.snaplen = 262'144});
  const auto verdicts = TestBatch::all();
  for (std::int64_t n = 0;;) {
    TestBatch batch;
    for (int k = 0; k < 256; ++k, ++n) batch.add(frame_of(1000 + n % 400), n);
    if (!(*sink)->reserve()) _exit(1);
    (*sink)->write({batch.batch(), interfaces, *verdicts, kSession});
    put_u64(progress, (*sink)->statistics().written_bytes.value());
  }
}

TEST_P(PcapngToolsTest, AKilledWriterLeavesEverythingThatWasWrittenReadable) {
  const test::TempDir dir;
  const std::string path = dir.file("out.pcapng");
  std::array<int, 2> fds{};
  ASSERT_EQ(pipe2(fds.data(), O_CLOEXEC), 0);
  const UniqueFd progress(fds[0]);
  const pid_t writer = fork();
  ASSERT_GE(writer, 0);
  if (writer == 0) write_for_ever(path, GetParam(), fds[1]);
  ::close(fds[1]);
  std::uint64_t written = 0;
  while (written < 10'000'000 && ::read(progress.get(), &written, sizeof written) > 0) {
  }
  ASSERT_EQ(kill(writer, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(waitpid(writer, &status, 0), writer);
  ASSERT_TRUE(WIFSIGNALED(status));

  std::ifstream stream(path, std::ios::binary);
  const std::vector<std::uint8_t> content{std::istreambuf_iterator<char>(stream), {}};
  const auto whole = storage::pcapng::whole_records(content);
  EXPECT_GE(whole.bytes, written) << "what the ledger called written is there";
  EXPECT_LT(content.size() - whole.bytes, 1500U) << "at most the last record is cut";
  const auto walked = test::walk_pcapng(std::span(content).first(whole.bytes));
  EXPECT_EQ(walked.error, "");
  ASSERT_EQ(walked.packets.size(), whole.packets);
  for (std::size_t i = 0; i < walked.packets.size(); ++i) ASSERT_EQ(walked.packets[i].time, i);

  const auto shark =
      test::run_command({"tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.number"});
  EXPECT_EQ(std::count(shark.out.begin(), shark.out.end(), '\n'),
            static_cast<std::ptrdiff_t>(whole.packets))
      << shark.err;
}

}  // namespace
}  // namespace weir::output
