// Stores in several directories whose disks fail, or whose engine is killed; and live captures into
// them.
#include <csignal>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/human.h"
#include "integration/capture_fixture.h"
#include "integration/small_disk.h"
#include "integration/stored_packets.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class StripesFaults : public Capture {
 protected:
  void SetUp() override {
    Capture::SetUp();
    std::filesystem::create_directory(disk_);
  }
  std::vector<FrameBytes> next_frames(std::uint32_t count, std::size_t bytes = 1514) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) {
      frames.push_back(udp_frame(static_cast<std::uint32_t>(sent_.size()) + i, bytes));
    }
    sent_.insert(sent_.end(), frames.begin(), frames.end());
    return frames;
  }
  std::unique_ptr<Process> start_into_both(std::vector<std::string> more = {}) {
    more.insert(more.end(),
                {"--store", full_, "--store", good_, "--stats-json", dir_.file("stats.json")});
    return start(std::move(more));
  }
  static void wait_until_received(Process& process, std::size_t count) {
    do {
      process.signal(SIGUSR1);
    } while (!process.wait_for_stderr_for("received " + app::count_text(count) + ",", 50));
  }
  // Both are good stores that have the frames of their rows, together no frame twice.
  void expect_rows() {
    EXPECT_TRUE(law_holds(stats())) << stats();
    const json rows = stats()["outputs"];
    ASSERT_EQ(rows.size(), 2u);
    std::vector<FrameBytes> all;
    for (std::size_t i = 0; i < 2; ++i) {
      const std::string path = rows[i]["path"];
      const auto frames = frames_in_store(path);
      EXPECT_EQ(frames.size(), rows[i]["written"].get<std::size_t>()) << path;
      all.insert(all.end(), frames.begin(), frames.end());
      const auto verified = run_weir({"store", "verify", path});
      EXPECT_EQ(verified.status, 0) << verified.out;
    }
    EXPECT_EQ(rows[0]["offered"].get<std::size_t>() + rows[1]["offered"].get<std::size_t>(),
              stats()["accepted"].get<std::size_t>());
    expect_from_sent(std::move(all));
  }
  // Each was sent, and is there once.
  void expect_from_sent(std::vector<FrameBytes> stored) {
    std::sort(stored.begin(), stored.end());
    EXPECT_TRUE(std::adjacent_find(stored.begin(), stored.end()) == stored.end());
    auto sent = sent_;
    std::sort(sent.begin(), sent.end());
    EXPECT_TRUE(std::includes(sent.begin(), sent.end(), stored.begin(), stored.end()));
  }

  const std::string disk_ = dir_.file("disk");
  const std::string full_ = dir_.file("disk/packets");
  const std::string good_ = dir_.file("good");
  std::vector<FrameBytes> sent_;
};

TEST_F(StripesFaults, WorkersOfACaptureShareTheDirectories) {
  auto process = start_into_both({"--workers", "2", "--store-chunk", "16KiB"});
  for (int i = 0; i < 20; ++i) TrafficSocket("tap").send(next_frames(100, 300));
  wait_until_received(*process, sent_.size());
  process->signal(SIGINT);
  const auto result = process->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  expect_rows();
  const json rows = stats()["outputs"];
  EXPECT_GT(rows[0]["written"], 0);
  EXPECT_GT(rows[1]["written"], 0);
  EXPECT_EQ(rows[0]["written"].get<std::size_t>() + rows[1]["written"].get<std::size_t>(),
            sent_.size());
}

TEST_F(StripesFaults, AFullDiskOfARead) {
  const SmallDisk disk(disk_, "12m");
  write_file(dir_.file("in.pcap"), pcap_bytes(next_frames(40'000)));
  const auto result = run_weir({"read", dir_.file("in.pcap"), "--store", full_, "--store", good_,
                                "--stats-json", dir_.file("stats.json")});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr("No space left on device"));
  EXPECT_EQ(stats()["error_code"], "no_space");
  EXPECT_EQ(stats()["received"], 40'000);
  expect_rows();
  const json rows = stats()["outputs"];
  const auto broken = rows[0]["written"].get<std::uint64_t>();
  const auto lost = rows[0]["lost"]["no_space"].get<std::uint64_t>();
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(rows[0]["offered"], broken + lost);
  EXPECT_EQ(rows[1]["written"], 40'000 - broken - lost);
}

TEST_F(StripesFaults, AFullDiskOfACaptureIsToldOnceAndTheCaptureGoesOn) {
  const SmallDisk disk(disk_, "12m");
  auto process = start_into_both({"--workers", "2"});
  while (!process->wait_for_stderr_for("takes no more packets", 10)) {
    TrafficSocket("tap").send(next_frames(500));
  }
  TrafficSocket("tap").send(next_frames(500));
  wait_until_received(*process, sent_.size());
  process->signal(SIGINT);
  const auto result = process->wait();
  EXPECT_EQ(result.status, 1) << "it was not told of by then";
  const std::string told = "store " + full_ + " takes no more packets: write " + full_;
  const std::size_t at = result.err.find(told);
  ASSERT_NE(at, std::string::npos) << result.err;
  EXPECT_EQ(result.err.find(told, at + 1), std::string::npos) << result.err;
  EXPECT_THAT(result.err, HasSubstr("the other directories go on"));
  expect_rows();
  EXPECT_TRUE(stats()["outputs"][1]["lost"].empty()) << stats();
}

TEST_F(StripesFaults, AllOfACaptureThatIsKilledAreRepaired) {
  for (const char* durability : {"none", "segment", "chunk"}) {
    SCOPED_TRACE(durability);
    auto process = start_into_both({"--workers", "2", "--store-chunk", "16KiB", "--store-segment",
                                    "1MiB", "--store-durability", durability});
    const std::size_t before = sent_.size();
    for (int i = 0; i < 10; ++i) TrafficSocket("tap").send(next_frames(200));
    wait_until_received(*process, sent_.size() - before);
    process->signal(SIGUSR1);
    process->signal(SIGKILL);
    const auto result = process->wait();
    const auto acknowledged =
        last_written(result.err, full_).value_or(0) + last_written(result.err, good_).value_or(0);
    const auto repaired = run_weir({"store", "repair", full_, good_});
    EXPECT_EQ(repaired.status, 0) << repaired.out << repaired.err;
    std::vector<FrameBytes> all = frames_in_store(full_);
    const auto rest = frames_in_store(good_);
    all.insert(all.end(), rest.begin(), rest.end());
    EXPECT_GE(all.size(), acknowledged);
    expect_from_sent(std::move(all));
    EXPECT_EQ(run_weir({"store", "verify", full_, good_}).status, 0);
  }
}

}  // namespace
}  // namespace weir::test
