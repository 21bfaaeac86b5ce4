// An engine under pressure: a pipe that nobody reads, a disk that two sessions share. Levels, what
// sessions are told to do with less of, and the way back; what the packets then lack is shown by
// the tests of the mechanisms.
#include <unistd.h>

#include <algorithm>
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/pressure_fixture.h"

namespace weir::test {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;

class RunPressure : public RunUnderPressure {
 protected:
  void send_until_critical() {
    while (pipe_now().at("level") != "critical") send(500, 1400);
  }
  void read_until_there_is_enough(const UniqueFd& reader, const std::string& name) const {
    std::array<char, 65536> buffer;
    while (!relief_of(name).empty() || pipe_now().at("level") != "normal") {
      while (::read(reader.get(), buffer.data(), buffer.size()) > 0) {
      }
    }
  }
};

TEST_F(RunPressure, APipeThatNobodyReadsIsTheMatterOfItsSessionAndEndsWithItsReader) {
  const UniqueFd reader = make_fifo(fifo_);
  configure(head() + std::string(kQuick) + piped() + filed("beside", "priority = 1\n"));
  start_engine();
  while (pipe_now().at("level") != "normal") {
  }
  // What it does with less of lets the pipe fill ever more slowly, perhaps never to the last.
  while (relief_of("slow") != "drop") send(500, 1400);
  wait_until_received(sent_);
  const auto dropped = [this] {
    return session_now("slow").at("dropped").value("pressure", std::uint64_t{0});
  };
  const std::uint64_t before = dropped();
  const nlohmann::json lost = session_now("slow").at("outputs").at(0).at("lost");
  send(100, 1400);
  wait_until_received(sent_);
  EXPECT_EQ(dropped(), before + 100);
  EXPECT_EQ(session_now("slow").at("outputs").at(0).at("lost"), lost) << "nothing comes to be lost";
  EXPECT_GT(session_now("slow").at("truncated"), 0);
  EXPECT_FALSE(session_now("beside").at("dropped").contains("pressure"));
  const nlohmann::json pipe = pipe_now();
  EXPECT_EQ(pipe.at("step"), 5);
  EXPECT_EQ(pipe.at("steps"), 5);
  EXPECT_GE(pipe.at("fill"), 64) << "four fifths of where high begins";
  const std::string level = pipe.at("level");
  EXPECT_THAT(level, testing::AnyOf("high", "critical"));
  EXPECT_THAT(pipe.at("sessions").get<std::vector<std::string>>(), ElementsAre("slow"));
  EXPECT_EQ(relief_of("beside"), "") << "it has the lower priority, and nothing to do with it";
  EXPECT_EQ(session_now("slow").at("relief"), "drop");
  EXPECT_EQ(session_now("beside").at("relief"), "");
  EXPECT_EQ(session_now("beside").at("priority"), 1);
  const std::string table = ctl({"pressure"}).out;
  EXPECT_THAT(
      table, ContainsRegex("output +pipe " + fifo_ + " +" + level + " +[0-9]+% +5 of 5 .* slow\n"));
  EXPECT_THAT(table, ContainsRegex("slow +100 +drop +20"));
  EXPECT_THAT(table, ContainsRegex("beside +1 +none +-"));
  const std::string metrics = get("/metrics").body;
  EXPECT_THAT(metrics,
              HasSubstr("weir_interface_ring_fill_ratio{interface=\"tap\",mode=\"afpacket\"} "));
  const std::string labels = "{resource=\"output\",place=\"pipe " + fifo_ + "\"} ";
  EXPECT_THAT(metrics,
              HasSubstr("weir_pressure_level" + labels + (level == "high" ? "2\n" : "3\n")));
  EXPECT_THAT(metrics, HasSubstr("weir_pressure_fill_ratio" + labels));
  EXPECT_THAT(metrics, HasSubstr("weir_pressure_step" + labels + "5\n"));
  EXPECT_THAT(metrics, HasSubstr("weir_session_relief_shed{session=\"slow\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("weir_session_relief_sample_ratio{session=\"slow\"} 0.125\n"));
  EXPECT_THAT(metrics, HasSubstr("weir_session_relief_cutoff_bytes{session=\"slow\"} 65536\n"));
  EXPECT_THAT(metrics, HasSubstr("weir_session_relief_keep_bytes{session=\"slow\"} 128\n"));
  EXPECT_THAT(metrics, HasSubstr("weir_session_relief_shed{session=\"beside\"} 0\n"));

  read_until_there_is_enough(reader, "slow");
  const std::string machine = "pressure output pipe " + fifo_ + ": ";
  const auto levels = journal("pressure output pipe", " > normal");
  EXPECT_TRUE(levels.front().starts_with(machine + "normal > ")) << levels.front();
  expect_chain(levels, "pressure output pipe " + fifo_, "normal");
  const auto reliefs = journal("relief ", "relief slow: cutoff 64KiB > none");
  EXPECT_THAT(reliefs, testing::Each(HasSubstr("relief slow: ")));
  EXPECT_TRUE(reliefs.front().starts_with("relief slow: none > cutoff 64KiB")) << reliefs.front();
  EXPECT_THAT(reliefs, testing::Contains("relief slow: drop > cutoff 64KiB, truncate 128, sample "
                                         "1/8"));
  const std::string events = ctl({"events", "--after", "0", "--json"}).out;
  EXPECT_THAT(events, ContainsRegex("\"kind\":\"pressure_changed\".*\"to\":\"" + level + "\""));
  EXPECT_THAT(events, ContainsRegex("\"kind\":\"relief_changed\".*\"to\":\"drop\""));
  EXPECT_THAT(events, ContainsRegex("\"kind\":\"pressure_changed\".*\"to\":\"normal\""));
  EXPECT_THAT(events, ContainsRegex("\"kind\":\"relief_changed\".*\"to\":\"none\""));
  stop_engine();
  EXPECT_TRUE(law_holds(stats())) << stats();
}

TEST_F(RunPressure, SwitchedOffItTellsOfLevelsAndDoesNothing) {
  const UniqueFd reader = make_fifo(fifo_);
  configure(head() + std::string(kQuick) + "enabled = false\n" + piped());
  start_engine();
  send_until_critical();
  EXPECT_EQ(pipe_now().at("steps"), 0);
  EXPECT_EQ(relief_of("slow"), "");
  EXPECT_THAT(ctl({"pressure"}).out, HasSubstr("pressure.enabled is false: nothing is done\n"));
  // Switched on while it runs.
  configure(head() + std::string(kQuick) + piped());
  ASSERT_EQ(post("/v1/config/reload").status, 200);
  while (relief_of("slow") != "drop") {
  }
  stop_engine();
}

// Limits so low that a block of the disk that is being filled is pressure.
TEST_F(RunPressure, OfSessionsOnOneDiskThatWithTheLowestPriorityGoesFirstAndComesBackLast) {
  const std::string ladders =
      std::string(kQuick) + "cpu = []\nmemory = []\noutput = [\"truncate 128\", \"drop\"]\n";
  const std::string sessions = filed("high", "priority = 200\n") + filed("low", "priority = 10\n");
  configure(head() + ladders + "elevated = 1\nhigh = 2\ncritical = 3\n" + sessions);
  start_engine();
  send(1'100, 1400);
  wait_until_received(sent_);
  while (relief_of("high") != "drop") {
  }
  EXPECT_EQ(relief_of("low"), "drop");
  // With limits as they are by default there is enough.
  configure(head() + ladders + sessions);
  ASSERT_EQ(post("/v1/config/reload").status, 200);
  while (!relief_of("low").empty()) {
  }
  const auto rows = journal("relief ", "relief low: truncate 128 > none");
  const auto at = [&](const std::string& row) { return std::ranges::find(rows, row); };
  const auto low_is_down = std::ranges::find_if(rows, [](const std::string& row) {
    return row.starts_with("relief low: ") && row.ends_with("> drop");
  });
  const auto high_begins = std::ranges::find_if(
      rows, [](const std::string& row) { return row.starts_with("relief high: none > "); });
  ASSERT_NE(low_is_down, rows.end());
  ASSERT_NE(high_begins, rows.end());
  EXPECT_LT(low_is_down, high_begins);
  ASSERT_NE(at("relief high: truncate 128 > none"), rows.end());
  EXPECT_LT(at("relief high: truncate 128 > none"), at("relief low: drop > truncate 128"));
  EXPECT_EQ(stop_engine().status, 0);
}

}  // namespace
}  // namespace weir::test
