// The rights of `weir capture`: what it gives up, and what it does with little.
#include <signal.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/capture_fixture.h"
#include "security/capability_sets.h"

namespace weir::test {
namespace {

using nlohmann::json;
using security::kNoCapabilities;
using security::status_field;
using testing::HasSubstr;

constexpr std::string_view kOnlyDacOverride = "0000000000000002";

// What every thread of a process must show.
void expect_rights(int pid, std::string_view permitted) {
  int threads = 0;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    ++threads;
    const std::string status = read_file((thread.path() / "status").string());
    EXPECT_EQ(status_field("CapPrm", status), permitted);
    EXPECT_EQ(status_field("CapEff", status), permitted);
    EXPECT_EQ(status_field("CapInh", status), kNoCapabilities);
    EXPECT_EQ(status_field("CapAmb", status), kNoCapabilities);
    EXPECT_EQ(status_field("NoNewPrivs", status), "1");
  }
  EXPECT_GE(threads, 2) << "a worker has a thread of its own";
}

// As the user and group 65534, with no right but what the program's file gives.
std::vector<std::string> as_nobody(const std::vector<std::string>& words) {
  std::vector<std::string> all = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

class CaptureRights : public Capture {
 protected:
  std::vector<std::string> capture_on_tap(std::string program, std::string into,
                                          const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {std::move(program), "capture", "-i", "tap", "--ready-fd"};
    words.insert(words.end(), {std::to_string(kReadyFd), "-w", std::move(into), "--stats-json",
                               dir_.file("stats.json")});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  // Captures packets with a process that has just begun, and looks at its rights meanwhile.
  void expect_a_capture(Process& process, std::string_view with_rights) {
    ASSERT_TRUE(process.wait_until_ready()) << process.wait().err;
    const auto frames = mixed_frames(1000);
    TrafficSocket("tap").send(frames);
    expect_rights(process.pid(), with_rights);
    process.signal(SIGINT);
    const auto result = process.wait();
    EXPECT_EQ(result.status, 0) << result.err;
    const json numbers = stats();
    EXPECT_EQ(numbers["accepted"], frames.size());
    EXPECT_EQ(numbers["outputs"][0]["written"], frames.size());
    EXPECT_TRUE(law_holds(numbers)) << numbers;
  }

  const std::string program_ = test::weir({}).front();
  const std::vector<std::string> rotated_ = {"--rotate-size", "64KiB"};
};

TEST_F(CaptureRights, WhoeverStartsItCapturesWithoutAny) {
  Process weir(capture_on_tap(program_, dir_.file("weir.pcapng"), {"--workers", "2"}),
               {.ready_fd = true});
  expect_a_capture(weir, kNoCapabilities);
}

TEST_F(CaptureRights, NorHasWhoeverWritesTheLogs) {
  Process weir(capture_on_tap(program_, dir_.file("weir.pcapng"),
                              {"--workers", "2", "--logs", dir_.file("logs")}),
               {.ready_fd = true});
  expect_a_capture(weir, kNoCapabilities);
  EXPECT_TRUE(std::filesystem::exists(dir_.file("logs/conn.log")));
}

class CaptureRightsOfRoot : public CaptureRights {
 protected:
  void SetUp() override {
    WEIR_SKIP_BECAUSE(security::why_not_root(), UnderCi::Fail);
    CaptureRights::SetUp();
  }
  std::string directory_of(uid_t owner) {
    const std::string directory = dir_.file("of-" + std::to_string(owner));
    EXPECT_EQ(::mkdir(directory.c_str(), 0755), 0);
    EXPECT_EQ(::chown(directory.c_str(), owner, owner), 0);
    return directory;
  }
};

std::ptrdiff_t files_in(const std::string& directory) {
  return std::distance(std::filesystem::directory_iterator(directory), {});
}

TEST_F(CaptureRightsOfRoot, NoneIsKeptForRotationInADirectoryOfItsOwn) {
  const std::string directory = directory_of(0);
  Process weir(capture_on_tap(program_, directory + "/x.pcapng", rotated_), {.ready_fd = true});
  expect_a_capture(weir, kNoCapabilities);
  EXPECT_GT(files_in(directory), 5);
}

TEST_F(CaptureRightsOfRoot, OneIsKeptForRotationInADirectoryOfSomebodyElse) {
  const std::string directory = directory_of(65534);
  Process weir(capture_on_tap(program_, directory + "/x.pcapng", rotated_), {.ready_fd = true});
  expect_a_capture(weir, kOnlyDacOverride);
  EXPECT_GT(files_in(directory), 5);
}

TEST_F(CaptureRightsOfRoot, WithoutRotationNoneIsKeptThereEither) {
  const std::string directory = directory_of(65534);
  Process weir(capture_on_tap(program_, directory + "/x.pcapng"), {.ready_fd = true});
  expect_a_capture(weir, kNoCapabilities);
}

TEST_F(CaptureRightsOfRoot, OneIsKeptForLogsInADirectoryOfSomebodyElse) {
  const std::string directory = directory_of(65534);
  Process weir(capture_on_tap(program_, dir_.file("x.pcapng"), {"--logs", directory}),
               {.ready_fd = true});
  expect_a_capture(weir, kOnlyDacOverride);
  EXPECT_GE(files_in(directory), 1);
}

TEST_F(CaptureRightsOfRoot, OneIsKeptForASpillQueueInADirectoryOfSomebodyElse) {
  const std::string directory = directory_of(65534);
  Process weir(capture_on_tap(program_, dir_.file("x.pcapng"), {"-w", "-", "--spill", directory}),
               {.ready_fd = true});
  expect_a_capture(weir, kOnlyDacOverride);
}

class UnprivilegedCapture : public CaptureRights {
 protected:
  void SetUp() override {
    WEIR_SKIP_BECAUSE(security::why_not_root(), UnderCi::Fail);
    CaptureRights::SetUp();
    // Capabilities belong to a file: a copy where nobody can reach it, and write beside it.
    std::filesystem::copy_file(program_, copy_);
    ASSERT_EQ(::chmod(dir_.path().c_str(), 0777), 0);
  }
  void grant(const char* capabilities) {
    const cap_t granted = cap_from_text(capabilities);
    EXPECT_EQ(cap_set_file(copy_.c_str(), granted), 0) << std::strerror(errno);
    cap_free(granted);
  }
  std::vector<std::string> capture_as_nobody(const std::vector<std::string>& more = {}) {
    return as_nobody(capture_on_tap(copy_, dir_.file("x.pcapng"), more));
  }

  const std::string copy_ = dir_.file("weir");
};

TEST_F(UnprivilegedCapture, WithoutTheCapabilityTheCommandThatGrantsItIsNamed) {
  const auto result = run_command(capture_as_nobody());
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err,
              HasSubstr("Operation not permitted (needs CAP_NET_RAW: run as root, or once: sudo "
                        "setcap cap_net_raw,cap_bpf=eip " +
                        copy_ + ")\n"));
}

TEST_F(UnprivilegedCapture, WithCapabilitiesOfTheFileItCapturesAndGivesThemUp) {
  grant("cap_net_raw,cap_bpf=eip");
  Process weir(capture_as_nobody(rotated_), {.ready_fd = true});
  expect_a_capture(weir, kNoCapabilities);
}

TEST_F(UnprivilegedCapture, LogsAreItsOwn) {
  grant("cap_net_raw,cap_bpf=eip");
  Process weir(capture_as_nobody({"--logs", dir_.file("logs")}), {.ready_fd = true});
  expect_a_capture(weir, kNoCapabilities);
  struct stat log {};
  ASSERT_EQ(::stat(dir_.file("logs/conn.log").c_str(), &log), 0);
  EXPECT_EQ(log.st_uid, 65534U);
}

TEST_F(UnprivilegedCapture, ThePacketSocketsCapabilityAloneIsEnough) {
  grant("cap_net_raw=eip");
  Process weir(capture_as_nobody({"--workers", "2", "udp"}), {.ready_fd = true});
  ASSERT_TRUE(weir.wait_until_ready()) << weir.wait().err;
  const auto frames = mixed_frames(1000);
  TrafficSocket("tap").send(frames);
  expect_rights(weir.pid(), kNoCapabilities);
  weir.signal(SIGINT);
  const auto result = weir.wait();
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.err, HasSubstr("needs CAP_BPF")) << "what goes less well is said";
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(stats()["accepted"], 600) << "plain `udp` sees no tagged packet";
}

}  // namespace
}  // namespace weir::test
