// `weir capture` as a user runs it, on virtual interfaces in a network namespace of the test's own.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "integration/capture_fixture.h"
#include "integration/pcap_bytes.h"

namespace weir::test {
namespace {

using nlohmann::json;

TEST_F(Capture, StoresWhatTcpdumpBesideItStoresPacketForPacket) {
  // It ends by itself: on a signal it would leave what its ring still holds.
  Process tcpdump(
      {"tcpdump", "-i", "tap", "-n", "-B", "65536", "-c", "2000", "-w", dir_.file("tcpdump.pcap")});
  ASSERT_TRUE(tcpdump.wait_for_stderr("listening on"));
  auto weir = start({"-w", dir_.file("weir.pcapng"), "--stats-json", dir_.file("stats.json")});
  const auto sent = mixed_frames(2000);
  TrafficSocket("tap").send(sent);
  weir->signal(SIGINT);
  const auto result = weir->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.err.find("weir: capturing on tap (afpacket)"), std::string::npos) << result.err;
  EXPECT_EQ(tcpdump.wait().status, 0);

  const auto stored = frames_of(dir_.file("weir.pcapng"));
  EXPECT_EQ(stored, sent);
  EXPECT_EQ(stored, frames_of(dir_.file("tcpdump.pcap")));
  const json numbers = stats();
  EXPECT_EQ(numbers["received"], 2000);
  EXPECT_EQ(numbers["capture_mode"], "afpacket");
  EXPECT_EQ(numbers["exit_reason"], "signal");
  EXPECT_TRUE(law_holds(numbers)) << numbers;
}

TEST_F(Capture, UnderOverloadEveryPacketIsCountedByCause) {
  // Inside tunnels only user space filters: everything comes into the ring.
  auto weir = start({"-w", dir_.file("weir.pcapng"), "--stats-json", dir_.file("stats.json"),
                     "--inner", "vlan", "7"});
  // Stopped, it can't empty its ring of 64 MiB, and 120 MB arrive.
  weir->signal(SIGSTOP);
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    FrameBytes frame = udp_frame(i, 1500);
    frames.push_back(i % 10 == 0 ? with_tag(std::move(frame), 0x8100, 7) : std::move(frame));
  }
  TrafficSocket sender("tap");
  for (int round = 0; round < 80; ++round) sender.send(frames);
  weir->signal(SIGCONT);
  weir->signal(SIGTERM);
  EXPECT_EQ(weir->wait().status, 0);
  const json numbers = stats();
  EXPECT_EQ(numbers["received"], 80'000);
  EXPECT_GT(numbers["dropped"]["kernel"], 0);
  EXPECT_TRUE(law_holds(numbers)) << numbers;
  EXPECT_EQ(frames_of(dir_.file("weir.pcapng")).size(), numbers["accepted"].get<std::size_t>());
}

TEST_F(Capture, CountEndsItAndTheRestIsRejectedByName) {
  auto weir =
      start({"-c", "10", "-w", dir_.file("weir.pcapng"), "--stats-json", dir_.file("stats.json")});
  TrafficSocket("tap").send(mixed_frames(100));
  EXPECT_EQ(weir->wait().status, 0);
  const json numbers = stats();
  EXPECT_EQ(numbers["accepted"], 10);
  EXPECT_EQ(numbers["exit_reason"], "count");
  EXPECT_TRUE(law_holds(numbers)) << numbers;
  EXPECT_EQ(frames_of(dir_.file("weir.pcapng")).size(), 10u);
}

TEST_F(Capture, DurationEndsItOnAQuietLink) {
  auto weir = start({"--duration", "200ms", "--stats-json", dir_.file("stats.json")});
  EXPECT_EQ(weir->wait().status, 0);
  EXPECT_EQ(stats()["exit_reason"], "duration");
  EXPECT_EQ(stats()["received"], 0);
}

TEST_F(Capture, SnaplenKeepsTheBeginningOfEachPacket) {
  auto weir = start(
      {"--snaplen", "96", "-w", dir_.file("weir.pcapng"), "--stats-json", dir_.file("stats.json")});
  const auto sent = mixed_frames(500);
  TrafficSocket("tap").send(sent);
  weir->signal(SIGINT);
  EXPECT_EQ(weir->wait().status, 0);
  const auto stored = frames_of(dir_.file("weir.pcapng"));
  ASSERT_EQ(stored.size(), sent.size());
  std::uint64_t wire_bytes = 0;
  std::uint64_t truncated = 0;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    FrameBytes expected = sent[i];
    wire_bytes += expected.size();
    truncated += expected.size() > 96 ? 1u : 0u;
    expected.resize(std::min<std::size_t>(expected.size(), 96));
    EXPECT_EQ(stored[i], expected) << i;
  }
  EXPECT_EQ(stats()["received_bytes"], wire_bytes);
  EXPECT_EQ(stats()["truncated"], truncated);
}

