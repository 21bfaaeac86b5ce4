// An engine in a cgroup that has little memory: what comes near to the limit relieves sessions by
// their priority, so that the kernel kills nobody; what the kernel can take back does not.
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/pressure_fixture.h"
#include "support/memory_cgroup.h"
#include "support/packet_builder.h"

namespace weir::test {
namespace {

using testing::Contains;
using testing::HasSubstr;

class RunMemory : public RunUnderPressure {
 protected:
  void SetUp() override {
    WEIR_SKIP_BECAUSE(MemoryCgroup::why_not(), UnderCi::Skip);
    RunUnderPressure::SetUp();
    cgroup_ = std::make_unique<MemoryCgroup>();
  }
  // What is in the cgroup first.
  void TearDown() override {
    engine_.reset();
    cgroup_.reset();
  }

  // A sanitizer keeps what was freed, which would have the engine grow by being asked.
  void start_in_cgroup() {
    const char* const options = std::getenv("ASAN_OPTIONS");
    auto words = cgroup_->enter();
    words.insert(words.end(), {"env", "ASAN_OPTIONS=" + std::string(options ? options : "") +
                                          ":quarantine_size_mb=1:malloc_context_size=1"});
    start_engine(words);
  }
  [[nodiscard]] std::string followed(std::string_view name, std::string_view keys) const {
    return session(name, std::string(keys) + "[session.logs]\npath = \"" +
                             dir_.file(std::string(name)) + "\"\n");
  }
  // Each of a flow that there was not.
  void send_flows(std::uint32_t count) {
    std::vector<FrameBytes> frames;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::uint32_t number = sent_ + i;
      frames.push_back(PacketBuilder()
                           .ethernet()
                           .ipv4("10." + std::to_string(number >> 16 & 255) + "." +
                                     std::to_string(number >> 8 & 255) + "." +
                                     std::to_string(number & 255),
                                 "192.0.2.1")
                           .udp(1024, 9)
                           .payload(40)
                           .build());
    }
    TrafficSocket("tap").send(frames);
    sent_ += count;
    wait_until_received(sent_);
  }
  [[nodiscard]] nlohmann::json memory_now() const { return place_now("memory", ""); }
  void wait_for_level(std::string_view level) const {
    while (memory_now().at("level") != level) {
    }
  }
  // So that about seven tenths of it are taken. Returns it.
  std::uint64_t limit_so_that_it_is_elevated() const {
    const std::uint64_t limit = cgroup_->taken() / 7 * 10;
    EXPECT_TRUE(cgroup_->limit(limit));
    wait_for_level("elevated");
    return limit;
  }
  [[nodiscard]] std::uint64_t count_of(const std::string& name, const char* what) const {
    const nlohmann::json now = session_now(name);
    return what == std::string_view("accepted") ? now.at("accepted").get<std::uint64_t>()
                                                : now.at("dropped").value(what, std::uint64_t{0});
  }

  std::unique_ptr<MemoryCgroup> cgroup_;
};

TEST_F(RunMemory, ALimitThatComesNearRelievesByPriorityAndIsNeverReached) {
  configure(head() + std::string(kQuick) + followed("high", "priority = 200\n") +
            followed("low", "priority = 10\n"));
  start_in_cgroup();
  send_flows(1000);
  EXPECT_EQ(memory_now().at("level"), "none") << "there is no limit yet";
  const std::uint64_t limit = limit_so_that_it_is_elevated();
  EXPECT_EQ(relief_of("low"), "");

  while (relief_of("high").empty()) send_flows(500);
  EXPECT_EQ(relief_of("low"), "drop");
  const nlohmann::json place = memory_now();
  EXPECT_GT(place.at("step"), 4);
  EXPECT_EQ(place.at("steps"), 8);
  const std::uint64_t dropped = count_of("low", "pressure");
  EXPECT_GT(dropped, 0);
  send_flows(100);
  EXPECT_EQ(count_of("low", "pressure"), dropped + 100);
  EXPECT_LT(cgroup_->taken(), limit);
  EXPECT_EQ(cgroup_->killed(), 0);
  EXPECT_THAT(ctl({"pressure"}).out, HasSubstr("memory"));

  // Who runs it gives it more.
  EXPECT_TRUE(cgroup_->limit(limit * 4));
  wait_for_level("normal");
  while (!relief_of("low").empty()) {
  }
  const std::uint64_t accepted = count_of("low", "accepted");
  send_flows(100);
  EXPECT_EQ(count_of("low", "accepted"), accepted + 100);
  const auto levels = journal("pressure memory", " > normal");
  expect_chain(levels, "pressure memory", "normal");
  EXPECT_EQ(levels.front(), "pressure memory: normal > elevated");
  EXPECT_THAT(levels, Contains("pressure memory: elevated > high"));
  const auto rows = journal("relief ", "relief low: flows 1/2 > none");
  expect_chain(rows, "relief low", "none");
  expect_chain(rows, "relief high", "none");
  // The one goes all the way before the other begins, and comes back after it.
  const auto low_is_down = std::ranges::find_if(rows, [](const std::string& row) {
    return row.starts_with("relief low: ") && row.ends_with(" > drop");
  });
  const auto high_begins = std::ranges::find_if(
      rows, [](const std::string& row) { return row.starts_with("relief high: none > "); });
  const auto high_is_back = std::ranges::find(rows, "relief high: flows 1/2 > none");
  const auto low_comes_back = std::ranges::find_if(
      rows, [](const std::string& row) { return row.starts_with("relief low: drop > "); });
  ASSERT_NE(high_begins, rows.end());
  EXPECT_LT(low_is_down, high_begins);
  EXPECT_LT(high_begins, high_is_back);
  EXPECT_LT(high_is_back, low_comes_back);
  ASSERT_NE(low_comes_back, rows.end());
  EXPECT_EQ(stop_engine().status, 0);
  EXPECT_TRUE(law_holds(stats())) << stats();
  EXPECT_EQ(stats().at("received"), sent_);
}

TEST_F(RunMemory, WhatTheKernelCanTakeBackIsNoPressure) {
  struct statfs disk {};
  ASSERT_EQ(::statfs(dir_.path().c_str(), &disk), 0);
  WEIR_SKIP_BECAUSE(std::string(disk.f_type == TMPFS_MAGIC ? "files of a tmpfs stay" : ""),
                    UnderCi::Skip);
  configure(head() + std::string(kQuick) + followed("all", ""));
  start_in_cgroup();
  send_flows(1000);
  const std::uint64_t limit = limit_so_that_it_is_elevated();
  auto words = cgroup_->enter();
  words.insert(words.end(), {"dd", "if=/dev/zero", "of=" + dir_.file("big"), "bs=1M",
                             "count=" + std::to_string((limit >> 20) * 2)});
  ASSERT_EQ(run_command(words).status, 0);
  EXPECT_GT(cgroup_->file_pages(), limit / 6) << "all together, it would be high";
  send_flows(1000);
  EXPECT_EQ(memory_now().at("level"), "elevated");
  EXPECT_EQ(relief_of("all"), "");
  EXPECT_TRUE(cgroup_->limit(limit * 4));
  // Neither it was meanwhile.
  EXPECT_THAT(journal("pressure memory", " > normal"),
              testing::ElementsAre("pressure memory: normal > elevated",
                                   "pressure memory: elevated > normal"));
  EXPECT_EQ(count_of("all", "pressure"), 0);
  EXPECT_EQ(count_of("all", "accepted"), sent_);
  EXPECT_EQ(cgroup_->killed(), 0);
  EXPECT_EQ(stop_engine().status, 0);
}

}  // namespace
}  // namespace weir::test
