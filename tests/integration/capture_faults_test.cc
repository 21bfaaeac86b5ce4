// `weir capture` when something goes wrong around it: the ledger stays exact, one line says what
// happened, and the exit status is right.
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/capture_fixture.h"
#include "integration/small_disk.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// What weir says beside that it began, and what it did.
std::vector<std::string> complaints(const std::string& err) {
  std::vector<std::string> lines;
  std::istringstream text(err);
  for (std::string line; std::getline(text, line);) {
    const bool report = line.starts_with("weir: capturing on ") ||
                        line.starts_with("weir: received ") || line.starts_with("weir: wrote ") ||
                        line.starts_with("weir: headers that could not");
    if (!report) lines.push_back(line);
  }
  return lines;
}

// The same without what the link of `tap` went through before: the kernel takes a link down before
// it removes it.
std::vector<std::string> complaints_but_of_the_link(const std::string& err) {
  std::vector<std::string> lines = complaints(err);
  std::erase_if(lines, [](const std::string& line) { return line.starts_with("weir: tap: "); });
  return lines;
}

struct Stored {
  std::vector<FrameBytes> frames;
  std::optional<Error> error;  // how the file ends, when not well
};

Stored stored_in(const std::string& path) {
  Stored stored;
  auto source = interface::CaptureFileSource::open({path});
  if (!source) {
    ADD_FAILURE() << source.error().context;
    return stored;
  }
  PacketBatch batch;
  while ((*source)->next_batch(batch, kBatchPacketsMax, Duration::max()) ==
         interface::Pull::Packets) {
    for (const Packet& packet : batch.view())
      stored.frames.emplace_back(packet.frame().begin(), packet.frame().end());
    (*source)->release(batch);
  }
  stored.error = (*source)->error();
  return stored;
}

// Each is a flow of its own, so that all workers have some.
std::vector<FrameBytes> frames_from(std::uint32_t first, std::uint32_t count,
                                    std::size_t frame_bytes = 60) {
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < count; ++i) frames.push_back(udp_frame(first + i, frame_bytes));
  return frames;
}

// With this number of workers.
class CaptureFaults : public Capture, public testing::WithParamInterface<std::uint32_t> {
 protected:
  // weir capture on `tap` into `file`, waited for until it sees every packet.
  std::unique_ptr<Process> start_into(const std::string& file,
                                      const std::string& stats = "stats.json",
                                      std::vector<std::string> more = {}) {
    more.insert(more.end(), {"-w", file, "--stats-json", dir_.file(stats), "--workers",
                             std::to_string(GetParam())});
    return start(std::move(more));
  }

  // Asked for its statistics until they say that it received so many packets.
  static void wait_until_received(Process& weir, const std::string& count) {
    do {
      weir.signal(SIGUSR1);
    } while (!weir.wait_for_stderr_for("received " + count + ",", 50));
  }

  json lawful_stats(const std::string& file = "stats.json") {
    json numbers = json::parse(read_file(dir_.file(file)));
    EXPECT_TRUE(law_holds(numbers)) << numbers;
    return numbers;
  }

  // Several workers write in the order in which they come to it.
  [[nodiscard]] std::vector<FrameBytes> in_order(std::vector<FrameBytes> frames) const {
    if (GetParam() > 1) std::sort(frames.begin(), frames.end());
    return frames;
  }
  void expect_same(const std::vector<FrameBytes>& stored, const std::vector<FrameBytes>& sent) {
    EXPECT_TRUE(in_order(stored) == in_order(sent))
        << stored.size() << " frames of " << sent.size() << ", or others";
  }
  // No frame that was not sent, none twice; of one worker the first ones.
  void expect_beginning(const std::vector<FrameBytes>& stored,
                        const std::vector<FrameBytes>& sent) {
    ASSERT_LE(stored.size(), sent.size());
    if (GetParam() == 1) {
      EXPECT_TRUE(std::equal(stored.begin(), stored.end(), sent.begin()));
    } else {
      EXPECT_TRUE(std::ranges::includes(in_order(sent), in_order(stored)));
    }
  }

