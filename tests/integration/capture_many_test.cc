// `weir capture` with several workers, interfaces, outputs and files.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "integration/capture_fixture.h"

namespace weir::test {
namespace {

using nlohmann::json;

std::vector<FrameBytes> sorted(std::vector<FrameBytes> frames) {
  std::sort(frames.begin(), frames.end());
  return frames;
}

std::vector<std::string> files_in(const std::filesystem::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class CaptureMany : public Capture {
 protected:
  // Frames of the generator, `count` of them, of a size.
  static std::vector<FrameBytes> plain_frames(std::uint32_t count, std::size_t bytes) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) frames.push_back(udp_frame(i, bytes));
    return frames;
  }
  std::string tshark(const std::string& path, std::vector<std::string> words) {
    words.insert(words.begin(), {"tshark", "-r", path});
    return run_command(words).out;
  }
};

TEST_F(CaptureMany, FourWorkersStoreWhatTcpdumpBesideThemStores) {
  Process tcpdump(
      {"tcpdump", "-i", "tap", "-n", "-B", "65536", "-c", "4000", "-w", dir_.file("tcpdump.pcap")});
  ASSERT_TRUE(tcpdump.wait_for_stderr("listening on"));
  auto weir = start(
      {"--workers", "4", "-w", dir_.file("weir.pcapng"), "--stats-json", dir_.file("stats.json")});
  const auto sent = mixed_frames(4000);
  TrafficSocket("tap").send(sent);
  weir->signal(SIGINT);
  const auto result = weir->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(tcpdump.wait().status, 0);

  EXPECT_EQ(sorted(frames_of(dir_.file("weir.pcapng"))),
            sorted(frames_of(dir_.file("tcpdump.pcap"))));
  const json numbers = stats();
  EXPECT_EQ(numbers["received"], 4000);
  EXPECT_TRUE(law_holds(numbers)) << numbers;
  ASSERT_EQ(numbers["per_worker"].size(), 4u);
  std::uint64_t sum = 0;
  for (const auto& worker : numbers["per_worker"]) {
    sum += worker["received"].get<std::uint64_t>();
    EXPECT_EQ(worker["interface"], "tap");
  }
  EXPECT_EQ(sum, 4000u);
}

TEST_F(CaptureMany, SeveralInterfacesShareOneFileAndKeepTheirNames) {
  add_veth_pair("tap2", "far2");
  wait_until_running("tap2");
  auto weir = start_on({"tap", "tap2"}, {"--workers", "2", "-w", dir_.file("weir.pcapng"),
                                         "--stats-json", dir_.file("stats.json")});
  TrafficSocket("tap").send(plain_frames(300, 100));
  TrafficSocket("tap2").send(plain_frames(200, 200));
  weir->signal(SIGINT);
  const auto result = weir->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.err.find("weir: capturing on tap2 (afpacket)"), std::string::npos);
  const json numbers = stats();
  EXPECT_EQ(numbers["source"], "tap,tap2");
  EXPECT_EQ(numbers["received"], 500);
  EXPECT_TRUE(law_holds(numbers)) << numbers;
  const std::string names =
      tshark(dir_.file("weir.pcapng"), {"-T", "fields", "-e", "frame.interface_name"});
  EXPECT_EQ(std::count(names.begin(), names.end(), '2'), 200) << "packets of tap2";
  EXPECT_EQ(std::count(names.begin(), names.end(), '\n'), 500);
}

TEST_F(CaptureMany, AnInterfaceThatGoesAwayLeavesTheOthers) {
  add_veth_pair("tap2", "far2");
  wait_until_running("tap2");
  auto weir = start_on({"tap", "tap2"},
                       {"-w", dir_.file("weir.pcapng"), "--stats-json", dir_.file("stats.json")});
  TrafficSocket("tap2").send(plain_frames(100, 100));
  ip({"link", "delete", "tap2"});
  ASSERT_TRUE(weir->wait_for_stderr("the capture goes on elsewhere"));
  TrafficSocket("tap").send(plain_frames(50, 100));
  weir->signal(SIGINT);
  const auto result = weir->wait();
  EXPECT_EQ(result.status, 1) << "one of the two could not be captured to the end";
  EXPECT_EQ(stats()["received"], 150);
  EXPECT_EQ(stats()["exit_reason"], "signal");
  EXPECT_EQ(stats()["error_code"], "link_gone");
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(frames_of(dir_.file("weir.pcapng")).size(), 150u);
}

TEST_F(CaptureMany, TheLimitIsOneForAllWorkers) {
  auto weir = start({"--workers", "4", "-c", "100", "-w", dir_.file("weir.pcapng"), "--stats-json",
                     dir_.file("stats.json")});
  TrafficSocket("tap").send(mixed_frames(2000));
  EXPECT_EQ(weir->wait().status, 0);
  EXPECT_EQ(stats()["accepted"], 100);
  EXPECT_EQ(stats()["exit_reason"], "count");
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(frames_of(dir_.file("weir.pcapng")).size(), 100u);
}

