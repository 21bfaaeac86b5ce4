// The rights of `weir capture`: what it gives up, and what it does with little.
#include <signal.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/pcap_bytes.h"
#include "integration/weir_command.h"
#include "security/capability_sets.h"
#include "support/frames.h"
#include "support/network_namespace.h"
#include "support/temp_dir.h"
#include "support/traffic_socket.h"

namespace weir::test {
namespace {

using nlohmann::json;
using security::kNoCapabilities;
using security::status_field;
using testing::HasSubstr;

class CaptureRights : public testing::Test {
 protected:
  void SetUp() override {
    WEIR_SKIP_WITHOUT_NAMESPACES();
    network_ = std::make_unique<NetworkNamespace>();
    inside_ = std::make_unique<InNamespace>(*network_);
    add_veth_pair("tap", "far");
  }

  std::vector<std::string> capture_words(std::string program) {
    return {std::move(program),
            "capture",
            "-i",
            "tap",
            "-w",
            dir_.file("weir.pcapng"),
            "--stats-json",
            dir_.file("stats.json"),
            "--ready-fd",
            std::to_string(kReadyFd)};
  }
  // Captures a hundred packets with a process that is ready, and looks at its rights meanwhile.
  void expect_a_capture_without_rights(Process& process) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < 100; ++i) frames.push_back(udp_frame(i));
    TrafficSocket("tap").send(frames);
    expect_no_thread_has_rights(process.pid());
    process.signal(SIGINT);
    const auto result = process.wait();
    EXPECT_EQ(result.status, 0) << result.err;
    const json numbers = json::parse(read_file(dir_.file("stats.json")));
    EXPECT_EQ(numbers["accepted"], 100);
    EXPECT_EQ(numbers["outputs"][0]["written"], 100);
    EXPECT_TRUE(law_holds(numbers)) << numbers;
  }

  std::unique_ptr<NetworkNamespace> network_;
  std::unique_ptr<InNamespace> inside_;
  TempDir dir_;

 private:
  static void expect_no_thread_has_rights(int pid) {
    int threads = 0;
    for (const auto& thread :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
      ++threads;
      const std::string status = read_file((thread.path() / "status").string());
      for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
        EXPECT_EQ(status_field(set, status), kNoCapabilities) << set;
      EXPECT_EQ(status_field("NoNewPrivs", status), "1");
    }
    EXPECT_GE(threads, 2) << "the worker has a thread of its own";
  }
};

// Runs `words` as the user and group 65534, with no right but what the program's file gives.
std::vector<std::string> as_nobody(const std::vector<std::string>& words) {
  std::vector<std::string> all = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

TEST_F(CaptureRights, WhoeverStartsItCapturesWithoutAny) {
  Process weir(capture_words(test::weir({}).front()), {.ready_fd = true});
  ASSERT_TRUE(weir.wait_until_ready()) << weir.wait().err;
  expect_a_capture_without_rights(weir);
}

class UnprivilegedCapture : public CaptureRights {
 protected:
  void SetUp() override {
    WEIR_SKIP_BECAUSE(security::why_not_root(), UnderCi::Fail);
    CaptureRights::SetUp();
    // A copy, as capabilities belong to a file, where nobody can reach it and write beside it.
    program_ = dir_.file("weir");
    std::filesystem::copy_file(test::weir({}).front(), program_);
    ASSERT_EQ(::chmod(dir_.path().c_str(), 0777), 0);
  }
  void grant(const char* capabilities) {
    const cap_t granted = cap_from_text(capabilities);
    EXPECT_EQ(cap_set_file(program_.c_str(), granted), 0) << std::strerror(errno);
    cap_free(granted);
  }

  std::string program_;
};

TEST_F(UnprivilegedCapture, WithoutTheCapabilityTheCommandThatGrantsItIsNamed) {
  const auto result = run_command(as_nobody(capture_words(program_)));
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.err,
              HasSubstr("Operation not permitted (needs CAP_NET_RAW: run as root, or once: sudo "
                        "setcap cap_net_raw,cap_bpf=eip " +
                        program_ + ")\n"));
}

TEST_F(UnprivilegedCapture, WithCapabilitiesOfTheFileItCapturesAndGivesThemUp) {
  grant("cap_net_raw,cap_bpf=eip");
  Process weir(as_nobody(capture_words(program_)), {.ready_fd = true});
  ASSERT_TRUE(weir.wait_until_ready()) << weir.wait().err;
  expect_a_capture_without_rights(weir);
}

TEST_F(UnprivilegedCapture, ThePacketSocketsCapabilityAloneIsEnough) {
  grant("cap_net_raw=eip");
  Process weir(as_nobody(capture_words(program_)), {.ready_fd = true});
  ASSERT_TRUE(weir.wait_until_ready()) << weir.wait().err;
  expect_a_capture_without_rights(weir);
}

}  // namespace
}  // namespace weir::test