  // Ended by a signal, it has stored exactly these frames, and has said just this.
  void expect_all_stored(Process& weir, const std::vector<FrameBytes>& sent,
                         const std::vector<std::string>& said = {}) {
    weir.signal(SIGINT);
    const auto result = weir.wait();
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(complaints(result.err), said);
    const json numbers = lawful_stats();
    EXPECT_EQ(numbers["received"], sent.size()) << numbers << "\n" << result.err;
    EXPECT_EQ(numbers["accepted"], sent.size());
    const Stored stored = stored_in(file_);
    expect_same(stored.frames, sent);
    EXPECT_FALSE(stored.error.has_value()) << stored.error->context;
  }

  const std::string file_ = dir_.file("weir.pcapng");
};

INSTANTIATE_TEST_SUITE_P(Workers, CaptureFaults, testing::Values(1, 4),
                         testing::PrintToStringParamName());

TEST_P(CaptureFaults, ADeletedInterfaceEndsItAfterItsLastPacket) {
  auto weir = start_into(file_);
  weir->signal(SIGSTOP);  // all packets still lie in the ring when the interface goes
  const auto sent = frames_from(0, 5000);
  TrafficSocket("tap").send(sent);
  ip({"link", "delete", "tap"});
  weir->signal(SIGCONT);

  const auto result = weir->wait();

  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(complaints_but_of_the_link(result.err),
              ElementsAre("weir: capture on tap: the interface was removed"));
  const json numbers = lawful_stats();
  EXPECT_EQ(numbers["accepted"], sent.size());
  EXPECT_EQ(numbers["exit_reason"], "error");
  EXPECT_EQ(numbers["error_code"], "link_gone");
  expect_same(stored_in(file_).frames, sent);
}

TEST_P(CaptureFaults, ADeletedInterfaceOfTwoIsToldOnceAndTheOtherGoesOn) {
  add_veth_pair("tap2", "far2");
  auto weir = start_on({"tap", "tap2"}, {"-w", file_, "--stats-json", dir_.file("stats.json"),
                                         "--workers", std::to_string(GetParam())});
  auto sent = frames_from(0, 100);
  TrafficSocket("tap").send(sent);
  ip({"link", "delete", "tap"});
  ASSERT_TRUE(weir->wait_for_stderr("goes on elsewhere"));
  const auto more = frames_from(100, 100);
  TrafficSocket("tap2").send(more);
  sent.insert(sent.end(), more.begin(), more.end());
  weir->signal(SIGINT);

  const auto result = weir->wait();

  EXPECT_EQ(std::ranges::count(complaints(result.err),
                               "weir: capture on tap: the interface was removed (the capture goes "
                               "on elsewhere)"),
            1)
      << result.err;
  EXPECT_EQ(lawful_stats()["accepted"], sent.size());
  std::vector<FrameBytes> stored = stored_in(file_).frames;
  std::sort(stored.begin(), stored.end());
  std::sort(sent.begin(), sent.end());
  EXPECT_TRUE(stored == sent) << stored.size() << " frames of " << sent.size();
}

// Nothing is heard of an interface any more that is down.
TEST_P(CaptureFaults, AnInterfaceThatIsDeletedWhileItIsDownEndsIt) {
  auto weir = start_into(file_);
  const auto sent = frames_from(0, 100);
  TrafficSocket("tap").send(sent);
  ip({"link", "set", "tap", "down"});
  wait_until_received(*weir, "100");
  ip({"link", "set", "tap", "name", "renamed"});
  ip({"link", "delete", "renamed"});

  const auto result = weir->wait();

  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(complaints_but_of_the_link(result.err),
              ElementsAre("weir: capture on tap: the interface was removed"));
  EXPECT_EQ(lawful_stats()["accepted"], sent.size());
  expect_same(stored_in(file_).frames, sent);
}

