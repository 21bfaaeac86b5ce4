// Stores whose disk fails, is full or goes away: one error, exact counts, and what was written can
// be read.
#include <csignal>
#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/human.h"
#include "integration/capture_fixture.h"
#include "integration/small_disk.h"
#include "integration/stored_packets.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<FrameBytes> frames_from(std::uint32_t first, std::uint32_t count,
                                    std::size_t frame_bytes = 1514) {
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < count; ++i) frames.push_back(udp_frame(first + i, frame_bytes));
  return frames;
}

// What weir says beside that it began, and what it did.
std::vector<std::string> complaints(const std::string& err) {
  std::vector<std::string> lines;
  std::istringstream text(err);
  for (std::string line; std::getline(text, line);) {
    const bool report = line.starts_with("weir: capturing on ") ||
                        line.starts_with("weir: received ") || line.starts_with("weir: wrote ");
    if (!report) lines.push_back(line);
  }
  return lines;
}

class StoreFaults : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    std::filesystem::create_directory(dir_.file("disk"));
  }

  std::unique_ptr<Process> start_into_store(std::vector<std::string> more = {}) {
    more.insert(more.end(),
                {"--store", store_, "--stats-json", dir_.file("stats.json"), "--workers", "1"});
    return start(std::move(more));
  }
  // Frames, until it gives up, which it must.
  void send_until_it_ends(Process& process, std::vector<FrameBytes>& sent) {
    TrafficSocket sender("tap");
    while (!ended(process)) {
      process.wait_for_stderr_for("never printed", 1);
      const auto more = frames_from(static_cast<std::uint32_t>(sent.size()), 200);
      sender.send(more);
      sent.insert(sent.end(), more.begin(), more.end());
    }
  }
  static bool ended(const Process& process) {
    const std::string status = read_file("/proc/" + std::to_string(process.pid()) + "/stat");
    return status.empty() || status.find(") Z ") != std::string::npos;
  }
  static void wait_until_received(Process& process, std::size_t count) {
    do {
      process.signal(SIGUSR1);
    } while (!process.wait_for_stderr_for("received " + app::count_text(count) + ",", 50));
  }
  static void wait_until_written(Process& process, std::size_t count) {
    do {
      process.signal(SIGUSR1);
    } while (!process.wait_for_stderr_for("wrote " + app::count_text(count) + " packets", 50));
  }

  std::uint64_t lost_for(const char* reason) {
    return stats()["outputs"][0]["lost"][reason].get<std::uint64_t>();
  }
  // What it was offered and has not written.
  std::uint64_t missing() {
    const json row = stats()["outputs"][0];
    const auto offered = row["offered"].get<std::uint64_t>();
    const auto written = row["written"].get<std::uint64_t>();
    EXPECT_GT(offered, written);
    return offered - written;
  }

  // The store has the packets that count as written, the first ones, and nothing wrong in it.
  void expect_stored(const std::vector<FrameBytes>& sent, const json& stats) {
    EXPECT_TRUE(law_holds(stats)) << stats;
    const json row = stats["outputs"][0];
    EXPECT_EQ(row["pending"], 0);
    const auto frames = frames_in_store(store_);
    EXPECT_EQ(frames.size(), row["written"].get<std::size_t>()) << stats;
    ASSERT_LE(frames.size(), sent.size());
    EXPECT_TRUE(std::equal(frames.begin(), frames.end(), sent.begin()));
    const auto verified = run_weir({"store", "verify", store_});
    EXPECT_EQ(verified.status, 0) << verified.out;
  }
  // A start on the same store puts in order what is there, and goes on.
  void expect_goes_on() {
    const auto before = frames_in_store(store_);
    write_file(dir_.file("more.pcap"), pcap_bytes(frames_from(1'000'000, 10)));
    const auto result = run_weir({"read", dir_.file("more.pcap"), "--store", store_});
    EXPECT_EQ(result.status, 0) << result.err;
    const auto files = read_store(store_);
    for (const StoredFile& file : files) EXPECT_TRUE(file.sealed) << file.path;
    const auto frames = frames_in(files);
    ASSERT_EQ(frames.size(), before.size() + 10);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), frames.begin()));
    const auto verified = run_weir({"store", "verify", store_});
    EXPECT_EQ(verified.status, 0) << verified.out;
  }

  const std::string disk_ = dir_.file("disk");
  const std::string store_ = dir_.file("disk/packets");
};

