// `weir capture --store`, and what other tools see of a segment that still grows.
#include <csignal>
#include <map>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/human.h"
#include "integration/capture_fixture.h"
#include "integration/stored_packets.h"
#include "integration/stored_uids.h"
#include "support/packet_builder.h"

namespace weir::test {
namespace {

using nlohmann::json;

std::uint64_t lines_of(const std::string& text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

class CaptureStore : public Capture {
 protected:
  std::unique_ptr<Process> start_into_store(std::vector<std::string> more) {
    more.insert(more.end(), {"--store", store_, "--stats-json", dir_.file("stats.json")});
    return start(std::move(more));
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
  // How many packets tshark, tcpdump and capinfos see in the file.
  static std::vector<std::uint64_t> seen_by_tools(const std::string& path) {
    const auto shark = run_command({"tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.len"});
    EXPECT_EQ(shark.status, 0) << shark.err;
    const auto dump = run_command({"tcpdump", "-n", "-r", path, "--count"});
    EXPECT_EQ(dump.status, 0) << dump.err;
    const auto info = run_command({"capinfos", "-M", "-c", path});
    EXPECT_EQ(info.status, 0) << info.err;
    const std::size_t at = info.out.find("Number of packets:");
    return {lines_of(shark.out), std::stoull(dump.out),
            at == std::string::npos ? 0 : std::stoull(info.out.substr(at + 18))};
  }
  [[nodiscard]] CommandResult verify() const { return run_weir({"store", "verify", store_}); }

  const std::string store_ = dir_.file("packets");
};

TEST_F(CaptureStore, ToolsOpenASegmentWhileItGrowsAndSeeWhatHasBeenWritten) {
  auto process = start_into_store({"--workers", "1"});
  std::vector<FrameBytes> sent;
  for (std::uint64_t round = 1; round <= 3; ++round) {
    for (std::uint32_t i = 0; i < 100; ++i) {
      sent.push_back(udp_frame(static_cast<std::uint32_t>(sent.size()), 60 + sent.size()));
      TrafficSocket("tap").send_one(sent.back());
    }
    wait_until_written(*process, sent.size());
    const auto files = read_store(store_);
    ASSERT_EQ(files.size(), 1u);
    EXPECT_FALSE(files[0].sealed);
    EXPECT_EQ(seen_by_tools(files[0].path),
              (std::vector<std::uint64_t>{sent.size(), sent.size(), sent.size()}));
    EXPECT_EQ(frames_of(files[0].path), sent);
    EXPECT_EQ(verify().status, 0) << verify().out;
  }
  process->signal(SIGINT);
  EXPECT_EQ(process->wait().status, 0);
  const auto files = read_store(store_);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(files[0].sealed);
  EXPECT_EQ(files[0].frames, sent);
  EXPECT_EQ(seen_by_tools(files[0].path),
            (std::vector<std::uint64_t>{sent.size(), sent.size(), sent.size()}));
}

TEST_F(CaptureStore, EachWorkerHasALaneAndTogetherTheyHaveEverything) {
  auto process = start_into_store({"--workers", "2", "--store-segment", "1MiB"});
  const auto sent = mixed_frames(5000);
  TrafficSocket("tap").send(sent);
  process->signal(SIGINT);
  const auto result = process->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(law_holds(stats())) << stats();
  const auto files = read_store(store_);
  std::map<std::uint32_t, std::uint64_t> packets;
  std::map<std::uint32_t, std::int64_t> latest;
  for (const StoredFile& file : files) {
    EXPECT_TRUE(file.sealed);
    packets[file.lane] += file.frames.size();
    // Of a lane they follow each other in time.
    EXPECT_TRUE(std::is_sorted(file.times.begin(), file.times.end()));
    EXPECT_LE(latest[file.lane], file.times.front());
    latest[file.lane] = file.times.back();
  }
  EXPECT_EQ(packets.size(), 2u);
  auto stored = frames_in(files);
  auto expected = sent;
  std::sort(stored.begin(), stored.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_TRUE(stored == expected) << stored.size();
  EXPECT_EQ(stats()["outputs"][0]["written"], 5000);
  EXPECT_EQ(verify().status, 0) << verify().out;
}

// Flows beside each other and in one tunnel, which all workers see.
TEST_F(CaptureStore, WithLogsPacketsAreFoundByTheUidsOfTheirFlowsWhicheverWorkerSawThem) {
  auto process =
      start_into_store({"--workers", "2", "--store-chunk", "64KiB", "--logs", dir_.file("flows")});
  std::vector<FrameBytes> sent;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    PacketBuilder builder;
    builder.ethernet();
    if (i % 3 == 0) builder.ipv4("192.0.2.1", "192.0.2.2").udp(4000, 4789).vxlan(7).ethernet();
    builder.ipv4("10.1.0.1", "10.1.0.2").udp(static_cast<std::uint16_t>(1024 + i % 600), 9);
    sent.push_back(builder.payload(200).build());
  }
  TrafficSocket("tap").send(sent);
  process->signal(SIGINT);
  const auto result = process->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(law_holds(stats())) << stats();
  std::set<std::uint32_t> lanes;
  for (const StoredFile& file : read_store(store_)) lanes.insert(file.lane);
  EXPECT_EQ(lanes.size(), 2u);
  const Rows connections = log_rows(dir_.file("flows"), "conn");
  EXPECT_EQ(connections.size(), 601u) << "600 flows and the tunnel";
  EXPECT_EQ(expect_uids_found(indexed_chunks(store_), connections,
                              log_rows(dir_.file("flows"), "tunnel")),
            3000u);
}

TEST_F(CaptureStore, AWorkerThatSeesNothingLeavesNothing) {
  auto process = start_into_store({"--workers", "2"});
  process->signal(SIGINT);
  EXPECT_EQ(process->wait().status, 0);
  EXPECT_TRUE(read_store(store_).empty());
  EXPECT_EQ(stats()["outputs"][0]["offered"], 0);
}

// Stopped, it can't empty its ring, and the kernel drops.
TEST_F(CaptureStore, UnderOverloadItHasWhatAPlainFileWrittenBesideItHasPacketForPacket) {
  auto process = start_into_store(
      {"--workers", "1", "-w", dir_.file("plain.pcapng"), "--store-segment", "16MiB"});
  process->signal(SIGSTOP);
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < 1000; ++i) frames.push_back(udp_frame(i, 1500));
  TrafficSocket sender("tap");
  for (int round = 0; round < 60; ++round) sender.send(frames);
  process->signal(SIGCONT);
  wait_until_received(*process, 60'000);
  sender.send(frames);  // the next ones say what is missing
  process->signal(SIGINT);
  const auto result = process->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(law_holds(stats())) << stats();
  const auto dropped = stats()["dropped"]["kernel"].get<std::uint64_t>();
  EXPECT_GT(dropped, 0u);
  const auto files = read_store(store_);
  EXPECT_TRUE(frames_in(files) == frames_of(dir_.file("plain.pcapng")));
  std::uint64_t lost = 0;
  std::uint64_t lost_by_tshark = 0;
  for (const StoredFile& file : files) {
    lost += file.lost;
    const auto told = run_command({"tshark", "-n", "-r", file.path, "-Y", "frame.drop_count", "-T",
                                   "fields", "-e", "frame.drop_count"});
    std::istringstream numbers(told.out);
    for (std::uint64_t number = 0; numbers >> number;) lost_by_tshark += number;
  }
  // What was lost behind the last packet that was stored is told by the statistics alone.
  EXPECT_GT(lost, 0u);
  EXPECT_LE(lost, dropped);
  EXPECT_EQ(lost_by_tshark, lost);
  EXPECT_EQ(verify().status, 0) << verify().out;
}

TEST_F(CaptureStore, TwoInterfacesAreOneStore) {
  add_veth_pair("tap2", "far2");
  wait_until_running("tap2");
  auto process =
      start_on({"tap", "tap2"}, {"--store", store_, "--stats-json", dir_.file("stats.json")});
  TrafficSocket("tap").send(mixed_frames(300));
  TrafficSocket("tap2").send(mixed_frames(200));
  process->signal(SIGINT);
  EXPECT_EQ(process->wait().status, 0);
  EXPECT_EQ(frames_in_store(store_).size(), 500u);
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(verify().status, 0) << verify().out;
}

TEST_F(CaptureStore, CountEndsItAfterThatManyPackets) {
  auto process = start_into_store({"-c", "10", "--workers", "1"});
  TrafficSocket("tap").send(mixed_frames(100));
  EXPECT_EQ(process->wait().status, 0);
  const auto frames = frames_in_store(store_);
  auto expected = mixed_frames(10);
  EXPECT_EQ(frames, expected);
}

}  // namespace
}  // namespace weir::test