TEST_P(CaptureFaults, AnInterfaceThatMovesToAnotherNamespaceIsGone) {
  Process elsewhere({"unshare", "--net", "sh", "-c", "echo ready >&2; exec tail -f /dev/null"});
  ASSERT_TRUE(elsewhere.wait_for_stderr("ready"));
  auto weir = start_into(file_);
  const auto sent = frames_from(0, 100);
  TrafficSocket("tap").send(sent);
  ip({"link", "set", "tap", "netns", std::to_string(elsewhere.pid())});

  const auto result = weir->wait();

  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(complaints_but_of_the_link(result.err),
              ElementsAre("weir: capture on tap: the interface was removed"));
  EXPECT_EQ(lawful_stats()["accepted"], sent.size());
  expect_same(stored_in(file_).frames, sent);
}

TEST_P(CaptureFaults, ALinkThatGoesDownAndComesBackIsCapturedOn) {
  auto weir = start_into(file_);
  auto sent = frames_from(0, 100);
  TrafficSocket("tap").send(sent);
  std::vector<std::string> said;
  for (std::uint32_t round = 1; round <= 3; ++round) {
    ip({"link", "set", "tap", "down"});
    ip({"link", "set", "tap", "up"});
    wait_until_running("tap");
    const auto more = frames_from(round * 100, 100);
    TrafficSocket("tap").send(more);
    sent.insert(sent.end(), more.begin(), more.end());
    said.push_back("weir: tap: the link is down (the capture goes on when it is back)");
    said.push_back("weir: tap: the link is up again");
  }
  expect_all_stored(*weir, sent, said);
}

TEST_P(CaptureFaults, ARenamedInterfaceIsCapturedOn) {
  auto weir = start_into(file_);
  auto sent = frames_from(0, 100);
  TrafficSocket("tap").send(sent);
  ip({"link", "set", "tap", "down"});
  ip({"link", "set", "tap", "name", "renamed"});
  ip({"link", "set", "renamed", "up"});
  wait_until_running("renamed");
  const auto more = frames_from(100, 100);
  TrafficSocket("renamed").send(more);
  sent.insert(sent.end(), more.begin(), more.end());
  expect_all_stored(*weir, sent,
                    {"weir: tap: the link is down (the capture goes on when it is back)",
                     "weir: tap: renamed to renamed (the capture goes on)",
                     "weir: renamed: the link is up again"});
}

TEST_P(CaptureFaults, FramesOfANewMtuAreStoredWhole) {
  auto weir = start_into(file_);
  auto sent = frames_from(0, 100, 1514);
  TrafficSocket("tap").send(sent);
  for (const std::uint32_t mtu : {9000U, 1280U, 65535U}) {
    for (const char* end : {"far", "tap"}) ip({"link", "set", end, "mtu", std::to_string(mtu)});
    const auto more = frames_from(static_cast<std::uint32_t>(sent.size()), 100, mtu + 14);
    TrafficSocket("tap").send(more);
    sent.insert(sent.end(), more.begin(), more.end());
  }
  expect_all_stored(*weir, sent,
                    {"weir: tap: the MTU changed from 1500 to 9000 (the capture goes on)",
                     "weir: tap: the MTU changed from 9000 to 1280 (the capture goes on)",
                     "weir: tap: the MTU changed from 1280 to 65535 (the capture goes on)"});
}

// struct virtio_net_hdr: <linux/virtio_net.h> is not C++.
struct OffloadHeader {
  std::uint8_t flags;
  std::uint8_t segments;
  std::uint16_t header_bytes;
  std::uint16_t segment_bytes;
  std::uint16_t checksum_start;
  std::uint16_t checksum_offset;
};
static_assert(sizeof(OffloadHeader) == 10);

// Sends frames that the interface, or nobody, is to cut into segments of the MTU, as the kernel's
// own sockets do.
class SegmentationOffload {
 public:
  explicit SegmentationOffload(const char* interface)
      : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    EXPECT_EQ(::setsockopt(fd_.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on), 0);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  void send(const FrameBytes& frame) {
    constexpr std::uint8_t kNeedsChecksum = 1;
    constexpr std::uint8_t kUdpSegments = 5;
    const OffloadHeader header{.flags = kNeedsChecksum,
                               .segments = kUdpSegments,
                               .header_bytes = 14 + 20 + 8,
                               .segment_bytes = 1472,
                               .checksum_start = 14 + 20,
                               .checksum_offset = 6};
    FrameBytes message(sizeof header + frame.size());
    std::memcpy(message.data(), &header, sizeof header);
    std::memcpy(message.data() + sizeof header, frame.data(), frame.size());
    EXPECT_EQ(::send(fd_.get(), message.data(), message.size(), 0),
              static_cast<ssize_t>(message.size()))
        << std::strerror(errno);
  }

