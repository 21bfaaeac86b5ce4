// A store for `weir query`, and what the tools say of its answer.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "integration/pcap_bytes.h"
#include "integration/weir_command.h"
#include "support/frames.h"
#include "support/segment_bytes.h"
#include "support/temp_dir.h"

namespace weir::test {

class QueryFixture : public testing::Test {
 protected:
  // UDP frames, one each millisecond.
  void fill(std::uint32_t count, const std::vector<std::string>& more = {}) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) frames.push_back(udp_frame(i, 200 + i % 700));
    write_file(input_, pcap_bytes(frames));
    std::vector<std::string> words = {"read", input_, "--store", store_, "--store-chunk", "8KiB"};
    words.insert(words.end(), more.begin(), more.end());
    const auto result = run_weir(words);
    ASSERT_EQ(result.status, 0) << result.err;
  }
  // Thousands of segments of kSmallPackets packets, all of the same time: one file of many names.
  static constexpr std::uint64_t kSmallPackets = 27;
  void fill_with_small_segments(std::size_t count) const {
    std::filesystem::create_directory(store_);
    const auto name = [&](std::size_t i) {
      std::string number = std::to_string(i);
      number.insert(0, 10 - number.size(), '0');
      return store_ + "/20231114T221320Z_" + number + "_0.pcapng";
    };
    small_segment().write(name(1));
    for (std::size_t i = 2; i <= count; ++i) std::filesystem::create_hard_link(name(1), name(i));
  }
  CommandResult query(std::vector<std::string> words) {
    words.insert(words.begin(), {"query", store_});
    return run_weir(std::move(words));
  }
  nlohmann::json ask(std::vector<std::string> words, int status = 0) {
    words.insert(words.begin(), "--json");
    const auto result = query(std::move(words));
    EXPECT_EQ(result.status, status) << result.err;
    return nlohmann::json::parse(result.out);
  }
  static std::string capinfos(const std::string& path) {
    const auto result = run_command({"capinfos", path});
    EXPECT_EQ(result.status, 0) << result.err;
    return result.out;
  }
  // Of tshark and tcpdump, which have to agree.
  static std::size_t packets_in(const std::string& path) {
    const auto lines = [](const std::string& text) {
      return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    };
    const auto by_tshark = run_command({"tshark", "-n", "-r", path});
    const auto by_tcpdump = run_command({"tcpdump", "--count", "-r", path});
    EXPECT_EQ(by_tshark.status, 0) << by_tshark.err;
    EXPECT_EQ(by_tcpdump.status, 0) << by_tcpdump.err;
    EXPECT_EQ(lines(by_tshark.out), std::strtoull(by_tcpdump.out.c_str(), nullptr, 10))
        << by_tcpdump.out;
    return lines(by_tshark.out);
  }

  TempDir dir_;
  const std::string store_ = dir_.file("packets");
  const std::string input_ = dir_.file("in.pcap");
  const std::string out_ = dir_.file("out.pcapng");
};

}  // namespace weir::test
