// For tests of `weir capture`: interfaces in a network namespace of the test's own, the command,
// and what it stored.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "integration/pcap_bytes.h"
#include "integration/weir_command.h"
#include "interface/capture_file.h"
#include "support/frames.h"
#include "support/network_namespace.h"
#include "support/temp_dir.h"
#include "support/traffic_socket.h"

namespace weir::test {

class Capture : public testing::Test {
 protected:
  void SetUp() override {
    WEIR_SKIP_WITHOUT_NAMESPACES();
    network_ = std::make_unique<NetworkNamespace>();
    inside_ = std::make_unique<InNamespace>(*network_);
    // Frames are sent on the captured end: what arrives at the other end of a pair passes a queue
    // of the kernel's that may drop it before any capture sees it.
    add_veth_pair("tap", "far");
    wait_until_running("tap");
  }

  // weir capture, waited for until it sees every packet.
  std::unique_ptr<Process> start_on(const std::vector<std::string>& interfaces,
                                    std::vector<std::string> words, CommandOptions options = {}) {
    std::vector<std::string> all = {"capture", "--ready-fd", std::to_string(kReadyFd)};
    for (const std::string& interface : interfaces) all.insert(all.end(), {"-i", interface});
    all.insert(all.end(), words.begin(), words.end());
    options.ready_fd = true;
    auto process = std::make_unique<Process>(weir(std::move(all)), options);
    EXPECT_TRUE(process->wait_until_ready());
    return process;
  }
  std::unique_ptr<Process> start(std::vector<std::string> words) {
    return start_on({"tap"}, std::move(words));
  }
  nlohmann::json stats() { return nlohmann::json::parse(read_file(dir_.file("stats.json"))); }

  std::unique_ptr<NetworkNamespace> network_;
  std::unique_ptr<InNamespace> inside_;
  TempDir dir_;
};

inline std::vector<FrameBytes> frames_of(const std::string& path) {
  std::vector<FrameBytes> frames;
  auto source = interface::CaptureFileSource::open({path});
  if (!source) {
    ADD_FAILURE() << source.error().context;
    return frames;
  }
  PacketBatch batch;
  while ((*source)->next_batch(batch, kBatchPacketsMax, std::chrono::seconds(10)) ==
         interface::Pull::Packets) {
    for (const Packet& packet : batch.view())
      frames.emplace_back(packet.frame().begin(), packet.frame().end());
    (*source)->release(batch);
  }
  return frames;
}

// UDP of many sizes: three of five as they are or in VXLAN, one with a tag, one with two.
inline std::vector<FrameBytes> mixed_frames(std::uint32_t count) {
  std::vector<FrameBytes> frames;
  for (std::uint32_t i = 0; i < count; ++i) {
    FrameBytes frame = udp_frame(i, 60 + i % 900);
    if (i % 5 == 1)
      frame = with_tag(std::move(frame), 0x8100, static_cast<std::uint16_t>(1 + i % 4000));
    if (i % 5 == 2) frame = with_tag(with_tag(std::move(frame), 0x8100, 7), 0x88a8, 100);
    if (i % 5 == 3) frame = in_vxlan(frame, 42);
    frames.push_back(std::move(frame));
  }
  return frames;
}

}  // namespace weir::test
