#include "telemetry/log_limit.h"

#include <gtest/gtest.h>

namespace weir::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonotonicTime kStart{5'000'000'000};
constexpr const char* kMessage = "message";
constexpr int kModule = 0;

class LogLimitTest : public testing::Test {
 protected:
  std::optional<std::uint64_t> at(Duration after, LogLevel level = LogLevel::Error) {
    return limit_.admit(&kModule, level, kMessage, kStart + after);
  }
  // How many of `count` lines at one moment are let through.
  int admitted(int count, Duration after) {
    int lines = 0;
    for (int i = 0; i < count; ++i) lines += at(after) ? 1 : 0;
    return lines;
  }

  LogLimit limit_;
};

TEST_F(LogLimitTest, LetsTenLinesThroughAtOnce) {
  EXPECT_EQ(admitted(100, seconds(0)), 10);
  EXPECT_EQ(limit_.suppressed(), 90u);
}

TEST_F(LogLimitTest, LetsOneASecondThroughAfterThat) {
  EXPECT_EQ(admitted(10, seconds(0)), 10);
  EXPECT_EQ(admitted(5, milliseconds(999)), 0);
  EXPECT_EQ(admitted(5, milliseconds(1000)), 1);
  EXPECT_EQ(admitted(5, milliseconds(1999)), 0);
  EXPECT_EQ(admitted(5, milliseconds(2000)), 1);
}

TEST_F(LogLimitTest, KeepsPartsOfASecond) {
  EXPECT_EQ(admitted(10, seconds(0)), 10);
  int lines = 0;
  for (int i = 1; i <= 100; ++i) lines += admitted(1, milliseconds(100 * i));
  EXPECT_EQ(lines, 10) << "ten seconds in steps of a tenth";
}

TEST_F(LogLimitTest, SaysWithTheNextLineHowManyWereLeftOut) {
  EXPECT_EQ(at(seconds(0)), 0u);
  EXPECT_EQ(admitted(30, seconds(0)), 9);
  EXPECT_EQ(at(seconds(1)), 21u);
  EXPECT_EQ(at(seconds(2)), 0u);
  EXPECT_EQ(limit_.suppressed(), 21u);
}

TEST_F(LogLimitTest, EarnsNoMoreThanTheFirstTen) {
  EXPECT_EQ(admitted(10, seconds(0)), 10);
  EXPECT_EQ(admitted(100, seconds(3600)), 10);
}

TEST_F(LogLimitTest, CountsFromTheLineThatBeganABurst) {
  EXPECT_EQ(admitted(1, seconds(0)), 1);
  EXPECT_EQ(admitted(100, seconds(100)), 10);
  EXPECT_EQ(admitted(100, seconds(100) + milliseconds(999)), 0);
  EXPECT_EQ(admitted(100, seconds(101)), 1);
}

TEST_F(LogLimitTest, StandsTimesThatComeOutOfOrder) {
  EXPECT_EQ(admitted(10, seconds(10)), 10);
  EXPECT_EQ(admitted(1, seconds(9)), 0);
  EXPECT_EQ(admitted(2, seconds(11)), 1);
}

TEST_F(LogLimitTest, JudgesPlacesLevelsAndModulesApart) {
  EXPECT_EQ(admitted(100, seconds(0)), 10);
  EXPECT_EQ(at(seconds(0), LogLevel::Info), 0u);
  const int other_module = 0;
  EXPECT_EQ(limit_.admit(&other_module, LogLevel::Error, kMessage, kStart), 0u);
  const char other_message[] = "message";
  EXPECT_EQ(limit_.admit(&kModule, LogLevel::Error, other_message, kStart), 0u);
}

}  // namespace
}  // namespace weir::telemetry
