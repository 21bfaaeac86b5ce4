#include "telemetry/report.h"

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace weir::telemetry {
namespace {

class Receiver final : public ReportSink {
 public:
  Result<void> send(const Report& report) override {
    last = report;
    if (away) return Error{.code = ErrorCode::Io, .context = "buffer full"};
    return ok();
  }
  bool away = false;
  Report last;
};

class ReporterTest : public testing::Test {
 protected:
  void publish(int count) {
    for (int i = 0; i < count; ++i) events_.publish({.kind = EventKind::ConfigCommitted});
  }

  test::FakeClock clock_;
  Registry registry_;
  EventHub events_{clock_, 4};
  Receiver receiver_;
  Reporter reporter_{registry_, events_, receiver_, {.events_max = 3}};
};

TEST_F(ReporterTest, TellsMetricsAndTheEventsSinceTheLastReport) {
  publish(2);
  ASSERT_TRUE(reporter_.report({5}).ok());
  EXPECT_EQ(receiver_.last.time, Timestamp{5});
  EXPECT_EQ(receiver_.last.metrics.size(), 1u);
  EXPECT_EQ(receiver_.last.events.size(), 2u);
  publish(1);
  ASSERT_TRUE(reporter_.report({6}).ok());
  ASSERT_EQ(receiver_.last.events.size(), 1u);
  EXPECT_EQ(receiver_.last.events[0].id, 3u);
}

TEST_F(ReporterTest, TellsEventsAgainThatWereNotTaken) {
  publish(1);
  receiver_.away = true;
  EXPECT_FALSE(reporter_.report({5}).ok());
  receiver_.away = false;
  ASSERT_TRUE(reporter_.report({6}).ok());
  EXPECT_EQ(receiver_.last.events.size(), 1u);
}

TEST_F(ReporterTest, KeepsToItsBoundsAndSaysWhatWasMissed) {
  publish(6);
  ASSERT_TRUE(reporter_.report({5}).ok());
  EXPECT_EQ(receiver_.last.events_missed, 2u);
  ASSERT_EQ(receiver_.last.events.size(), 3u);
  EXPECT_EQ(receiver_.last.events[0].id, 3u);
  ASSERT_TRUE(reporter_.report({6}).ok());
  ASSERT_EQ(receiver_.last.events.size(), 1u);
  EXPECT_EQ(receiver_.last.events[0].id, 6u);
}

}  // namespace
}  // namespace weir::telemetry