 private:
  UniqueFd fd_;
};

TEST_P(CaptureFaults, FramesThatAreSegmentedLaterAreStoredInOnePiece) {
  auto weir = start_into(file_);
  // The kernel itself cuts what reaches 64 KiB.
  const auto sent = frames_from(0, 300, 65535);
  SegmentationOffload sender("tap");
  for (const FrameBytes& frame : sent) sender.send(frame);
  expect_all_stored(*weir, sent);
}

TEST_P(CaptureFaults, TwoOnOneInterfaceDoNotTakeFromEachOther) {
  auto first = start_into(file_);
  auto second = start_into(dir_.file("second.pcapng"), "second.json");
  const auto sent = frames_from(0, 5000, 600);
  TrafficSocket("tap").send(sent);
  // The one ends, the other still sees everything.
  expect_all_stored(*first, sent);
  const auto more = frames_from(5000, 1000);
  TrafficSocket("tap").send(more);
  second->signal(SIGINT);
  const auto result = second->wait();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(lawful_stats("second.json")["accepted"], sent.size() + more.size());
  EXPECT_EQ(stored_in(dir_.file("second.pcapng")).frames.size(), sent.size() + more.size());
}

std::uint64_t number_in(const std::string& text, const std::string& label) {
  const std::size_t at = text.find(label);
  return at == std::string::npos ? 0 : std::stoull(text.substr(at + label.size()));
}

// How often the thread of the process that slept least has gone to sleep.
std::uint64_t sleeps_of(int pid) {
  std::uint64_t fewest = std::numeric_limits<std::uint64_t>::max();
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    fewest = std::min(fewest, number_in(read_file((thread.path() / "status").string()),
                                        "\nvoluntary_ctxt_switches:"));
  }
  return fewest;
}

