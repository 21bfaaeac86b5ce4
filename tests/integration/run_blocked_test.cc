// A pipe whose reader sleeps for long, and wakes up again: meanwhile nobody else waits, and
// nothing is lost that is not accounted for. WEIR_BLOCKED_SECONDS: how long it sleeps; more than 60
// are longer than an engine waits for a worker that does not get on.
#include <unistd.h>

#include <array>
#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "integration/pressure_fixture.h"

namespace weir::test {
namespace {

Duration sleep_of_reader() {
  const char* const text = std::getenv("WEIR_BLOCKED_SECONDS");
  return std::chrono::seconds(text != nullptr ? std::stoll(text) : 3);
}

class RunBlocked : public RunUnderPressure {
 protected:
  void expect_all_well() const {
    const nlohmann::json now = get("/v1/status").json();
    EXPECT_EQ(now.at("state"), "running");
    for (const auto& module : now.at("modules")) {
      EXPECT_EQ(module.at("health"), "ok") << module;
    }
    EXPECT_EQ(now.at("dropped").value("kernel", std::uint64_t{0}), 0);
  }
  [[nodiscard]] nlohmann::json output_of(const std::string& name) const {
    return session_now(name).at("outputs").at(0);
  }
  [[nodiscard]] std::uint64_t accepted(const std::string& name) const {
    return session_now(name).at("accepted").get<std::uint64_t>();
  }
  static void read_what_is_there(const UniqueFd& reader, std::string& stream) {
    std::array<char, 65536> buffer;
    for (ssize_t got = 0; (got = ::read(reader.get(), buffer.data(), buffer.size())) > 0;) {
      stream.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
  // Until nothing is on its way.
  void read_all(const UniqueFd& reader, const std::string& name, std::string& stream) const {
    for (;;) {
      read_what_is_there(reader, stream);
      const nlohmann::json row = output_of(name);
      if (row.at("pending") == 0 && stream.size() >= row.at("written_bytes")) return;
    }
  }
  [[nodiscard]] std::vector<FrameBytes> frames_in(const std::string& stream) const {
    write_file(dir_.file("stream.pcapng"), stream);
    return frames_of(dir_.file("stream.pcapng"));
  }

  const std::string queued_ = dir_.file("queued");
};

TEST_F(RunBlocked, AReaderThatSleepsForLongStopsNobodyAndGetsWhatComesWhenItIsAwake) {
  const UniqueFd slow = make_fifo(fifo_);
  const UniqueFd queued = make_fifo(queued_);
  configure(head() + std::string(kQuick) + piped() + filed("beside", "priority = 1\n") +
            session("queued", "[session.pcapng]\npath = \"" + queued_ + "\"\nspill = \"" +
                                  dir_.file("queue") + "\"\n"));
  start_engine();
  while (relief_of("slow") != "drop") {
    send(500, 1400);
    wait_until_received(sent_);
  }
  const std::uint64_t lost = output_of("slow").at("offered").get<std::uint64_t>();
  const MonotonicTime awake = SystemClock().monotonic() + sleep_of_reader();
  std::uint32_t rounds = 0;
  while (SystemClock().monotonic() < awake) {
    send(10, 1400);
    wait_until_received(sent_);
    ASSERT_EQ(accepted("beside"), sent_);
    ASSERT_EQ(accepted("queued"), sent_);
    expect_all_well();
    ++rounds;
  }
  EXPECT_GT(rounds, 10u);
  // It is not tried again as long as nobody reads.
  EXPECT_EQ(relief_of("slow"), "drop");
  EXPECT_EQ(output_of("slow").at("offered").get<std::uint64_t>(), lost);
  EXPECT_EQ(relief_of("queued"), "");
  EXPECT_EQ(relief_of("beside"), "");

  std::string stream;
  while (!relief_of("slow").empty() || pipe_now().at("level") != "normal") {
    read_what_is_there(slow, stream);
  }
  const std::uint32_t before = sent_;
  for (int i = 0; i < 10; ++i) {
    send(10, 1400);
    wait_until_received(sent_);
    read_all(slow, "slow", stream);
  }
  const auto frames = frames_in(stream);
  const nlohmann::json row = output_of("slow");
  EXPECT_EQ(frames.size(), row.at("written").get<std::size_t>());
  ASSERT_GE(frames.size(), 100u);
  for (std::uint32_t i = 0; i < 100; ++i) {
    EXPECT_EQ(frames[frames.size() - 100 + i], udp_frame(before + i, 1400));
  }
  // The other one has a queue on a disk, and gets everything.
  std::string all;
  read_all(queued, "queued", all);
  const auto late = frames_in(all);
  ASSERT_EQ(late.size(), sent_);
  for (std::uint32_t i = 0; i < sent_; ++i) ASSERT_EQ(late[i], udp_frame(i, 1400)) << i;
  const auto reliefs = journal("relief ", "relief slow: cutoff 64KiB > none");
  EXPECT_THAT(reliefs, testing::Each(testing::StartsWith("relief slow: ")));
  expect_chain(reliefs, "relief slow", "none");
  expect_chain(journal("pressure output pipe " + fifo_, " > normal"),
               "pressure output pipe " + fifo_, "normal");

  (void)stop_engine();
  const nlohmann::json end = stats();
  EXPECT_TRUE(law_holds(end)) << end;
  EXPECT_EQ(end.at("received"), sent_);
  for (const auto& one : end.at("sessions")) {
    EXPECT_TRUE(law_holds(one)) << one;
    if (one.at("name") == "slow") continue;
    EXPECT_EQ(one.at("accepted"), sent_) << one;
  }
}

}  // namespace
}  // namespace weir::test
