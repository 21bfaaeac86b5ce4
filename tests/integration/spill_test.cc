// `--spill` as a user runs it: a reader that sleeps, one that is gone, a disk that is full, a
// process that is killed.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/human.h"
#include "base/unique_fd.h"
#include "integration/capture_fixture.h"
#include "integration/small_disk.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::vector<FrameBytes> numbered_frames(std::uint32_t count) {
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < count; ++i) frames.push_back(udp_frame(i, 1400));
  return frames;
}

std::string read_to_end(int fd) {
  std::string all;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got <= 0) return all;
    all.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

class Spill : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    ASSERT_EQ(::mkfifo(fifo_.c_str(), 0600), 0);
    std::filesystem::create_directory(dir_.file("disk"));
    // There before weir opens the other end, which waits for a reader.
    reader_ = UniqueFd(::open(fifo_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    ASSERT_EQ(::fcntl(reader_.get(), F_SETFL, 0), 0);
  }
  std::string input(std::uint32_t packets) {
    write_file(dir_.file("in.pcap"), pcap_bytes(numbered_frames(packets)));
    return dir_.file("in.pcap");
  }
  std::vector<std::string> spilling(std::vector<std::string> words) const {
    words.insert(words.end(),
                 {"-w", fifo_, "--spill", queue_, "--stats-json", dir_.file("stats.json")});
    return words;
  }
  // Of segments in the queue's directory.
  [[nodiscard]] std::vector<std::string> segments() const {
    std::vector<std::string> paths;
    std::error_code error;
    for (std::filesystem::directory_iterator at(queue_, error), end; !error && at != end;
         at.increment(error)) {
      if (at->path().extension() == ".pcapng") paths.push_back(at->path());
    }
    std::sort(paths.begin(), paths.end());
    return paths;
  }
  [[nodiscard]] std::uint64_t spilled_bytes() const {
    std::uint64_t sum = 0;
    std::error_code error;
    for (const std::string& path : segments()) {
      const auto bytes = std::filesystem::file_size(path, error);
      if (!error) sum += bytes;
    }
    return sum;
  }
  void wait_for_spill(Process& process, std::uint64_t bytes) const {
    while (spilled_bytes() < bytes) process.wait_for_stderr_for("never printed", 1);
  }
  static void wait_until_received(Process& process, std::size_t count) {
    do {
      process.signal(SIGUSR1);
    } while (!process.wait_for_stderr_for("received " + app::count_text(count) + ",", 50));
  }
  // The process has been told of the signal that was sent.
  static void wait_until_taken(Process& process, int number) {
    const std::uint64_t bit = std::uint64_t{1} << (number - 1);
    const std::string status = "/proc/" + std::to_string(process.pid()) + "/status";
    for (;;) {
      const std::string text = read_file(status);
      const std::size_t at = text.find("\nShdPnd:");
      ASSERT_NE(at, std::string::npos);
      if ((std::stoull(text.substr(at + 8), nullptr, 16) & bit) == 0) return;
      process.wait_for_stderr_for("never printed", 1);
    }
  }
  std::vector<FrameBytes> frames_in(const std::string& stream) {
    write_file(dir_.file("stream.pcapng"), stream);
    return frames_of(dir_.file("stream.pcapng"));
  }

  const std::string fifo_ = dir_.file("fifo");
  const std::string queue_ = dir_.file("disk/queue");
  UniqueFd reader_;
};