TEST_P(CaptureFaults, ABurstAfterALongSilenceIsStoredWhole) {
  auto weir = start_into(file_);
  auto sent = frames_from(0, 10);
  TrafficSocket sender("tap");
  sender.send(sent);
  wait_until_received(*weir, "10");
  // Each thread looks around a few times a second.
  const std::uint64_t before = sleeps_of(weir->pid());
  while (sleeps_of(weir->pid()) < before + 5) weir->wait_for_stderr_for("never printed", 20);

  const auto burst = frames_from(10, 50'000);
  sender.send(burst);
  sent.insert(sent.end(), burst.begin(), burst.end());
  expect_all_stored(*weir, sent);
}

TEST_P(CaptureFaults, AFullDiskEndsItWithEveryWholePacketThatFitted) {
  const std::string directory = dir_.file("small");
  ASSERT_EQ(::mkdir(directory.c_str(), 0700), 0);
  const SmallDisk disk(directory, "5000k");
  const std::string path = directory + "/full.pcapng";
  auto weir = start_into(path);
  weir->signal(SIGSTOP);  // so that all have arrived when it fails
  const auto sent = frames_from(0, 10'000, 1514);
  TrafficSocket("tap").send(sent);
  weir->signal(SIGCONT);

  const auto result = weir->wait();

  EXPECT_EQ(result.status, 1);
  ASSERT_EQ(complaints(result.err).size(), 1U) << result.err;
  EXPECT_THAT(complaints(result.err).front(), HasSubstr(path));
  EXPECT_THAT(complaints(result.err).front(), HasSubstr("No space left on device"));
  const json numbers = lawful_stats();
  EXPECT_EQ(numbers["received"], sent.size());
  EXPECT_EQ(numbers["error_code"], "no_space");
  const json& output = numbers["outputs"][0];
  EXPECT_EQ(output["offered"], numbers["accepted"]);
  EXPECT_GT(output["lost"]["no_space"], 0);
  const Stored stored = stored_in(path);
  EXPECT_FALSE(stored.error.has_value()) << stored.error->context;
  EXPECT_EQ(output["written"], stored.frames.size());
  EXPECT_GT(stored.frames.size(), 2000U);
  expect_beginning(stored.frames, sent);
}

TEST_P(CaptureFaults, AFullDiskEndsARotatedCaptureWithReadableFiles) {
  const std::string directory = dir_.file("small");
  ASSERT_EQ(::mkdir(directory.c_str(), 0700), 0);
  const SmallDisk disk(directory, "5000k");
  auto weir = start_into(directory + "/full.pcapng", "stats.json", {"--rotate-size", "1MiB"});
  weir->signal(SIGSTOP);
  const auto sent = frames_from(0, 10'000, 1514);
  TrafficSocket("tap").send(sent);
  weir->signal(SIGCONT);

  const auto result = weir->wait();

  EXPECT_EQ(result.status, 1);
  ASSERT_EQ(complaints(result.err).size(), 1U) << result.err;
  EXPECT_THAT(complaints(result.err).front(), HasSubstr("No space left on device"));
  const json numbers = lawful_stats();
  EXPECT_EQ(numbers["received"], sent.size());
  std::vector<FrameBytes> stored;
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(directory))
    names.push_back(file.path().string());
  std::sort(names.begin(), names.end());
  EXPECT_GT(names.size(), 3U);
  for (const std::string& name : names) {
    if (std::filesystem::file_size(name) == 0) continue;  // there was no room to begin it
    const Stored part = stored_in(name);
    EXPECT_FALSE(part.error.has_value()) << part.error->context;
    stored.insert(stored.end(), part.frames.begin(), part.frames.end());
  }
  EXPECT_EQ(numbers["outputs"][0]["written"], stored.size());
  expect_beginning(stored, sent);
}

TEST_P(CaptureFaults, APipeWhoseReaderLeavesEndsIt) {
  const std::string fifo = dir_.file("fifo");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  UniqueFd reader(::open(fifo.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  auto weir = start_into(fifo);
  TrafficSocket sender("tap");
  sender.send(frames_from(0, 10));
  wait_until_received(*weir, "10");
  weir->signal(SIGSTOP);
  reader.reset();
  sender.send(frames_from(10, 1000));
  weir->signal(SIGCONT);

  const auto result = weir->wait();

  EXPECT_EQ(result.status, 1);
  ASSERT_EQ(complaints(result.err).size(), 1U) << result.err;
  EXPECT_THAT(complaints(result.err).front(), HasSubstr(fifo));
  const json numbers = lawful_stats();
  EXPECT_EQ(numbers["received"], 1010);
  EXPECT_EQ(numbers["error_code"], "closed");
  EXPECT_GT(numbers["outputs"][0]["lost"]["closed"], 0);
}

TEST_P(CaptureFaults, KilledItLeavesAFileThatIsReadableToItsLastWholePacket) {
  auto weir = start_into(file_);
  TrafficSocket sender("tap");
  std::vector<FrameBytes> sent;
  // In the midst of its work: some blocks are in the file, some on their way, some in the ring.
  while (std::filesystem::file_size(file_) < 8'000'000) {
    const auto more = frames_from(static_cast<std::uint32_t>(sent.size()), 500, 1514);
    sender.send(more);
    sent.insert(sent.end(), more.begin(), more.end());
  }
  weir->signal(SIGKILL);
  EXPECT_EQ(weir->wait().status, 128 + SIGKILL);

  const Stored stored = stored_in(file_);
  EXPECT_GT(stored.frames.size(), 3000U);
  expect_beginning(stored.frames, sent);
  if (stored.error) {
    EXPECT_EQ(stored.error->code, ErrorCode::Truncated) << stored.error->context;
  }

  const auto tshark = run_command({"tshark", "-r", file_, "-T", "fields", "-e", "frame.len"});
  EXPECT_EQ(static_cast<std::size_t>(std::count(tshark.out.begin(), tshark.out.end(), '\n')),
            stored.frames.size())
      << tshark.err;
  if (tshark.status != 0) {
    EXPECT_THAT(tshark.err, HasSubstr("cut short in the middle of a packet"));
  }
}

}  // namespace
}  // namespace weir::test