TEST_F(CaptureMany, WhatTheKernelFiltersIsCountedWhereItCanBe) {
  auto weir = start({"-w", dir_.file("weir.pcapng"), "--stats-json", dir_.file("stats.json"), "udp",
                     "and", "less", "100"});
  TrafficSocket sender("tap");
  sender.send(plain_frames(400, 80));
  sender.send(plain_frames(600, 1000));
  weir->signal(SIGINT);
  EXPECT_EQ(weir->wait().status, 0);
  const json numbers = stats();
  EXPECT_EQ(numbers["filter"]["where"], "kernel");
  EXPECT_EQ(numbers["filter"]["below_counted"], true);
  EXPECT_EQ(numbers["received"], 1000);
  EXPECT_EQ(numbers["accepted"], 400);
  EXPECT_EQ(numbers["rejected"]["kernel_filter"], 600);
  EXPECT_TRUE(law_holds(numbers)) << numbers;
}

TEST_F(CaptureMany, ASmallSnaplenDoesNotBlindTheFilter) {
  auto weir = start({"--snaplen", "20", "-w", dir_.file("weir.pcapng"), "--stats-json",
                     dir_.file("stats.json"), "udp"});
  TrafficSocket("tap").send(plain_frames(100, 200));
  weir->signal(SIGINT);
  EXPECT_EQ(weir->wait().status, 0);
  const auto stored = frames_of(dir_.file("weir.pcapng"));
  ASSERT_EQ(stored.size(), 100u);
  EXPECT_EQ(stored.front().size(), 20u);
  EXPECT_EQ(stats()["truncated"], 100);
}

TEST_F(CaptureMany, DirectionChoosesWhatPassesInOneDirection) {
  ip({"link", "set", "tap", "promisc", "on"});
  auto outgoing = start({"--direction", "out", "--stats-json", dir_.file("out.json")});
  auto incoming = start({"--direction", "in", "--stats-json", dir_.file("in.json"), "-c", "30"});
  TrafficSocket("tap").send(plain_frames(70, 100));
  TrafficSocket("far").send(plain_frames(30, 100));
  EXPECT_EQ(incoming->wait().status, 0);
  outgoing->signal(SIGINT);
  EXPECT_EQ(outgoing->wait().status, 0);
  EXPECT_EQ(json::parse(read_file(dir_.file("out.json")))["received"], 70);
  EXPECT_EQ(json::parse(read_file(dir_.file("in.json")))["received"], 30);
}

TEST_F(CaptureMany, RotatesBySizeAndEveryPacketIsInOneFile) {
  std::filesystem::create_directory(dir_.path() / "files");
  auto weir = start({"-w", (dir_.path() / "files/tap.pcapng").string(), "--rotate-size", "64KiB",
                     "--workers", "2", "--stats-json", dir_.file("stats.json")});
  const auto sent = mixed_frames(1500);
  TrafficSocket("tap").send(sent);
  weir->signal(SIGINT);
  const auto result = weir->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  const auto names = files_in(dir_.path() / "files");
  EXPECT_GT(names.size(), 8u);
  EXPECT_NE(result.err.find(" in " + std::to_string(names.size()) + " files"), std::string::npos)
      << result.err;
  std::vector<FrameBytes> stored;
  for (std::size_t i = 0; i < names.size(); ++i) {
    char number[32];
    std::snprintf(number, sizeof number, "tap_%05zu_", i + 1);
    EXPECT_EQ(names[i].rfind(number, 0), 0u) << names[i];
    EXPECT_EQ(names[i].size(), std::string("tap_00001_20261121T200000Z.pcapng").size()) << names[i];
    const std::string path = (dir_.path() / "files" / names[i]).string();
    EXPECT_LE(std::filesystem::file_size(path), 64u * 1024);
    for (auto& frame : frames_of(path)) stored.push_back(std::move(frame));
  }
  EXPECT_EQ(sorted(std::move(stored)), sorted(sent));
  EXPECT_TRUE(law_holds(stats())) << stats();
}

TEST_F(CaptureMany, RotatesByTheClockOnAQuietLinkAndKeepsTheNewestFiles) {
  std::filesystem::create_directory(dir_.path() / "files");
  auto weir = start({"-w", (dir_.path() / "files/tap.pcapng").string(), "--rotate-interval", "1s",
                     "--rotate-files", "2", "--stats-json", dir_.file("stats.json")});
  const auto third_file = [&] {
    const auto names = files_in(dir_.path() / "files");
    return std::any_of(names.begin(), names.end(),
                       [](const std::string& name) { return name.rfind("tap_00003_", 0) == 0; });
  };
  while (!third_file()) weir->wait_for_stderr_for("never printed", 50);
  weir->signal(SIGINT);
  EXPECT_EQ(weir->wait().status, 0);
  EXPECT_LE(files_in(dir_.path() / "files").size(), 2u);
}