TEST_F(Capture, StatisticsOnRequestAndRecentPacketsInTheFileWhileItRuns) {
  auto weir = start({"-w", dir_.file("weir.pcapng"), "udp"});
  TrafficSocket("tap").send(mixed_frames(50));
  // mixed_frames: a fifth has one tag, a fifth two; plain `udp` sees neither.
  do {
    weir->signal(SIGUSR1);
  } while (!weir->wait_for_stderr_for("received 50, accepted 30, rejected 20 (filter 20)", 50));
  while (frames_of(dir_.file("weir.pcapng")).size() < 30)
    weir->wait_for_stderr_for("never printed", 20);
  weir->signal(SIGINT);
  EXPECT_EQ(weir->wait().status, 0);
}

TEST_F(Capture, WritesToAPipeThatAnotherProgramReads) {
  auto weir = start({"-w", "-", "-c", "200"});
  const auto sent = mixed_frames(200);
  TrafficSocket("tap").send(sent);
  const auto result = weir->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  write_file(dir_.file("piped.pcapng"), result.out);
  EXPECT_EQ(frames_of(dir_.file("piped.pcapng")), sent);
}

TEST_F(Capture, ASecondSignalEndsItAtOnceAlsoBehindAReaderThatDoesNotRead) {
  UniqueFd reader;
  const std::string fifo = dir_.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  reader.reset(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  auto weir = start({"-w", fifo, "--stats-json", dir_.file("stats.json")});
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < 1000; ++i) frames.push_back(udp_frame(i, 1500));
  TrafficSocket("tap").send(frames);
  weir->signal(SIGINT);
  // The second must not come before the first is taken, or the two are one: signals are taken in
  // the order of their numbers, so an answer to SIGUSR1 shows that SIGINT has been.
  weir->signal(SIGUSR1);
  ASSERT_TRUE(weir->wait_for_stderr("received"));
  weir->signal(SIGINT);
  weir->wait();
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(stats()["received"], 1000);
}

TEST_F(Capture, AnInterfaceThatGoesAwayEndsItWithAReason) {
  auto weir = start({"-w", dir_.file("weir.pcapng"), "--stats-json", dir_.file("stats.json")});
  TrafficSocket("tap").send(mixed_frames(100));
  ip({"link", "delete", "tap"});
  const auto result = weir->wait();
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("tap"), std::string::npos) << result.err;
  EXPECT_EQ(stats()["accepted"], 100);
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(frames_of(dir_.file("weir.pcapng")).size(), 100u);
}

TEST_F(Capture, MistakesAreNamedBeforeAnythingIsTouched) {
  const auto unknown = run_weir({"capture", "-i", "tpa"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_NE(unknown.err.find("tap, "), std::string::npos) << unknown.err;

  write_file(dir_.file("precious.pcapng"), "precious");
  const auto filter =
      run_weir({"capture", "-i", "tap", "-w", dir_.file("precious.pcapng"), "udp", "prot", "53"});
  EXPECT_EQ(filter.status, 2);
  EXPECT_EQ(read_file(dir_.file("precious.pcapng")), "precious");

  const auto directory =
      run_weir({"capture", "-i", "tap", "-w", dir_.path().string(), "--duration", "1s"});
  EXPECT_NE(directory.status, 0);
  EXPECT_NE(directory.err.find(dir_.path().string()), std::string::npos) << directory.err;
}

}  // namespace
}  // namespace weir::test
