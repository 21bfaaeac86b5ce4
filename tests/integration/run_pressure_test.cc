// An engine under pressure: a pipe that nobody reads, a disk that two sessions share. Levels, what
// sessions are told to do with less of, and the way back; what the packets then lack is shown by
// the tests of the mechanisms.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "integration/run_fixture.h"

namespace weir::test {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;

class RunPressure : public Run {
 protected:
  static constexpr std::string_view kQuick =
      "[pressure]\nstep_interval = \"50ms\"\nrecover_after = \"200ms\"\n";

  // There before weir opens the other end.
  UniqueFd make_fifo() const {
    EXPECT_EQ(::mkfifo(fifo_.c_str(), 0600), 0);
    UniqueFd reader(::open(fifo_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    EXPECT_TRUE(reader);
    return reader;
  }
  [[nodiscard]] std::string piped(std::string_view keys = "") const {
    return session("slow", std::string(keys) + "[session.pcapng]\npath = \"" + fifo_ + "\"\n");
  }
  [[nodiscard]] std::string filed(std::string_view name, std::string_view keys = "") const {
    return session(name, std::string(keys) + "[session.pcapng]\npath = \"" +
                             dir_.file(std::string(name) + ".pcapng") + "\"\n");
  }
  [[nodiscard]] nlohmann::json pressure() const { return get("/v1/pressure").json(); }
  [[nodiscard]] nlohmann::json pipe_now() const {
    const nlohmann::json now = pressure();
    for (const auto& place : now.at("places")) {
      if (place.at("place") == "pipe " + fifo_) return place;
    }
    return {{"level", "none"}};
  }
  [[nodiscard]] std::string relief_of(const std::string& name) const {
    const nlohmann::json now = pressure();
    for (const auto& one : now.at("sessions")) {
      if (one.at("session") == name) return one.at("relief");
    }
    return "no session " + name;
  }
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
  // "machine: from > to", oldest first, of machines that begin so. The last row, which ends
  // so, comes a moment after what it tells of.
  [[nodiscard]] std::vector<std::string> journal(const std::string& machines,
                                                 const std::string& last) const {
    std::vector<std::string> rows;
    while (rows.empty() || !rows.back().ends_with(last)) {
      rows.clear();
      const nlohmann::json page = get("/v1/journal?limit=1000").json();
      for (const auto& row : page.at("journal")) {
        const std::string machine = row.at("machine");
        if (!machine.starts_with(machines)) continue;
        rows.push_back(machine + ": " + std::string(row.at("from")) + " > " +
                       std::string(row.at("to")));
      }
      std::reverse(rows.begin(), rows.end());
    }
    return rows;
  }

  const std::string fifo_ = dir_.file("fifo");
};

TEST_F(RunPressure, APipeThatNobodyReadsIsTheMatterOfItsSessionAndEndsWithItsReader) {
  const UniqueFd reader = make_fifo();
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
  // Each row begins where the one before it has ended.
  std::string state = "normal";
  for (const std::string& row : levels) {
    EXPECT_TRUE(row.starts_with(machine + state + " > ")) << row;
    state = row.substr(row.rfind(' ') + 1);
  }
  EXPECT_EQ(state, "normal");
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
  const UniqueFd reader = make_fifo();
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