TEST_F(StoreFaults, AFullDiskOfAReadIsOneErrorWithExactCounts) {
  const SmallDisk disk(disk_, "12m");
  const auto sent = frames_from(0, 20'000);
  write_file(dir_.file("in.pcap"), pcap_bytes(sent));
  const auto result = run_weir(
      {"read", dir_.file("in.pcap"), "--store", store_, "--stats-json", dir_.file("stats.json")});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(complaints(result.err), ElementsAre(AllOf(HasSubstr("No space left on device"),
                                                        HasSubstr("free some space"))));
  EXPECT_GT(stats()["outputs"][0]["written"], 1000);
  EXPECT_EQ(lost_for("no_space"), missing());
  EXPECT_EQ(stats()["error_code"], "no_space");
  expect_stored(sent, stats());
  disk.resize("64m");
  expect_goes_on();
}

// In segments, the full ones are sealed before.
TEST_F(StoreFaults, AFullDiskOfACaptureLeavesTheSegmentsBeforeItSealed) {
  WEIR_SKIP_BECAUSE(Ext4Disk::why_not(), UnderCi::Skip);
  std::filesystem::remove(disk_);
  const Ext4Disk disk(disk_, 24 << 20);
  auto process = start_into_store({"--store-segment", "4MiB"});
  std::vector<FrameBytes> sent;
  send_until_it_ends(*process, sent);
  const auto result = process->wait();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(complaints(result.err), ElementsAre(HasSubstr("No space left on device")));
  EXPECT_EQ(lost_for("no_space"), missing());
  expect_stored(sent, stats());
  const auto files = read_store(store_);
  ASSERT_GE(files.size(), 3u);
  for (std::size_t i = 0; i + 1 < files.size(); ++i) EXPECT_TRUE(files[i].sealed);
}

// Acknowledged is what has been on the disk.
TEST_F(StoreFaults, ADiskThatIsPulledOutHasEveryChunkThatWasAcknowledged) {
  WEIR_SKIP_BECAUSE(Ext4Disk::why_not(), UnderCi::Skip);
  std::filesystem::remove(disk_);
  Ext4Disk disk(disk_, 64 << 20);
  auto process = start_into_store({"--store-durability", "chunk", "--store-chunk", "64KiB"});
  auto sent = frames_from(0, 2000);
  TrafficSocket("tap").send(sent);
  wait_until_written(*process, 2000);
  disk.pull_out();
  send_until_it_ends(*process, sent);
  const auto result = process->wait();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(complaints(result.err), ElementsAre(HasSubstr("Input/output error")));
  EXPECT_TRUE(law_holds(stats())) << stats();
  const auto written = stats()["outputs"][0]["written"].get<std::size_t>();
  EXPECT_EQ(lost_for("write_error"), missing());
  disk.unmount();
  disk.mount();
  const auto frames = frames_in_store(store_);
  ASSERT_GE(frames.size(), written);
  ASSERT_LE(frames.size(), sent.size());
  EXPECT_TRUE(std::equal(frames.begin(), frames.end(), sent.begin()));
  expect_goes_on();
}

TEST_F(StoreFaults, ADiskThatBecomesReadOnlyIsOneErrorAndWhatIsOnItCanBeRead) {
  WEIR_SKIP_BECAUSE(Ext4Disk::why_not(), UnderCi::Skip);
  std::filesystem::remove(disk_);
  Ext4Disk disk(disk_, 64 << 20);
  auto process = start_into_store({"--store-chunk", "64KiB"});
  auto sent = frames_from(0, 2000);
  TrafficSocket("tap").send(sent);
  wait_until_written(*process, 2000);
  disk.make_read_only();
  send_until_it_ends(*process, sent);
  const auto result = process->wait();
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(complaints(result.err).size(), 1u) << result.err;
  EXPECT_TRUE(law_holds(stats())) << stats();
  const auto written = stats()["outputs"][0]["written"].get<std::size_t>();
  EXPECT_EQ(lost_for("write_error"), missing());
  const auto frames = frames_in_store(store_);
  EXPECT_GE(frames.size(), written);
  ASSERT_LE(frames.size(), sent.size());
  EXPECT_TRUE(std::equal(frames.begin(), frames.end(), sent.begin()));
  // Nothing can be mended there now.
  write_file(dir_.file("more.pcap"), pcap_bytes(frames_from(0, 1)));
  const auto refused = run_weir({"read", dir_.file("more.pcap"), "--store", store_});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(complaints(refused.err), ElementsAre(HasSubstr("Read-only file system")));
}

// The next segment finds no place, or the end of this one finds no file: whichever comes first.
TEST_F(StoreFaults, ADirectoryThatIsRemovedIsOneError) {
  auto process = start_into_store({"--store-segment", "1MiB"});
  auto sent = frames_from(0, 100);
  TrafficSocket("tap").send(sent);
  wait_until_written(*process, 100);
  std::filesystem::remove_all(store_);
  send_until_it_ends(*process, sent);
  const auto result = process->wait();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(complaints(result.err),
              ElementsAre(AllOf(HasSubstr(store_), AnyOf(HasSubstr("No such file or directory"),
                                                         HasSubstr("somebody removed it")))));
  EXPECT_TRUE(law_holds(stats())) << stats();
}

TEST_F(StoreFaults, ASegmentThatSomebodyRemovedWhileItGrewIsTold) {
  auto process = start_into_store();
  TrafficSocket("tap").send(frames_from(0, 100));
  wait_until_written(*process, 100);
  const auto files = read_store(store_);
  ASSERT_EQ(files.size(), 1u);
  std::filesystem::remove(files[0].path);
  process->signal(SIGINT);
  const auto result = process->wait();
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(complaints(result.err), ElementsAre(HasSubstr("somebody removed it")));
}

TEST_F(StoreFaults, ASegmentThatSomebodyCutIsMendedAndTheOthersAreWhole) {
  auto process = start_into_store({"--store-segment", "1MiB", "--store-chunk", "64KiB"});
  const auto sent = frames_from(0, 3000);
  TrafficSocket("tap").send(sent);
  wait_until_received(*process, 3000);
  std::vector<StoredFile> files;
  do {
    files = read_store(store_);
  } while (files.size() < 2 || !files[0].sealed);
  std::filesystem::resize_file(files[0].path, 500'000);
  process->signal(SIGINT);
  const auto result = process->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(law_holds(stats())) << stats();
  const std::size_t missing = files[0].frames.size() - read_segment(files[0].path).frames.size();
  EXPECT_GT(missing, 0u);
  EXPECT_EQ(frames_in_store(store_).size(), 3000 - missing);
  EXPECT_EQ(stats()["outputs"][0]["written"], 3000);
  expect_goes_on();
}

}  // namespace
}  // namespace weir::test
