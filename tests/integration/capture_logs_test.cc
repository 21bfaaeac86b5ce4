// `weir capture --logs`: what it tells of the flows that it sees, while it sees them and at its
// end.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/capture_fixture.h"
#include "integration/small_disk.h"
#include "support/packet_builder.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using TcpOptions = PacketBuilder::TcpOptions;

constexpr std::uint8_t kFin = 0x01;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;

// A UDP packet of a flow of its own for each number below 60000.
FrameBytes flow_frame(std::uint32_t number) {
  return PacketBuilder()
      .ethernet()
      .ipv4("10.1.0.1", "10.1.0.2")
      .udp(static_cast<std::uint16_t>(1024 + number), 9)
      .payload(20)
      .build();
}
std::vector<FrameBytes> flow_frames(std::uint32_t first, std::uint32_t count) {
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < count; ++i) frames.push_back(flow_frame(first + i));
  return frames;
}

// A connection from its handshake to both FINs, 100 bytes there and 50 back.
std::vector<FrameBytes> connection(const std::string& client, const std::string& server,
                                   std::uint16_t port) {
  const auto there = [&](const TcpOptions& options, std::size_t bytes = 0) {
    return PacketBuilder()
        .ethernet()
        .ipv4(client, server)
        .tcp(port, 80, options)
        .payload(bytes)
        .build();
  };
  const auto back = [&](const TcpOptions& options, std::size_t bytes = 0) {
    return PacketBuilder()
        .ethernet()
        .ipv4(server, client)
        .tcp(80, port, options)
        .payload(bytes)
        .build();
  };
  return {
      there({.flags = kSyn, .sequence = 1000}),
      back({.flags = kSyn | kAck, .sequence = 5000, .acknowledgment = 1001}),
      there({.flags = kAck, .sequence = 1001, .acknowledgment = 5001}),
      there({.flags = kAck, .sequence = 1001, .acknowledgment = 5001}, 100),
      back({.flags = kAck, .sequence = 5001, .acknowledgment = 1101}, 50),
      there({.flags = kFin | kAck, .sequence = 1101, .acknowledgment = 5051}),
      back({.flags = kFin | kAck, .sequence = 5051, .acknowledgment = 1102}),
      there({.flags = kAck, .sequence = 1102, .acknowledgment = 5052}),
  };
}