TEST_F(Spill, AReadGivesASleepingReaderTheSameBytesLater) {
  const std::string in = input(30'000);
  const auto direct = run_weir({"read", in, "-w", "-"});
  ASSERT_EQ(direct.status, 0) << direct.err;
  Process process(weir(spilling({"read", in})));
  wait_for_spill(process, 20 << 20);
  EXPECT_TRUE(read_to_end(reader_.get()) == direct.out);
  const auto result = process.wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr(" waited in the spill queue"));
  EXPECT_TRUE(law_holds(stats()));
  EXPECT_EQ(stats()["outputs"][0]["written"], 30'000);
  EXPECT_GT(stats()["outputs"][0]["spilled"], 15'000);
  EXPECT_TRUE(segments().empty());
}

TEST_F(Spill, WhatAKilledProcessLeavesCanBeReadAndIsTold) {
  const std::string in = input(30'000);
  Process process(weir(spilling({"read", in})));
  wait_for_spill(process, 20 << 20);
  process.signal(SIGKILL);
  (void)process.wait();
  const auto left = segments();
  ASSERT_FALSE(left.empty());
  std::vector<std::string> words = {"read"};
  words.insert(words.end(), left.begin(), left.end());
  words.insert(words.end(), {"-w", dir_.file("copy.pcapng")});
  const auto copied = run_weir(words);
  EXPECT_EQ(copied.status, 0) << copied.err;
  // What had gone into the pipe before is not among them.
  const auto sent = numbered_frames(30'000);
  const auto frames = frames_of(dir_.file("copy.pcapng"));
  ASSERT_GT(frames.size(), 14'000U);
  const auto first = std::find(sent.begin(), sent.end(), frames.front());
  EXPECT_LT(first - sent.begin(), 200);
  ASSERT_LE(frames.size(), static_cast<std::size_t>(sent.end() - first));
  EXPECT_TRUE(std::equal(frames.begin(), frames.end(), first));
  const auto dissected = run_command({"tshark", "-n", "-r", left.front(), "-c", "3"});
  EXPECT_EQ(dissected.status, 0) << dissected.err;

  const auto again = run_weir({"read", in, "-c", "1", "-w", "-", "--spill", queue_});
  EXPECT_EQ(again.status, 0);
  EXPECT_THAT(again.err, HasSubstr(" of an earlier run, "));
  EXPECT_EQ(segments(), left);
}

TEST_F(Spill, ACaptureHoldsNoPacketUpAndReplaysAfterItsEnd) {
  auto process = start(spilling({"--workers", "1"}));
  const auto sent = numbered_frames(20'000);
  {
    TrafficSocket sender("tap");
    for (std::size_t i = 0; i < sent.size(); i += 500) {
      sender.send({sent.begin() + static_cast<std::ptrdiff_t>(i),
                   sent.begin() + static_cast<std::ptrdiff_t>(i + 500)});
      wait_until_received(*process, i + 500);
    }
  }
  EXPECT_GT(spilled_bytes(), 10U << 20);
  process->signal(SIGINT);
  const std::string stream = read_to_end(reader_.get());
  const auto result = process->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(stats()["outputs"][0]["written"], 20'000);
  EXPECT_GT(stats()["outputs"][0]["spilled"], 10'000);
  EXPECT_TRUE(frames_in(stream) == sent);
  EXPECT_TRUE(segments().empty());
}

// Its numbers are asked for while it waits for the reader, which must not hold up what comes then.
TEST_F(Spill, ASecondSignalGivesUpAndCountsExactly) {
  auto process = start(spilling({"--workers", "1"}));
  TrafficSocket sender("tap");
  const auto sent = numbered_frames(8'000);
  for (std::size_t i = 0; i < sent.size(); i += 500) {
    sender.send({sent.begin() + static_cast<std::ptrdiff_t>(i),
                 sent.begin() + static_cast<std::ptrdiff_t>(i + 500)});
    wait_until_received(*process, i + 500);
  }
  process->signal(SIGINT);
  wait_until_taken(*process, SIGINT);
  // Many times: at one of them at least the worker is where it waits.
  for (int i = 0; i < 20; ++i) {
    process->signal(SIGUSR1);
    wait_until_taken(*process, SIGUSR1);
    process->wait_for_stderr_for("never printed", 20);
  }
  process->signal(SIGINT);
  (void)process->wait();
  EXPECT_TRUE(law_holds(stats())) << stats();
  const json row = stats()["outputs"][0];
  EXPECT_EQ(row["offered"], 8'000);
  EXPECT_EQ(row["pending"], 0);
  EXPECT_GT(row["lost"]["closed"], 7'000);
  EXPECT_TRUE(segments().empty());
}

TEST_F(Spill, AFullDiskIsToldAndWhatIsInTheQueueArrives) {
  const SmallDisk disk(dir_.file("disk"), "12m");
  auto process = start(spilling({"--workers", "1"}));
  TrafficSocket sender("tap");
  const auto sent = numbered_frames(24'000);
  for (std::size_t i = 0; i < sent.size(); i += 500) {
    sender.send({sent.begin() + static_cast<std::ptrdiff_t>(i),
                 sent.begin() + static_cast<std::ptrdiff_t>(i + 500)});
    wait_until_received(*process, i + 500);
  }
  process->signal(SIGINT);
  const std::string stream = read_to_end(reader_.get());
  const auto result = process->wait();
  EXPECT_THAT(result.err, HasSubstr("No space left on device"));
  EXPECT_TRUE(law_holds(stats())) << stats();
  const json row = stats()["outputs"][0];
  EXPECT_EQ(row["offered"], 24'000);
  EXPECT_GT(row["lost"]["slow_reader"], 1'000);
  const auto frames = frames_in(stream);
  EXPECT_EQ(frames.size(), row["written"].get<std::size_t>());
  ASSERT_GT(frames.size(), 8'000U);
  EXPECT_TRUE(std::equal(frames.begin(), frames.begin() + 8'000, sent.begin()));
}

TEST_F(Spill, AsksForAPipeAndADirectoryOfItsOwn) {
  const std::string in = input(1);
  auto result = run_weir({"read", in, "-w", dir_.file("out.pcapng"), "--spill", queue_});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("no output is a pipe (write to one: -w -)"));
  result = run_weir({"read", in, "-w", "-", "-w", fifo_, "--spill", queue_});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("more than one output is a pipe"));
  result = run_weir({"read", in, "-w", "-", "--spill-size", "1GiB"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("--spill-size without a directory"));
  result = run_weir({"read", in, "-w", "-", "--spill", queue_, "--spill-size", "1MiB"});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("--spill-size 1MiB: not from 8388608 to "));

  Process first(weir(spilling({"read", input(30'000)})));
  wait_for_spill(first, 1 << 20);
  result = run_weir({"read", in, "-c", "1", "-w", "-", "--spill", queue_});
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("in use by process " + std::to_string(first.pid())));
  (void)read_to_end(reader_.get());
  EXPECT_EQ(first.wait().status, 0);
}

}  // namespace
}  // namespace weir::test
