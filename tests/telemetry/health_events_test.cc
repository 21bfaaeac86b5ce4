#include "telemetry/health_events.h"

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace weir::telemetry {
namespace {

TEST(HealthEventsTest, TellsOfChangesAndOfTheClock) {
  const test::FakeClock clock;
  EventHub hub(clock);
  HealthEvents events(hub);
  events.on_health({.name = "worker eth0/0",
                    .from = Health::Late,
                    .to = Health::Stalled,
                    .reason = "no turn for 5.0 s"});
  events.on_health({.name = "worker eth0/0", .from = Health::Stalled, .to = Health::Ok});
  events.on_clock_jump(clock.wall(), -std::chrono::milliseconds(1500));

  const std::vector<Event> told = hub.read_after(0, 10).events;
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[0].kind, EventKind::HealthChanged);
  EXPECT_EQ(told[0].severity, Severity::Error);
  EXPECT_EQ(told[0].text, "worker eth0/0 is stalled: no turn for 5.0 s");
  EXPECT_EQ(told[0].fields, (std::vector<EventField>{{"name", "worker eth0/0"},
                                                     {"from", "late"},
                                                     {"to", "stalled"},
                                                     {"reason", "no turn for 5.0 s"}}));
  EXPECT_EQ(told[1].severity, Severity::Info);
  EXPECT_EQ(told[1].text, "worker eth0/0 is ok");
  EXPECT_EQ(told[2].kind, EventKind::ClockJumped);
  EXPECT_EQ(told[2].fields, (std::vector<EventField>{{"seconds", "-1.5"}}));
}

}  // namespace
}  // namespace weir::telemetry