// A question and its answer inside VXLAN. As tunnel ends do it, the source port outside is that of
// the flow inside, so that each way is a flow of its own.
std::vector<FrameBytes> in_tunnel(std::uint16_t number) {
  const auto port = static_cast<std::uint16_t>(30'000 + number);
  return {
      PacketBuilder()
          .ethernet()
          .ipv4("192.0.2.1", "192.0.2.2")
          .udp(port, 4789)
          .vxlan(42)
          .ethernet()
          .ipv4("10.2.0.1", "10.2.0.2")
          .udp(port, 53)
          .payload(30)
          .build(),
      PacketBuilder()
          .ethernet()
          .ipv4("192.0.2.2", "192.0.2.1")
          .udp(port, 4789)
          .vxlan(42)
          .ethernet()
          .ipv4("10.2.0.2", "10.2.0.1")
          .udp(53, port)
          .payload(60)
          .build(),
  };
}

constexpr std::uint32_t kConnections = 40;  // each way
constexpr std::uint32_t kDatagrams = 200;
constexpr std::uint32_t kTunnels = 50;
// Of the tunnels' both ways, and of what they carry.
constexpr std::uint32_t kFlows = 2 * kConnections + kDatagrams + 3 * kTunnels;

std::vector<FrameBytes> known_traffic() {
  std::vector<std::vector<FrameBytes>> stories;
  for (std::uint16_t i = 0; i < kConnections; ++i) {
    stories.push_back(connection("10.0.0.1", "10.0.0.2", static_cast<std::uint16_t>(20'000 + i)));
    stories.push_back(connection("10.0.0.2", "10.0.0.1", static_cast<std::uint16_t>(20'000 + i)));
  }
  for (std::uint32_t i = 0; i < kDatagrams; ++i) stories.push_back({flow_frame(i)});
  for (std::uint16_t i = 0; i < kTunnels; ++i) stories.push_back(in_tunnel(i));
  // All at the same time.
  std::vector<FrameBytes> frames;
  for (std::size_t step = 0; step < 8; ++step) {
    for (const auto& story : stories) {
      if (step < story.size()) frames.push_back(story[step]);
    }
  }
  return frames;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!file.eof()) lines.push_back(line);  // a line that is being written is none yet
  }
  return lines;
}

std::vector<std::string> sorted(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

// With this number of workers.
class CaptureLogs : public Capture, public testing::WithParamInterface<std::uint32_t> {
 protected:
  std::unique_ptr<Process> start_with_logs(std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--logs", logs_, "--stats-json", dir_.file("stats.json"), "--workers",
                             std::to_string(GetParam())});
    return start(std::move(more));
  }
  std::vector<std::string> lines_of(const std::string& log) const {
    return test::lines_of(logs_ + "/" + log + ".log");
  }
  std::vector<std::string> finished(const std::string& log) const {
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(logs_)) {
      const std::string name = entry.path().filename();
      if (name.starts_with(log + ".2") && name.ends_with("Z.log.zst"))
        paths.push_back(entry.path());
    }
    return paths;
  }
  // False: not within half a minute.
  bool wait_for_line(Process& weir, const std::string& log, const std::string& text) const {
    for (int tries = 0; tries < 1500; ++tries) {
      for (const std::string& line : lines_of(log)) {
        if (line.find(text) != std::string::npos) return true;
      }
      weir.wait_for_stderr_for("never printed", 20);
    }
    return false;
  }
  // Below a thousand.
  static void wait_until_received(Process& weir, std::size_t count) {
    do {
      weir.signal(SIGUSR1);
    } while (!weir.wait_for_stderr_for("received " + std::to_string(count) + ",", 50));
  }
  // Both laws; every record that was offered has a row that says what became of it.
  json lawful_stats() {
    json numbers = stats();
    EXPECT_TRUE(law_holds(numbers)) << numbers;
    for (const auto& [log, offered] : numbers.at("records").items()) {
      const json row = output_of(numbers, log);
      EXPECT_EQ(row.at("offered"), offered) << log;
      EXPECT_EQ(row.at("pending"), 0) << log;
      EXPECT_EQ(row.at("written"), lines_of(log).size()) << log;
    }
    return numbers;
  }
  [[nodiscard]] json output_of(const json& numbers, const std::string& log) const {
    for (const json& output : numbers.at("outputs")) {
      if (output.at("path") == logs_ + "/" + log + ".log") return output;
    }
    return json::object();
  }

  const std::string logs_ = dir_.file("logs");
  const std::string file_ = dir_.file("weir.pcapng");
};

INSTANTIATE_TEST_SUITE_P(Workers, CaptureLogs, testing::Values(1, 4),
                         testing::PrintToStringParamName());

std::vector<std::string> without_times_of_closing(std::vector<std::string> lines) {
  for (std::string& line : lines) {
    json row = json::parse(line);
    if (row.value("action", "") == "Tunnel::CLOSE") row.erase("ts");
    line = row.dump();
  }
  return lines;
}

TEST_P(CaptureLogs, TellLiveWhatReadingTheStoredPacketsTells) {
  auto weir = start_with_logs({"-w", file_});
  const auto sent = known_traffic();
  TrafficSocket("tap").send(sent);
  weir->signal(SIGINT);
  const auto result = weir->wait();
  ASSERT_EQ(result.status, 0) << result.err;

  const json numbers = lawful_stats();
  EXPECT_EQ(numbers["accepted"], sent.size());
  EXPECT_EQ(numbers["records"]["conn"], kFlows);
  EXPECT_EQ(numbers["records"]["tunnel"], 4 * kTunnels) << "each way is found, and ends";
  EXPECT_EQ(output_of(numbers, "conn")["written"], kFlows);

  const std::string again = dir_.file("again");
  ASSERT_EQ(run_weir({"read", file_, "--logs", again}).status, 0);
  for (const std::string log : {"conn", "tunnel"}) {
    const auto live = lines_of(log);
    std::string path = again;
    path.append("/").append(log).append(".log");
    const auto read = test::lines_of(path);
    // Several workers share the clock by which a tunnel ends: it may be ahead of the last packet.
    EXPECT_EQ(sorted(without_times_of_closing(live)), sorted(without_times_of_closing(read)))
        << log;
    if (GetParam() == 1) {
      EXPECT_EQ(live, read) << log;
    }
  }
}

TEST_P(CaptureLogs, SayOfEachConnectionWhatItWas) {
  auto weir = start_with_logs();
  TrafficSocket("tap").send(connection("10.0.0.1", "10.0.0.2", 20'000));
  TrafficSocket("tap").send(in_tunnel(0));
  weir->signal(SIGINT);
  ASSERT_EQ(weir->wait().status, 0);
  lawful_stats();
  std::set<std::string> told;
  for (const std::string& line : lines_of("conn")) {
    const json row = json::parse(line);
    told.insert(row["id.orig_h"].get<std::string>() + " " + row["proto"].get<std::string>() + " " +
                row["conn_state"].get<std::string>() + " " + row["history"].get<std::string>() +
                " " + std::to_string(row.value("orig_bytes", 0)) + "/" +
                std::to_string(row.value("resp_bytes", 0)) +
                (row.contains("tunnel_parents") ? " in a tunnel" : ""));
  }
  EXPECT_EQ(told, (std::set<std::string>{"10.0.0.1 tcp SF ShADdFf 100/50",
                                         "10.2.0.1 udp SF Dd 30/60 in a tunnel",
                                         "192.0.2.1 udp S0 D 0/0", "192.0.2.2 udp S0 D 0/0"}));
}

TEST_P(CaptureLogs, GrowWhileItRuns) {
  auto weir = start_with_logs({"--flow-timeout", "udp=1s"});
  TrafficSocket("tap").send_one(flow_frame(7));
  EXPECT_TRUE(wait_for_line(*weir, "conn", "\"id.orig_p\":1031"));
  TrafficSocket("tap").send_one(flow_frame(8));
  EXPECT_TRUE(wait_for_line(*weir, "conn", "\"id.orig_p\":1032"));
  weir->signal(SIGINT);
  EXPECT_EQ(weir->wait().status, 0);
  EXPECT_EQ(lawful_stats()["records"]["conn"], 2);
}

TEST_P(CaptureLogs, AreFinishedAndCompressedWhenTheirIntervalEnds) {
  auto weir = start_with_logs({"--flow-timeout", "udp=1s", "--rotate-interval", "1s"});
  TrafficSocket("tap").send_one(flow_frame(7));
  while (finished("conn").empty()) weir->wait_for_stderr_for("never printed", 50);
  TrafficSocket("tap").send_one(flow_frame(8));
  weir->signal(SIGINT);
  const auto result = weir->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  std::string all = read_file(logs_ + "/conn.log");
  for (const std::string& path : finished("conn")) {
    const CommandResult text = run_command({"zstd", "-dc", path});
    EXPECT_EQ(text.status, 0) << text.err;
    all += text.out;
  }
  EXPECT_THAT(all, HasSubstr("\"id.orig_p\":1031"));
  EXPECT_THAT(all, HasSubstr("\"id.orig_p\":1032"));
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 2);
  const json conn = output_of(stats(), "conn");
  EXPECT_EQ(conn["offered"], 2);
  EXPECT_EQ(conn["written"], 2);
}

// Inside tunnels only user space filters: everything comes into the ring.
TEST_P(CaptureLogs, GrowAlsoWhileOnlyPacketsComeThatNobodyWants) {
  auto weir =
      start_with_logs({"--flow-timeout", "udp=1s", "--inner", "udp", "src", "port", "1031"});
  TrafficSocket sender("tap");
  sender.send_one(flow_frame(7));
  const auto unwanted = flow_frames(100, 10);
  for (int tries = 0; tries < 6000 && lines_of("conn").empty(); ++tries) {
    sender.send(unwanted);
    weir->wait_for_stderr_for("never printed", 5);
  }
  EXPECT_EQ(lines_of("conn").size(), 1U);
  weir->signal(SIGINT);
  EXPECT_EQ(weir->wait().status, 0);
  lawful_stats();
}

TEST_P(CaptureLogs, HaveEveryFlowAtTheEndHoweverManyThereAre) {
  auto weir = start_with_logs();
  // More than the rings towards the logs hold at once.
  constexpr std::uint32_t kMany = 50'000;
  TrafficSocket("tap").send(flow_frames(0, kMany));
  weir->signal(SIGINT);
  EXPECT_EQ(weir->wait().status, 0);
  const json numbers = lawful_stats();
  EXPECT_EQ(numbers["received"], kMany);
  EXPECT_EQ(numbers["flows"]["begun"]["udp"], numbers["accepted"]);
  EXPECT_EQ(output_of(numbers, "conn")["written"], numbers["accepted"]);
}

TEST_P(CaptureLogs, EndWithTheLimit) {
  auto weir = start_with_logs({"-c", "100", "-w", file_});
  TrafficSocket("tap").send(flow_frames(0, 1000));
  EXPECT_EQ(weir->wait().status, 0);
  const json numbers = lawful_stats();
  EXPECT_EQ(numbers["exit_reason"], "count");
  EXPECT_EQ(numbers["accepted"], 100);
  EXPECT_EQ(output_of(numbers, "conn")["written"], 100);
}

TEST_P(CaptureLogs, EndWithTheTimeAndAreNoneWithoutAPacket) {
  auto weir = start_with_logs({"--duration", "200ms"});
  EXPECT_EQ(weir->wait().status, 0);
  EXPECT_EQ(lawful_stats()["records"], json::object());
  EXPECT_TRUE(std::filesystem::is_empty(logs_));
}

TEST_P(CaptureLogs, HaveTheFlowsOfAnInterfaceThatGoesAway) {
  auto weir = start_with_logs({"-w", file_});
  TrafficSocket("tap").send(flow_frames(0, 500));
  ip({"link", "delete", "tap"});
  EXPECT_EQ(weir->wait().status, 1);
  const json numbers = lawful_stats();
  EXPECT_EQ(numbers["error_code"], "link_gone");
  EXPECT_EQ(numbers["accepted"], 500);
  EXPECT_EQ(output_of(numbers, "conn")["written"], 500);
}

TEST_P(CaptureLogs, GoOnForOneInterfaceWhenAnotherGoesAway) {
  add_veth_pair("tap2", "far2");
  wait_until_running("tap2");
  auto weir = start_on({"tap", "tap2"},
                       {"--logs", logs_, "--stats-json", dir_.file("stats.json"), "--workers",
                        std::to_string(GetParam()), "--flow-timeout", "udp=1s"});
  TrafficSocket("tap2").send(flow_frames(0, 50));
  ip({"link", "delete", "tap2"});
  ASSERT_TRUE(weir->wait_for_stderr("the capture goes on elsewhere"));
  TrafficSocket("tap").send(flow_frames(1000, 50));
  TrafficSocket("tap").send(in_tunnel(0));
  EXPECT_TRUE(wait_for_line(*weir, "conn", "\"id.orig_p\":2049"));
  EXPECT_TRUE(wait_for_line(*weir, "tunnel", "Tunnel::CLOSE"));
  weir->signal(SIGINT);
  EXPECT_EQ(weir->wait().status, 1);
  EXPECT_EQ(lawful_stats()["records"]["conn"], 103);
}

TEST_P(CaptureLogs, KeepWhatWasAnalysedWhenASecondSignalEndsIt) {
  const std::string fifo = dir_.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const UniqueFd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  auto weir = start_with_logs({"-w", fifo});
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < 1000; ++i) frames.push_back(udp_frame(i, 1500));
  TrafficSocket("tap").send(frames);
  weir->signal(SIGINT);
  // An answer to SIGUSR1 shows that SIGINT has been taken.
  weir->signal(SIGUSR1);
  ASSERT_TRUE(weir->wait_for_stderr("received"));
  weir->signal(SIGINT);
  weir->wait();
  const json numbers = lawful_stats();
  EXPECT_EQ(numbers["received"], 1000);
  EXPECT_EQ(output_of(numbers, "conn").value("written", 0U),
            numbers["flows"]["begun"]["udp"].get<unsigned>());
}

TEST_P(CaptureLogs, OnAFullDiskAreLostByNameAndThePacketsAreNot) {
  ASSERT_EQ(::mkdir(logs_.c_str(), 0700), 0);
  const SmallDisk disk(logs_, "64k");
  auto weir = start_with_logs({"-w", file_, "--flow-timeout", "udp=1s"});
  const auto sent = flow_frames(0, 450);
  TrafficSocket sender("tap");
  sender.send(sent);
  // The disk is full as soon as their lines are flushed; the capture goes on, and says it.
  ASSERT_TRUE(wait_for_line(*weir, "conn", "\"proto\":\"udp\""));
  EXPECT_TRUE(weir->wait_for_stderr(logs_ + "/conn.log: No space left on device"));
  const auto more = flow_frames(450, 450);
  sender.send(more);
  wait_until_received(*weir, 900);
  weir->signal(SIGINT);

  const auto result = weir->wait();

  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err, HasSubstr(logs_ + "/conn.log: No space left on device"));
  const json numbers = lawful_stats();
  EXPECT_EQ(numbers["error_code"], "no_space");
  const json conn = output_of(numbers, "conn");
  EXPECT_EQ(conn["offered"], 900);
  EXPECT_GT(conn["written"], 0);
  EXPECT_GT(conn["lost"]["no_space"], 0);
  for (const std::string& line : lines_of("conn")) EXPECT_TRUE(json::accept(line)) << line;
  EXPECT_EQ(numbers["accepted"], 900);
  EXPECT_EQ(frames_of(file_).size(), 900U);
}

}  // namespace
}  // namespace weir::test
