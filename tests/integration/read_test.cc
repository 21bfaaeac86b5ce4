// `weir read` as a user runs it.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "capture/frames.h"
#include "integration/pcap_bytes.h"
#include "integration/weir_command.h"
#include "support/temp_dir.h"

namespace weir::test {
namespace {

using nlohmann::json;

class Read : public testing::Test {
 protected:
  // 1000 packets, every tenth to port 53.
  std::string input() {
    const std::string path = dir_.file("in.pcap");
    write_file(path, pcap_bytes(frames_with_dns(1000, 10)));
    return path;
  }
  TempDir dir_;
};

std::string count_of_tcpdump(const std::string& path, const std::string& expression = "") {
  return run_command({"tcpdump", "-n", "-r", path, "--count", expression}).out;
}

TEST_F(Read, WithoutASinkItCounts) {
  const auto result = run_weir({"read", input(), "--stats-json", "-"});
  EXPECT_EQ(result.status, 0) << result.err;
  const json stats = json::parse(result.out);
  EXPECT_EQ(stats["received"], 1000);
  EXPECT_EQ(stats["accepted"], 1000);
  EXPECT_EQ(stats["received_bytes"], 46000);
  EXPECT_EQ(stats["first_ts"], "1700000000.000000000");
  EXPECT_EQ(stats["last_ts"], "1700000000.999000000");
  EXPECT_EQ(stats["capture_mode"], "file");
  EXPECT_EQ(stats["exit_reason"], "eof");
  EXPECT_TRUE(stats["outputs"].empty());
  EXPECT_TRUE(law_holds(stats)) << stats;
  EXPECT_NE(result.err.find("received 1,000, accepted 1,000"), std::string::npos) << result.err;
}

TEST_F(Read, FiltersAndWritesWhatOtherToolsRead) {
  const std::string output = dir_.file("out.pcapng");
  const auto result =
      run_weir({"read", input(), "-w", output, "--stats-json", "-", "udp", "port", "53"});
  EXPECT_EQ(result.status, 0) << result.err;
  const json stats = json::parse(result.out);
  EXPECT_EQ(stats["accepted"], 100);
  EXPECT_EQ(stats["rejected"]["filter"], 900);
  EXPECT_EQ(stats["outputs"][0]["written"], 100);
  EXPECT_NE(stats["outputs"][0]["mode"], "") << "how it was written is reported";
  EXPECT_EQ(stats["outputs"][0]["written_bytes"], std::filesystem::file_size(output));
  EXPECT_TRUE(law_holds(stats)) << stats;
  EXPECT_EQ(count_of_tcpdump(output), "100 packets\n");
  const std::vector<std::string> fields = {"-T", "fields",    "-e", "frame.time_epoch",
                                           "-e", "frame.len", "-e", "udp.dstport"};
  std::vector<std::string> before = {"tshark", "-r", dir_.file("in.pcap"), "-Y", "udp.port == 53"};
  std::vector<std::string> after = {"tshark", "-r", output};
  before.insert(before.end(), fields.begin(), fields.end());
  after.insert(after.end(), fields.begin(), fields.end());
  const std::string expected = run_command(before).out;
  EXPECT_FALSE(expected.empty());
  EXPECT_EQ(run_command(after).out, expected);
}

TEST_F(Read, ACopyOfAnEmptyCaptureHasItsInterface) {
  write_file(dir_.file("empty.pcap"), pcap_bytes({}, 101));
  EXPECT_EQ(run_weir({"read", dir_.file("empty.pcap"), "-w", dir_.file("out.pcapng")}).status, 0);
  const auto facts = run_command({"capinfos", "-E", dir_.file("out.pcapng")});
  EXPECT_NE(facts.out.find("Raw IP"), std::string::npos) << facts.out << facts.err;
}

TEST_F(Read, WritesToAPipe) {
  const auto result = run_weir({"read", input(), "-w", "-"});
  EXPECT_EQ(result.status, 0) << result.err;
  write_file(dir_.file("piped.pcapng"), result.out);
  EXPECT_EQ(count_of_tcpdump(dir_.file("piped.pcapng")), "1000 packets\n");
}

TEST_F(Read, ReadsStandardInputAndSeveralFilesInOrder) {
  const std::string path = input();
  const auto result =
      run_weir({"read", path, "-", path, "--stats-json", "-"}, {.input = read_file(path)});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(json::parse(result.out)["received"], 3000);
}

TEST_F(Read, CountEndsAfterThatManyAcceptedPackets) {
  const auto result = run_weir({"read", input(), "-c", "7", "--stats-json", "-", "port", "53"});
  EXPECT_EQ(result.status, 0);
  const json stats = json::parse(result.out);
  EXPECT_EQ(stats["accepted"], 7);
  EXPECT_EQ(stats["received"], 61);
  EXPECT_EQ(stats["exit_reason"], "count");
  EXPECT_TRUE(law_holds(stats)) << stats;
}

TEST_F(Read, ADamagedFileDeliversItsGoodPacketsThenOneErrorWithTheOffset) {
  std::string bytes = pcap_bytes(frames_with_dns(1000, 10));
  bytes.resize(24 + 500 * 62 + 20);
  const std::string path = dir_.file("cut.pcap");
  write_file(path, bytes);
  const auto result = run_weir({"read", path, "-w", dir_.file("out.pcapng"), "--stats-json", "-"});
  EXPECT_EQ(result.status, 1);
  const json stats = json::parse(result.out);
  EXPECT_EQ(stats["accepted"], 500);
  EXPECT_EQ(stats["outputs"][0]["written"], 500);
  EXPECT_EQ(stats["exit_reason"], "error");
  EXPECT_NE(stats["error"].get<std::string>().find("offset 31024"), std::string::npos)
      << stats["error"];
  EXPECT_NE(result.err.find("weir: " + path + ": "), std::string::npos) << result.err;
  EXPECT_EQ(count_of_tcpdump(dir_.file("out.pcapng")), "500 packets\n");
}

TEST_F(Read, AWrongFilterIsAUsageErrorAndDestroysNothing) {
  const std::string output = dir_.file("precious.pcapng");
  write_file(output, "precious");
  const auto result = run_weir({"read", input(), "-w", output, "-f", "tcp prot 80"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("weir: "), std::string::npos);
  EXPECT_EQ(read_file(output), "precious");
}

TEST_F(Read, AFilterThatTheLinkTypeCannotHaveIsRefusedWithLibpcapsMessage) {
  const std::string path = dir_.file("raw.pcap");
  write_file(path, pcap_bytes({{0x45, 0, 0, 20}}, 101));
  const auto result = run_weir({"read", path, "-f", "vlan 7"});
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("no VLAN support for"), std::string::npos) << result.err;
}

TEST_F(Read, TheInputIsNeverOverwritten) {
  const std::string path = input();
  const std::string before = read_file(path);
  std::filesystem::create_hard_link(path, dir_.file("other-name.pcap"));
  for (const char* option : {"-w", "--stats-json"}) {
    const auto result = run_weir({"read", path, option, dir_.file("other-name.pcap")});
    EXPECT_EQ(result.status, 2);
    EXPECT_NE(result.err.find("is also an input"), std::string::npos) << result.err;
    EXPECT_EQ(read_file(path), before);
  }
}

TEST_F(Read, MissingAndForeignFilesAreNamed) {
  const auto missing = run_weir({"read", dir_.file("nowhere.pcap"), "--stats-json", "-"});
  EXPECT_EQ(missing.status, 1);
  EXPECT_NE(missing.err.find("nowhere.pcap"), std::string::npos);
  EXPECT_EQ(json::parse(missing.out)["exit_reason"], "error");

  write_file(dir_.file("text.pcap"), "This is not a capture file, by any means.\n");
  const auto foreign = run_weir({"read", dir_.file("text.pcap")});
  EXPECT_EQ(foreign.status, 1);
  EXPECT_NE(foreign.err.find("text.pcap"), std::string::npos) << foreign.err;
}

TEST_F(Read, AFullDiskIsOneErrorWithExactCounts) {
  const auto result =
      run_weir({"read", input(), "-w", "/dev/full", "--stats-json", dir_.file("stats.json")});
  EXPECT_EQ(result.status, 1);
  const json stats = json::parse(read_file(dir_.file("stats.json")));
  EXPECT_EQ(stats["exit_reason"], "error");
  EXPECT_EQ(stats["outputs"][0]["written"], 0);
  EXPECT_EQ(stats["outputs"][0]["lost"]["no_space"], stats["outputs"][0]["offered"]);
  EXPECT_TRUE(law_holds(stats)) << stats;
}

TEST_F(Read, AClosedPipeIsOneErrorWithExactCounts) {
  // More than a pipe holds, into a reader that leaves at once.
  const std::string path = dir_.file("long.pcap");
  write_file(path, pcap_bytes(frames_with_dns(200'000, 10)));
  const auto result = run_command({"bash", "-c",
                                   "\"$0\" read \"$1\" -w - --stats-json \"$2\" | head -c 1000 "
                                   ">/dev/null; echo ${PIPESTATUS[0]}",
                                   weir({}).front(), path, dir_.file("stats.json")});
  EXPECT_EQ(result.out, "1\n") << result.err;
  const json stats = json::parse(read_file(dir_.file("stats.json")));
  EXPECT_GT(stats["outputs"][0]["lost"]["closed"], 0);
  EXPECT_TRUE(law_holds(stats)) << stats;
}

TEST_F(Read, ASignalEndsAReadFromALivePipe) {
  // The FIFO's writing end stays open and sends nothing more.
  const std::string fifo = dir_.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  UniqueFd writer(::open(fifo.c_str(), O_RDWR | O_CLOEXEC));
  const std::string bytes = pcap_bytes(frames_with_dns(10, 1));
  ASSERT_EQ(::write(writer.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));

  Process process(weir({"read", fifo, "--stats-json", "-"}));
  // Once it has taken the bytes it also handles signals. Statistics on request show when the
  // packets have come through.
  for (int waiting = 1; waiting > 0;) {
    process.wait_for_stderr_for("never printed", 10);
    ASSERT_EQ(::ioctl(writer.get(), FIONREAD, &waiting), 0);
  }
  do {
    process.signal(SIGUSR1);
  } while (!process.wait_for_stderr_for("received 10", 50));
  process.signal(SIGINT);
  const auto result = process.wait();
  EXPECT_EQ(result.status, 0) << result.err;
  const json stats = json::parse(result.out);
  EXPECT_EQ(stats["received"], 10);
  EXPECT_EQ(stats["exit_reason"], "signal");
  EXPECT_TRUE(law_holds(stats)) << stats;
}

TEST_F(Read, InnerFiltersTheInnermostFrame) {
  // Ethernet, IPv4, UDP 4789, VXLAN, then the frame of port 53.
  const auto inner = udp_frame(53);
  auto outer = udp_frame(4789);
  outer.resize(42);
  outer.insert(outer.end(), {0x08, 0, 0, 0, 0, 0, 42, 0});
  outer.insert(outer.end(), inner.begin(), inner.end());
  outer[17] = static_cast<std::uint8_t>(outer.size() - 14);
  outer[39] = static_cast<std::uint8_t>(outer.size() - 34);
  const std::string path = dir_.file("vxlan.pcap");
  write_file(path, pcap_bytes({outer, udp_frame(9)}));
  const auto plain =
      json::parse(run_weir({"read", path, "-f", "udp port 53", "--stats-json", "-"}).out);
  const auto nested = json::parse(
      run_weir({"read", path, "--inner", "-f", "udp port 53", "--stats-json", "-"}).out);
  EXPECT_EQ(plain["accepted"], 0);
  EXPECT_EQ(nested["accepted"], 1);
}

}  // namespace
}  // namespace weir::test