TEST_F(CaptureMany, ASlowPipeDoesNotStopTheFileBesideIt) {
  const std::string fifo = dir_.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const UniqueFd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  auto weir =
      start({"-w", fifo, "-w", dir_.file("weir.pcapng"), "--stats-json", dir_.file("stats.json")});
  // More than the pipe, and the buffer in front of it, can hold.
  TrafficSocket sender("tap");
  const auto frames = plain_frames(1000, 1500);
  for (int round = 0; round < 20; ++round) sender.send(frames);
  ASSERT_TRUE(weir->wait_for_stderr("slow_reader"));
  while (frames_of(dir_.file("weir.pcapng")).size() < 20'000) {
    weir->wait_for_stderr_for("never printed", 50);
  }
  weir->signal(SIGINT);
  weir->signal(SIGUSR1);
  ASSERT_TRUE(weir->wait_for_stderr("received"));
  weir->signal(SIGINT);  // the reader never reads: a second signal ends the wait for it
  weir->wait();
  const json numbers = stats();
  EXPECT_TRUE(law_holds(numbers)) << numbers;
  EXPECT_EQ(frames_of(dir_.file("weir.pcapng")).size(), 20'000u);
  ASSERT_EQ(numbers["outputs"].size(), 2u);
  EXPECT_EQ(numbers["outputs"][0]["written"], 20'000) << "the file is first";
  EXPECT_GT(numbers["outputs"][1]["lost"]["slow_reader"], 0);
}

TEST_F(CaptureMany, AReaderThatGoesAwayDoesNotStopTheFileBesideIt) {
  const std::string fifo = dir_.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  UniqueFd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  auto weir =
      start({"-w", fifo, "-w", dir_.file("weir.pcapng"), "--stats-json", dir_.file("stats.json")});
  reader.reset();
  TrafficSocket("tap").send(plain_frames(500, 100));
  weir->signal(SIGINT);
  const auto result = weir->wait();
  EXPECT_EQ(result.status, 1) << result.err;
  EXPECT_EQ(frames_of(dir_.file("weir.pcapng")).size(), 500u);
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(stats()["received"], 500);
}

TEST_F(CaptureMany, LossesAreSaidWhenTheyHappenAndWrittenIntoTheFile) {
  auto weir = start({"-w", dir_.file("weir.pcapng"), "--stats-json", dir_.file("stats.json")});
  // Stopped, it can't empty its ring.
  weir->signal(SIGSTOP);
  TrafficSocket sender("tap");
  const auto frames = plain_frames(1000, 1500);
  for (int round = 0; round < 80; ++round) sender.send(frames);
  weir->signal(SIGCONT);
  ASSERT_TRUE(weir->wait_for_stderr("weir: tap: lost "));
  // The loss stands at the first packet after it.
  sender.send(plain_frames(10, 100));
  weir->signal(SIGINT);
  const auto result = weir->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  const json numbers = stats();
  EXPECT_TRUE(law_holds(numbers)) << numbers;
  const auto lost = numbers["dropped"]["kernel"].get<std::uint64_t>();
  EXPECT_GT(lost, 0u);

  std::uint64_t recorded = 0;
  std::istringstream counts(
      tshark(dir_.file("weir.pcapng"),
             {"-Y", "frame.packet_id || frame.comment", "-T", "fields", "-e", "frame.comment"}));
  for (std::string comment; std::getline(counts, comment);) {
    EXPECT_NE(comment.find("packets lost before this one"), std::string::npos) << comment;
    recorded += std::stoull(comment.substr(comment.find_first_of("0123456789")));
  }
  EXPECT_EQ(recorded, lost);
}

TEST_F(CaptureMany, TsharkReadsThePipeWhileTheCaptureRuns) {
  const std::string fifo = dir_.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  Process tshark({"tshark", "-l", "-r", fifo, "-T", "fields", "-e", "udp.dstport"});
  auto weir = start({"-w", fifo});
  TrafficSocket("tap").send(plain_frames(25, 100));
  weir->signal(SIGINT);
  EXPECT_EQ(weir->wait().status, 0);
  const auto result = tshark.wait();
  EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'), 25) << result.err;
}

TEST_F(CaptureMany, ARunningCaptureHasNoRightsLeft) {
  auto weir = start({"-w", dir_.file("weir.pcapng")});
  std::map<std::string, std::string> status;
  std::istringstream lines(read_file("/proc/" + std::to_string(weir->pid()) + "/status"));
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(':');
    if (colon != std::string::npos) status[line.substr(0, colon)] = line.substr(colon + 2);
  }
  EXPECT_EQ(status["CapEff"], "0000000000000000");
  EXPECT_EQ(status["CapPrm"], "0000000000000000");
  EXPECT_EQ(status["NoNewPrivs"], "1");
  weir->signal(SIGINT);
  EXPECT_EQ(weir->wait().status, 0);
}

}  // namespace
}  // namespace weir::test
