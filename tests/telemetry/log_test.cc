#include "telemetry/log.h"

#include <fcntl.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "support/fake_clock.h"
#include "support/temp_dir.h"

namespace weir::telemetry {
namespace {

class LogTest : public testing::Test {
 protected:
  LogService make(LogService::Options options = {}) {
    return LogService(clock_, UniqueFd(::open(path_.c_str(), O_WRONLY | O_CREAT, 0600)),
                      std::move(options));
  }
  std::vector<std::string> lines(LogService& service) {
    EXPECT_TRUE(service.flush(std::chrono::seconds(60)));
    std::ifstream file(path_);
    std::vector<std::string> found;
    for (std::string line; std::getline(file, line);) found.push_back(line);
    return found;
  }
  static std::uint64_t value_of(const LogService& service, Metric metric,
                                std::string_view label = "") {
    Collection all;
    service.collect(all);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].info->metric == metric && all[i].labels[0] == label) return all[i].value.whole();
    }
    ADD_FAILURE() << "no " << info_of(metric).name;
    return 0;
  }

  test::FakeClock clock_{Timestamp{1'795'644'000'000'000'000}};
  const test::TempDir directory_;
  const std::string path_ = directory_.file("log");
};

using Lines = std::vector<std::string>;

TEST_F(LogTest, SaysWhoSaysWhatWhen) {
  LogService service = make();
  const Logger log = service.logger("capture");
  log.info("session begun", {{"session", "all"}, {"packets", 7}});
  clock_.advance(std::chrono::milliseconds(1500));
  log.error("output failed");
  EXPECT_EQ(lines(service),
            (Lines{"2026-11-25T22:00:00.000Z INFO capture: session begun session=all packets=7",
                   "2026-11-25T22:00:01.500Z ERROR capture: output failed"}));
}

TEST_F(LogTest, KeepsToTheLevelOfTheModule) {
  LogService service = make({.level = LogLevel::Warning, .levels = {{"control", LogLevel::Debug}}});
  const Logger capture = service.logger("capture");
  const Logger control = service.logger("control");
  for (const Logger& log : {capture, control}) {
    log.debug("debug");
    log.info("info");
    log.warning("warning");
    log.error("error");
  }
  EXPECT_EQ(lines(service).size(), 2u + 4u);
  EXPECT_FALSE(capture.enabled(LogLevel::Info));
  EXPECT_TRUE(control.enabled(LogLevel::Debug));
}

TEST_F(LogTest, ChangesLevelsWhileItRuns) {
  LogService service = make();
  const Logger log = service.logger("capture");
  const Logger copy = log;
  ASSERT_TRUE(service.set_level("capture", LogLevel::Error).ok());
  EXPECT_FALSE(copy.enabled(LogLevel::Warning));
  EXPECT_EQ(service.level("capture"), LogLevel::Error);
  EXPECT_EQ(service.level(""), LogLevel::Info);

  ASSERT_TRUE(service.set_level("", LogLevel::Debug).ok());
  EXPECT_TRUE(log.enabled(LogLevel::Debug));
  EXPECT_TRUE(service.logger("later").enabled(LogLevel::Debug));
}

TEST_F(LogTest, NamesTheModulesWhenOneIsUnknown) {
  LogService service = make();
  (void)service.logger("capture");
  (void)service.logger("control");
  const auto refused = service.set_level("captrue", LogLevel::Debug);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::NotFound);
  EXPECT_EQ(refused.error().context,
            "set the log level of captrue: no such module (there are: capture, control)");
}

TEST_F(LogTest, SaysHowOftenAPlaceWasSuppressed) {
  LogService service = make();
  const Logger log = service.logger("capture");
  const auto say = [&] { log.warning("packets lost", {{"interface", "eth0"}}); };
  for (int i = 0; i < 50; ++i) say();
  EXPECT_EQ(lines(service).size(), 10u);
  clock_.advance(std::chrono::seconds(1));
  say();
  const Lines all = lines(service);
  ASSERT_EQ(all.size(), 11u);
  EXPECT_TRUE(all.back().ends_with("packets lost interface=eth0 suppressed=40")) << all.back();
  EXPECT_EQ(value_of(service, Metric::LogSuppressed), 40u);
  EXPECT_EQ(value_of(service, Metric::LogLines, "warning"), 11u);
  EXPECT_EQ(value_of(service, Metric::LogLost), 0u);
}

TEST_F(LogTest, DoesNotCountWhatNobodyWantsToHear) {
  LogService service = make();
  const Logger log = service.logger("capture");
  const auto say = [&] { log.debug("detail"); };
  for (int i = 0; i < 50; ++i) say();
  ASSERT_TRUE(service.set_level("", LogLevel::Debug).ok());
  say();
  EXPECT_EQ(lines(service).size(), 1u);
  EXPECT_EQ(value_of(service, Metric::LogSuppressed), 0u);
}

TEST_F(LogTest, SaysNothingWithoutAService) {
  const Logger log;
  log.error("nobody hears it");
  EXPECT_FALSE(log.enabled(LogLevel::Error));
}

TEST_F(LogTest, KeepsLinesOfSeveralThreadsWhole) {
  LogService service = make({.format = LogFormat::Text});
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&service, i] {
      const Logger log = service.logger("module" + std::to_string(i));
      for (int line = 0; line < 10; ++line) log.info("a line", {{"number", line}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Lines all = lines(service);
  EXPECT_EQ(all.size(), 10u * kThreads);
  EXPECT_TRUE(std::ranges::all_of(all, [](const std::string& line) {
    return line.starts_with("2026-11-25T22:00:00.000Z INFO module") &&
           line.find(": a line number=") != std::string::npos;
  }));
}

TEST_F(LogTest, AssertsThatModulesHavePlainNames) {
  EXPECT_DEATH((void)make().logger("a module\n"), "internal error");
  EXPECT_DEATH((void)make().logger(""), "internal error");
}

}  // namespace
}  // namespace weir::telemetry
